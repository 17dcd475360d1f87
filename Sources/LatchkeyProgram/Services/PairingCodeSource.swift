import Foundation

/// Where a pairing code is read from.
package enum PairingCodeSource: Hashable, Sendable {
    case argument(String)
    case file(String)
    case standardInput

    /// No code is longer, in bytes.
    package static let longestCode = 4096

    /// Reads the code's one line.
    package func read() throws -> String {
        switch self {
        case .argument(let code): return code
        case .file(let path):
            guard let handle = FileHandle(forReadingAtPath: path) else {
                throw ProgramError.failure("the file \(path) cannot be read")
            }
            defer { try? handle.close() }
            return try Self.code(in: handle, path)
        case .standardInput: return try Self.code(in: .standardInput, "standard input")
        }
    }

    private static func code(in handle: FileHandle, _ name: String) throws -> String {
        var data = Data()
        while data.count <= longestCode, let chunk = try handle.read(upToCount: 4096), !chunk.isEmpty {
            data += chunk
        }
        guard data.count <= longestCode else {
            throw ProgramError.failure("\(name) holds more than a pairing code")
        }
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        guard let code = lines.first(where: { $0.hasPrefix("latchkey:") }) else {
            throw ProgramError.failure("\(name) holds no pairing code (a line that starts with latchkey:)")
        }
        return code
    }
}
