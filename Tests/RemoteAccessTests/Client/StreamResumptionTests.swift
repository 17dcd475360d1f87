import HTTPTypes
import Testing

@testable import RemoteAccess

@Suite("A stream that goes on over another carrier")
struct StreamResumptionTests {
    private func response(_ code: Int, _ fields: HTTPFields) -> HTTPResponse {
        HTTPResponse(status: .init(code: code), headerFields: fields)
    }

    @Test("A whole file goes on after what the app has")
    func wholeFile() throws {
        var stream = try #require(
            StreamResumption(
                method: .get, response: response(200, [.acceptRanges: "bytes", .contentLength: "1000", .eTag: "\"a\""]))
        )
        stream.deliver(400)
        #expect(stream.range == "bytes=400-999")
        #expect(!stream.isComplete)
        #expect(stream.continues(with: response(206, [.contentRange: "bytes 400-999/1000", .eTag: "\"a\""])))
        stream.deliver(600)
        #expect(stream.isComplete)
    }

    @Test("A range goes on inside itself")
    func range() throws {
        var stream = try #require(
            StreamResumption(method: .get, response: response(206, [.contentRange: "bytes 100-199/1000"])))
        stream.deliver(50)
        #expect(stream.range == "bytes=150-199")
    }

    @Test(
        "What is not provably the same does not go on",
        arguments: [
            [HTTPField.Name.contentRange: "bytes 400-999/1001", .eTag: "\"a\""],
            [.contentRange: "bytes 401-999/1000", .eTag: "\"a\""],
            [.contentRange: "bytes 400-998/1000", .eTag: "\"a\""],
            [.contentRange: "bytes 400-999/1000", .eTag: "\"b\""],
            [.contentRange: "bytes 400-999/1000"],
            [.contentRange: "bytes 400-999/*", .eTag: "\"a\""],
            [.eTag: "\"a\""],
        ] as [HTTPFields])
    func different(fields: HTTPFields) throws {
        var stream = try #require(
            StreamResumption(
                method: .get, response: response(200, [.acceptRanges: "bytes", .contentLength: "1000", .eTag: "\"a\""]))
        )
        stream.deliver(400)
        #expect(!stream.continues(with: response(206, fields)))
    }

    @Test("A stream without ranges, without length or of another method cannot go on")
    func unfit() {
        #expect(StreamResumption(method: .get, response: response(200, [.contentLength: "1000"])) == nil)
        #expect(StreamResumption(method: .get, response: response(200, [.acceptRanges: "bytes"])) == nil)
        #expect(
            StreamResumption(
                method: .post, response: response(200, [.acceptRanges: "bytes", .contentLength: "1000"])) == nil)
        #expect(StreamResumption(method: .get, response: response(206, [.contentRange: "bytes 9-1/10"])) == nil)
        #expect(StreamResumption(method: .get, response: response(206, [.contentRange: "bytes 0-10/10"])) == nil)
        #expect(StreamResumption(method: .get, response: response(404, [:])) == nil)
    }
}
