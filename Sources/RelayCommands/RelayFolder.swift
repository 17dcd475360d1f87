import FoundationEssentials
import Glibc
import Relay

/// Where a relay keeps its key and certificate.
struct RelayFolder {
    let path: String

    /// `~/.local/state/latchkey-relay`.
    static var standard: String {
        let home = ProcessInfo.processInfo.environment["HOME"] ?? "/var/lib"
        return home + "/.local/state/latchkey-relay"
    }

    /// The identity in the folder, made if there is none; only the owner can read the key.
    func identity() throws -> RelayIdentity {
        let certificate = path + "/relay.crt"
        let key = path + "/relay.key"
        let manager = FileManager.default
        do {
            if !manager.fileExists(atPath: key) {
                try manager.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                let made = try RelayIdentity.makePEM(name: "latchkey relay", now: Date())
                // The key last: a start that was cut off in between begins anew.
                try Self.write(made.certificate, to: certificate, mode: 0o644)
                try Self.write(made.key, to: key, mode: 0o600)
            }
            return try RelayIdentity(
                certificatePEM: String(contentsOfFile: certificate, encoding: .utf8),
                keyPEM: String(contentsOfFile: key, encoding: .utf8))
        } catch let error as RelayError {
            throw error
        } catch {
            throw RelayError("the state folder \(path) cannot be used: \(error)")
        }
    }

    private static func write(_ text: String, to path: String, mode: mode_t) throws {
        let temporary = path + ".new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode)
        guard file >= 0 else { throw RelayError("\(path) cannot be written: \(String(cString: strerror(errno)))") }
        let isWritten = Output.write(text, to: file) && fsync(file) == 0
        guard close(file) == 0, isWritten, rename(temporary, path) == 0 else {
            throw RelayError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// A pin as gateways are told it: 43 characters of URL-safe base 64.
    static func text(_ pin: [UInt8]) -> String {
        Data(pin).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// The number of files that the process may have open: two for each session, one for each gateway.
enum OpenFiles {
    /// As many as the system lets it have.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        // What cannot be raised stays; the relay's own limits then are what the operator has to look at.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
