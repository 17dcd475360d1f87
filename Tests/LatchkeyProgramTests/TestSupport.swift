import Foundation
import LatchkeyProgram
import Synchronization

/// What a command printed, by stream.
final class Transcript: Sendable {
    private let text = Mutex<[Console.Stream: String]>([:])

    func console(outputIsTerminal: Bool = false, errorsAreTerminal: Bool = false) -> Console {
        Console(outputIsTerminal: outputIsTerminal, errorsAreTerminal: errorsAreTerminal) { stream, bytes in
            self.text.withLock { $0[stream, default: ""] += String(decoding: bytes, as: UTF8.self) }
            return true
        }
    }

    var output: String { text.withLock { $0[.output] ?? "" } }
    var errors: String { text.withLock { $0[.errors] ?? "" } }
}

/// Runs `body` with a folder of its own (0700) and removes it afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = NSTemporaryDirectory() + "lkp-" + String(UInt64.random(in: .min ... .max), radix: 36)
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700]
    )
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// The sentence that `body` fails with.
func sentence(_ body: () async throws -> Void) async -> String {
    do {
        try await body()
        return "(no error)"
    } catch {
        return "\(error)"
    }
}
