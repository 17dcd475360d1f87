package import struct NIOCore.ByteBuffer

/// Finds the ClientHello at the beginning of a connection, however it is cut into records and segments
/// (RFC 8446 §5.1), in time that grows with its length alone.
package struct ClientHelloReader: Sendable {
    /// What the bytes so far amount to.
    package enum Step: Hashable, Sendable {
        /// It is not complete.
        case more
        /// It is complete. Bytes that follow it belong to the same connection.
        case hello(ClientHello)
        /// It never will be one that counts.
        case refused(ClientHelloRefusal)
    }

    /// The longest hello that is read, in bytes. One with a post-quantum key share has less than 2,000.
    package static let maximumBytes = 16 << 10
    /// The most records that it may be cut into.
    package static let maximumRecords = 64

    private var recordHeader: [UInt8] = []
    private var leftOfRecord = 0
    private var records = 0
    private var message = ByteBuffer()

    /// Makes a reader for the first byte of a connection.
    package init() {}

    /// Takes the next bytes of the connection.
    package mutating func feed(_ bytes: ByteBuffer) -> Step {
        var bytes = bytes
        do {
            while bytes.readableBytes > 0 {
                if leftOfRecord == 0 {
                    guard let byte = bytes.readInteger(as: UInt8.self) else { break }
                    recordHeader.append(byte)
                    try checkHeader()
                    continue
                }
                let length = min(leftOfRecord, bytes.readableBytes)
                guard var part = bytes.readSlice(length: length) else { break }
                message.writeBuffer(&part)
                leftOfRecord -= length
                if leftOfRecord == 0 { recordHeader.removeAll(keepingCapacity: true) }
                if let hello = try complete() { return .hello(hello) }
            }
            return .more
        } catch {
            return .refused(error)
        }
    }

    /// Judges each byte of a record's header as it comes, so that garbage is refused at once.
    private mutating func checkHeader() throws(ClientHelloRefusal) {
        // A handshake record of whatever version (RFC 8446 §5.1: its minor number is ignored).
        guard recordHeader[0] == 22, recordHeader.count < 2 || recordHeader[1] == 3 else { throw .notTLS }
        guard recordHeader.count == 5 else { return }
        let length = Int(recordHeader[3]) << 8 | Int(recordHeader[4])
        // Handshake records are never empty, and none is longer than 2^14 (RFC 8446 §5.1).
        guard (1...16_384).contains(length) else { throw .malformed }
        records += 1
        guard records <= Self.maximumRecords else { throw .tooLong }
        leftOfRecord = length
    }

    private func complete() throws(ClientHelloRefusal) -> ClientHello? {
        guard let type = message.getInteger(at: message.readerIndex, as: UInt8.self) else { return nil }
        guard type == 1 else { throw .notTLS }
        guard message.readableBytes >= 4, let high = message.getInteger(at: message.readerIndex + 1, as: UInt8.self),
            let low = message.getInteger(at: message.readerIndex + 2, as: UInt16.self)
        else { return nil }
        let length = Int(high) << 16 | Int(low)
        guard length <= Self.maximumBytes else { throw .tooLong }
        guard let body = message.getSlice(at: message.readerIndex + 4, length: length) else { return nil }
        return try ClientHello(body: body)
    }
}
