internal import Crypto

package import struct NIOCore.ByteBuffer

/// Writes and reads the frames of one standby connection: a record as TLS writes its own (RFC 8446 §5.1), in it the
/// frame in the clear and 16 bytes of HMAC-SHA-256 over side, number and frame.
///
/// An idle gateway costs its relay this value and a socket, where TLS would keep its buffers and contexts. Nothing
/// secret is said here; numbers make every frame good for one place in one direction.
package struct StandbyCodec: Sendable {
    /// Whose codec it is.
    package enum Side: UInt8, Hashable, Sendable {
        case gateway = 0x67
        case relay = 0x72

        var other: Side { self == .gateway ? .relay : .gateway }
    }

    /// The longest record's body, in bytes.
    package static let maximumBytes = 64
    private static let codeBytes = 16

    private let key: StandbyKey
    private let side: Side
    private var sent: UInt32 = 0
    private var received: UInt32 = 0

    /// Makes the codec of a connection that begins.
    package init(key: StandbyKey, side: Side) {
        self.key = key
        self.side = side
    }

    /// Writes the next frame.
    package mutating func encode(_ frame: StandbyFrame) -> ByteBuffer {
        let bytes = frame.bytes
        let code = code(bytes, from: side, number: sent)
        sent += 1
        var record = ByteBuffer()
        record.writeBytes([23, 3, 3])
        record.writeInteger(UInt16(truncatingIfNeeded: bytes.count + code.count))
        record.writeBytes(bytes)
        record.writeBytes(code)
        return record
    }

    /// Takes the next frame from the front of `bytes`; nil while it is not all there. Frames of a later version are
    /// passed over.
    package mutating func decode(from bytes: inout ByteBuffer) throws(StandbyFault) -> StandbyFrame? {
        while let (head, length) = bytes.peekHead() {
            guard head == 0x1703_03, (Self.codeBytes + 1...Self.maximumBytes).contains(Int(length)) else {
                throw .malformed
            }
            guard bytes.readableBytes >= 5 + Int(length) else { return nil }
            bytes.moveReaderIndex(forwardBy: 5)
            guard let frame = bytes.readBytes(length: Int(length) - Self.codeBytes),
                let code = bytes.readBytes(length: Self.codeBytes)
            else { throw .malformed }
            guard Self.equal(code, self.code(frame, from: side.other, number: received)) else { throw .forged }
            received += 1
            if let frame = StandbyFrame(bytes: frame) { return frame }
        }
        return nil
    }

    private func code(_ frame: [UInt8], from side: Side, number: UInt32) -> [UInt8] {
        let place = [side.rawValue] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        return Array(key.authenticate(place + frame).prefix(Self.codeBytes))
    }

    /// In a time that does not tell where they differ.
    static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension ByteBuffer {
    /// The type and version, and the length, of the record at the front.
    fileprivate func peekHead() -> (UInt32, UInt16)? {
        guard let type = getInteger(at: readerIndex, as: UInt8.self),
            let version = getInteger(at: readerIndex + 1, as: UInt16.self),
            let length = getInteger(at: readerIndex + 3, as: UInt16.self)
        else { return nil }
        return (UInt32(type) << 16 | UInt32(version), length)
    }
}
