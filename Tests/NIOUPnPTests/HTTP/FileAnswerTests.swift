import Foundation
import HTTPTypes
import NIOCore
import NetworkTypes
import Testing

@testable import NIOUPnP

@Suite("Files as answers", .timeLimit(.minutes(1)))
struct FileAnswerTests {
    /// Runs `body` against a server of one file of `size` bytes, whose byte at n is n modulo 251.
    private func withFile(
        size: Int, _ body: (HTTPClient, SocketEndpoint, URL) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "file-answer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "film.bin")
        try Data((0..<size).map { UInt8($0 % 251) }).write(to: file)
        let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
        defer { client.shutDown() }
        try await withHTTPServer { exchange in
            let name = exchange.request.path == "/film" ? file.path : folder.appending(path: "none").path
            let path = exchange.request.path == "/folder" ? folder.path : name
            try await exchange.respond(file: path, type: "video/mp4", headers: [.contentLanguage: "en"])
        } _: { endpoint, _ in
            try await body(client, endpoint, file)
        }
    }

    private func get(
        _ client: HTTPClient, _ endpoint: SocketEndpoint, path: String = "/film", method: HTTPRequest.Method = .get,
        _ fields: HTTPFields = [:]
    ) async throws -> (HTTPResponse, [UInt8]) {
        var request = HTTPRequest.get(path, at: endpoint, fields)
        request.method = method
        return try await client.withResponse(request, to: endpoint) {
            ($0, Array(buffer: try await $1.collect(upTo: 1 << 22)))
        }
    }

    @Test func `a whole file arrives with its type, length and the fields that were given`() async throws {
        try await withFile(size: 1_000_000) { client, endpoint, _ in
            let (response, bytes) = try await get(client, endpoint)
            #expect(response.status == .ok)
            #expect(response.headerFields[.contentType] == "video/mp4")
            #expect(response.headerFields[.contentLanguage] == "en")
            #expect(response.headerFields[.acceptRanges] == "bytes")
            #expect(bytes == (0..<1_000_000).map { UInt8($0 % 251) })
            let (head, none) = try await get(client, endpoint, method: .head)
            #expect(head.headerFields[.contentLength] == "1000000")
            #expect(none.isEmpty)
        }
    }

    @Test(
        "A range is answered as RFC 9110 §14 has it",
        arguments: [
            ("bytes=0-0", 0..<1), ("bytes=10-19", 10..<20), ("bytes=990-", 990..<1000), ("bytes=-5", 995..<1000),
            ("bytes=-5000", 0..<1000), ("bytes=999-99999999999999999999", 999..<1000), ("BYTES=5-6", 5..<7),
            ("bytes=5-4", nil), ("bytes=a-b", nil), ("bytes=0-1,5-6", nil), ("items=0-1", nil), ("bytes=-", nil),
        ] as [(String, Range<Int>?)])
    func ranges(field: String, expected: Range<Int>?) async throws {
        try await withFile(size: 1000) { client, endpoint, _ in
            let (response, bytes) = try await get(client, endpoint, [.range: field])
            let range = expected ?? 0..<1000
            #expect(response.status == (expected == nil ? .ok : .partialContent))
            #expect(
                response.headerFields[.contentRange]
                    == expected.map { "bytes \($0.lowerBound)-\($0.upperBound - 1)/1000" })
            #expect(bytes == range.map { UInt8($0 % 251) })
        }
    }

    @Test func `a range of which nothing is there is refused with the size`() async throws {
        try await withFile(size: 1000) { client, endpoint, _ in
            for field in ["bytes=1000-", "bytes=-0"] {
                let (response, _) = try await get(client, endpoint, [.range: field])
                #expect(response.status == .rangeNotSatisfiable)
                #expect(response.headerFields[.contentRange] == "bytes */1000")
            }
        }
        try await withFile(size: 0) { client, endpoint, _ in
            let answer1 = try await get(client, endpoint, [.range: "bytes=0-"]).0
            #expect(answer1.status == .rangeNotSatisfiable)
            let answer2 = try await get(client, endpoint).0
            #expect(answer2.status == .ok)
        }
    }

    @Test func `a range of a file that is another one by now is answered whole`() async throws {
        try await withFile(size: 1000) { client, endpoint, file in
            let tag = try #require(try await get(client, endpoint).0.headerFields[.eTag])
            let fields: HTTPFields = [.range: "bytes=1-2", .ifRange: tag]
            let answer3 = try await get(client, endpoint, fields).0
            #expect(answer3.status == .partialContent)
            let answer4 = try await get(client, endpoint, [.ifNoneMatch: tag]).0
            #expect(answer4.status == .notModified)
            try Data("another".utf8).write(to: file)
            let (response, bytes) = try await get(client, endpoint, fields)
            #expect(response.status == .ok)
            #expect(bytes == Array("another".utf8))
        }
    }

    @Test func `what is no regular file is not there`() async throws {
        try await withFile(size: 1) { client, endpoint, _ in
            for path in ["/none", "/folder"] {
                let answer5 = try await get(client, endpoint, path: path).0
                #expect(answer5.status == .notFound)
            }
        }
    }
}
