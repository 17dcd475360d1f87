internal import Glibc
public import HTTPTypes
internal import NIOCore
internal import NIOPosix

extension HTTPServerExchange {
    /// Answers GET or HEAD with a file, or with the part of it that `Range` asks for (RFC 9110 §14).
    ///
    /// The file is read as fast as the peer takes it, 256 KiB at a time. `If-Range` and `If-None-Match` are
    /// honoured by a tag made of the file's size, time and place. Whether the path may be served is the
    /// caller's to decide: this opens whatever it names. What is no regular file is answered with 404.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - type: The media type.
    ///   - headers: Further fields, such as `contentFeatures.dlna.org`.
    public func respond(file path: String, type: String, headers: HTTPFields = [:]) async throws {
        guard let file = try await NIOThreadPool.singleton.runIfActive({ OpenFile(path) }) else {
            return try await respond(.notFound)
        }
        var response = HTTPResponse(status: .ok, headerFields: headers)
        response.headerFields[.contentType] = type
        response.headerFields[.acceptRanges] = "bytes"
        response.headerFields[.eTag] = file.tag
        response.headerFields[.lastModified] = HTTPDate.text(file.modified)
        let fields = request.headerFields
        if let tags = fields[.ifNoneMatch], tags == "*" || tags.contains(file.tag) {
            response.status = .notModified
            try await respond(response)
            return try await finish()
        }
        let isCurrent = fields[.ifRange].map { $0 == file.tag } ?? true
        var range = 0..<file.size
        switch ByteRange(isCurrent ? fields[.range] : nil, size: file.size) {
        case .whole: break
        case .part(let part):
            range = part
            response.status = .partialContent
            response.headerFields[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)"
        case .unsatisfiable:
            return try await respond(
                .rangeNotSatisfiable, headers: [.contentRange: "bytes */\(file.size)", .acceptRanges: "bytes"])
        }
        response.headerFields[.contentLength] = "\(range.count)"
        try await respond(response)
        if request.method != .head {
            while !range.isEmpty {
                let next = range.prefix(256 << 10)
                let chunk = try await NIOThreadPool.singleton.runIfActive {
                    try file.read(next.startIndex..<next.endIndex)
                }
                try await send(chunk)
                range.removeFirst(chunk.readableBytes)
            }
        }
        try await finish()
    }
}

/// A regular file that is open for reading; closed with its last reference.
private final class OpenFile: Sendable {
    let size: Int64
    let modified: Int
    let tag: String
    private let descriptor: Int32

    /// Nil when there is no such file, or it is something else than a file.
    init?(_ path: String) {
        // Without O_NONBLOCK, a named pipe in a media folder would hold the thread for ever.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        size = Int64(facts.st_size)
        modified = facts.st_mtim.tv_sec
        let parts = [
            UInt64(facts.st_ino), UInt64(bitPattern: Int64(facts.st_size)),
            UInt64(bitPattern: Int64(facts.st_mtim.tv_sec)), UInt64(bitPattern: Int64(facts.st_mtim.tv_nsec)),
        ]
        tag = "\"" + parts.map { String($0, radix: 36) }.joined(separator: "-") + "\""
    }

    deinit { close(descriptor) }

    /// Reads bytes of that range, at least one of them.
    func read(_ range: Range<Int64>) throws -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: range.count)
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: range.count) { bytes in
            max(0, pread(descriptor, bytes.baseAddress, range.count, off_t(range.lowerBound)))
        }
        guard count > 0 else {
            throw HTTPTransportError(.connectionClosed, "a file became shorter while it was sent")
        }
        return buffer
    }
}
