import CZlib
import NIOCore

extension HTTPBody {
    /// How many times larger than what was sent a body may become, once it is larger than 64 KiB.
    static let maximumInflation = 100

    /// Reads the rest of the body into one buffer and undoes its `Content-Encoding` (RFC 9110 §8.4.1): none,
    /// `identity`, `gzip` or `deflate`.
    ///
    /// Inflates piece by piece, so that a body that would become larger than `limit` bytes, or
    /// `maximumInflation` times what was sent, costs no more memory than that.
    ///
    /// - Throws: `HTTPTransportError` `bodyTooLarge`, or `malformedMessage` for another coding and for data
    ///   that is not of its coding.
    func collect(upTo limit: Int, coding: String?) async throws -> ByteBuffer {
        switch coding?.lowercased() {
        case nil, "", "identity": return try await collect(upTo: limit)
        case "gzip", "x-gzip", "deflate": break
        case let coding?:
            throw HTTPTransportError(
                .malformedMessage, "the body is in the coding “\(coding)”, which was not asked for")
        }
        var output = ByteBuffer()
        guard let inflater = Inflater() else {
            throw HTTPTransportError(.malformedMessage, "there is no memory to inflate the body")
        }
        for try await chunk in self {
            try inflater.inflate(chunk, into: &output, limit: limit)
        }
        guard inflater.isComplete || inflater.received == 0 else {
            throw HTTPTransportError(.connectionClosed, "the compressed body ends early")
        }
        return output
    }
}

/// Undoes gzip (RFC 1952) and zlib (RFC 1950) compression, for one body and one task.
private final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private var room: [UInt8]
    private(set) var received = 0
    private(set) var isComplete = false

    init?() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        room = [UInt8](repeating: 0, count: 16 * 1024)
        // 15 bits of window; 32 more ask zlib to tell gzip and zlib apart by their headers.
        guard inflateInit2_(stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func inflate(_ chunk: ByteBuffer, into output: inout ByteBuffer, limit: Int) throws {
        received += chunk.readableBytes
        // What follows the end of the data is padding.
        guard !isComplete else { return }
        let allowed = min(limit, max(64 * 1024, received * HTTPBody.maximumInflation))
        try chunk.withUnsafeReadableBytes { input in
            // zlib does not write through `next_in`; its type only lacks the const.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            defer { stream.pointee.next_in = nil }
            repeat {
                let (result, written) = step()
                output.writeBytes(room[..<written])
                guard output.readableBytes <= allowed else {
                    throw HTTPTransportError(
                        .bodyTooLarge, "the body is larger than \(allowed) bytes when it is decompressed")
                }
                switch result {
                case Z_STREAM_END:
                    isComplete = true
                    return
                case Z_OK: break
                // Nothing more to do with what there is.
                case Z_BUF_ERROR: return
                default: throw HTTPTransportError(.malformedMessage, "the compressed body is damaged (zlib \(result))")
                }
            } while stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0
        }
    }

    private func step() -> (Int32, Int) {
        room.withUnsafeMutableBufferPointer { room in
            stream.pointee.next_out = room.baseAddress
            stream.pointee.avail_out = UInt32(room.count)
            let result = CZlib.inflate(stream, Z_NO_FLUSH)
            return (result, room.count - Int(stream.pointee.avail_out))
        }
    }
}
