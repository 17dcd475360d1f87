import HTTPTypes
import NIOCore
import NetworkTypes
import Testing
import Tunnel

@Suite("The head of an exchange on a stream")
struct ExchangeHeadTests {
    static let request: HTTPRequest = {
        var request = HTTPRequest(method: .post, scheme: "https", authority: "gateway", path: "/a?b=ü")
        request.headerFields[.contentType] = "text/xml"
        request.headerFields.append(HTTPField(name: .setCookie, value: "a"))
        request.headerFields.append(HTTPField(name: .setCookie, value: "b"))
        return request
    }()
    static let response = HTTPResponse(status: .init(code: 412), headerFields: [.server: "x", .contentLength: "0"])

    @Test("comes back as it was, and leaves the body alone", arguments: TrafficClass.allCases)
    func roundTrip(_ trafficClass: TrafficClass) throws {
        for head in [ExchangeHead.request(Self.request, trafficClass), .response(Self.response)] {
            var bytes = try head.encoded()
            bytes.writeString("body")
            #expect(try ExchangeHead(from: &bytes) == head)
            #expect(String(buffer: bytes) == "body")
        }
    }

    @Test("is not there before its last byte is, and nothing is taken until then")
    func pieces() throws {
        let whole = try ExchangeHead.request(Self.request, .media).encoded()
        for length in 0..<whole.readableBytes {
            var part = try #require(whole.getSlice(at: 0, length: length))
            #expect(try ExchangeHead(from: &part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test("has the bytes that are written down")
    func layout() throws {
        let head = ExchangeHead.response(HTTPResponse(status: .ok, headerFields: [.server: "x"]))
        #expect(
            Array(buffer: try head.encoded()) == [0, 21, 7] + Array(":status".utf8) + [3] + Array("200".utf8)
                + [6] + Array("server".utf8) + [1] + Array("x".utf8))
    }

    @Test("does not carry fields about a connection (RFC 9113 §8.2.2)")
    func connectionFields() throws {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/")
        request.headerFields[.connection] = "close"
        request.headerFields[.transferEncoding] = "chunked"
        var bytes = try ExchangeHead.request(request, .control).encoded()
        guard case .request(let received, .control)? = try ExchangeHead(from: &bytes) else {
            Issue.record("no request")
            return
        }
        #expect(received.headerFields.isEmpty)
    }

    @Test(
        "is refused when it is none",
        arguments: [
            // An unknown kind, a length of eight bytes, a field that is cut off, and no first line.
            [4, 2, 1, 0], [0, 0xC0, 0, 0, 0, 0, 0, 0, 1], [0, 2, 9, 1], [0, 0], [1, 0],
            // A status of words, twice a status, a name in capitals, and a line break in a value.
            [0, 12, 7] + Array(":status".utf8) + [3] + Array("abc".utf8),
            [0, 24, 7] + Array(":status".utf8) + [3] + Array("200".utf8) + [7] + Array(":status".utf8) + [3]
                + Array("200".utf8),
            [0, 16, 7] + Array(":status".utf8) + [3] + Array("200".utf8) + [1, 0x41, 1, 0x41],
            [0, 16, 7] + Array(":status".utf8) + [3] + Array("200".utf8) + [1, 0x61, 1, 0x0A],
            // A part of the first line behind a field.
            [0, 16, 1, 0x61, 1, 0x61, 7] + Array(":status".utf8) + [3] + Array("200".utf8),
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: ExchangeHead.Fault.malformed) { try ExchangeHead(from: &buffer) }
    }

    @Test("is bounded in bytes and in fields")
    func bounds() throws {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/")
        request.headerFields[.cookie] = String(repeating: "x", count: ExchangeHead.maximumBytes)
        #expect(throws: ExchangeHead.Fault.tooLong) { try ExchangeHead.request(request, .control).encoded() }
        // The length alone is enough.
        var announced = ByteBuffer(bytes: [1, 0x80, 1, 0, 1])
        #expect(throws: ExchangeHead.Fault.tooLong) { try ExchangeHead(from: &announced) }
        request.headerFields = [:]
        for _ in 0...ExchangeHead.maximumFields { request.headerFields.append(HTTPField(name: .cookie, value: "")) }
        var many = try ExchangeHead.request(request, .control).encoded()
        #expect(throws: ExchangeHead.Fault.tooLong) { try ExchangeHead(from: &many) }
    }

    @Test("from random bytes is refused or read, and never more", arguments: [1, 2, 3] as [UInt64])
    func random(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            var bytes = generator.bytes(Int.random(in: 0...40, using: &generator))
            if bytes.count > 1 { bytes[0] = bytes[0] & 3; bytes[1] = UInt8(bytes.count - 2) }
            var buffer = ByteBuffer(bytes: bytes)
            _ = try? ExchangeHead(from: &buffer)
            #expect(buffer.readableBytes <= bytes.count)
        }
    }
}
