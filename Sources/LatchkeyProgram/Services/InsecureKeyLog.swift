import Foundation
package import NIOCore

/// Lets a capture of the tunnel be read, for tests of what is in it.
///
/// Whoever has the file can read everything that the tunnel carried, so it is written only when the
/// environment names it, and the program says so when it starts.
package enum InsecureKeyLog {
    /// The environment's name for the file: an NSS key log, which Wireshark reads.
    package static let variable = "LATCHKEY_INSECURE_TLS_KEYLOG"

    /// What takes the lines; nil when the environment names no file.
    ///
    /// Throws when the file cannot be written. It is made with mode 0600 and appended to.
    package static func open(
        _ environment: [String: String]
    ) throws(ProgramError) -> (@Sendable (ByteBuffer) -> Void)? {
        guard let path = environment[variable], !path.isEmpty else { return nil }
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        guard let handle = FileHandle(forWritingAtPath: path), (try? handle.seekToEnd()) != nil else {
            throw ProgramError.failure("\(variable) names \(path), which cannot be written")
        }
        // A line that cannot be written makes a capture unreadable and harms nothing else.
        return { line in try? handle.write(contentsOf: Data(line.readableBytesView)) }
    }
}
