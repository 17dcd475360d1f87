import Foundation

/// The control socket's lines: JSON, newline-delimited, bounded.
package enum ControlCodec {
    /// The longest request, in bytes, its newline included.
    package static let longestRequest = 64 << 10
    /// The longest answer, in bytes, its newline included: some thousand devices or clients.
    package static let longestAnswer = 1 << 20

    /// A request as one line, newline included.
    package static func line(_ request: ControlRequest) throws -> [UInt8] {
        try line(encoding: request, limit: longestRequest)
    }

    /// An answer as one line, newline included. One that is too long becomes an error that says so.
    package static func line(_ answer: ControlAnswer) throws -> [UInt8] {
        do {
            return try line(encoding: answer, limit: longestAnswer)
        } catch let error as ProgramError {
            return try line(encoding: ControlAnswer.error(error.message), limit: longestAnswer)
        }
    }

    private static func line(encoding value: some Encodable, limit: Int) throws -> [UInt8] {
        let bytes = Array(try Console.encoder().encode(value)) + [0x0A]
        guard bytes.count <= limit else {
            throw ProgramError.failure("the message is \(bytes.count) bytes long, but at most \(limit) can be sent")
        }
        return bytes
    }

    /// Reads one request.
    package static func request(_ line: [UInt8]) throws -> ControlRequest {
        try decode(line, "the request is not one that this program knows")
    }

    /// Reads one answer.
    package static func answer(_ line: [UInt8]) throws -> ControlAnswer {
        try decode(line, "the running program gave an answer that this one does not know; are both of one version?")
    }

    private static func decode<Value: Decodable>(_ line: [UInt8], _ sentence: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(Value.self, from: Data(line))
        } catch {
            throw ProgramError.failure(sentence)
        }
    }
}
