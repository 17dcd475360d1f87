import Foundation
import Glibc

/// The folder that holds a gateway's or an away client's keys, database and control socket.
package struct StateFolder: Hashable, Sendable {
    /// Its absolute path.
    package let path: String

    /// Names a folder; nothing is made yet. A relative path starts at the current folder.
    package init(_ path: String) {
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// Where state is kept when nobody says otherwise: `$XDG_STATE_HOME/latchkey`, else
    /// `~/.local/state/latchkey` (XDG Base Directory Specification). Nil without a home.
    package static func defaultPath(environment: [String: String]) -> String? {
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/latchkey" }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return home + "/.local/state/latchkey"
    }

    /// The running gateway's control socket.
    package var gatewaySocket: String { path + "/gateway.sock" }
    /// The running away client's control socket.
    package var awaySocket: String { path + "/away.sock" }
    /// The control socket of what runs between two networks.
    package var vlanSocket: String { path + "/vlan.sock" }

    /// Whether the folder is there.
    package var exists: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Makes the folder, readable for its owner only, or checks the one that is there.
    ///
    /// An empty folder of ours is narrowed. One that holds something and is open to others is refused and
    /// not changed: it may be a shared folder that was named by mistake.
    package func create() throws {
        let parent = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        } catch {
            throw ProgramError.failure("the folder \(parent) cannot be made: \(error.localizedDescription)")
        }
        if mkdir(path, 0o700) == 0 { return }
        guard errno == EEXIST else {
            throw ProgramError.failure("the state folder \(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        guard let status = FileStatus(path), status.kind == .folder else {
            throw ProgramError.failure("the state folder \(path) is not a folder")
        }
        guard status.isOwn else {
            throw ProgramError.failure("the state folder \(path) belongs to another user")
        }
        guard status.isOpenToOthers else { return }
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? ["?"]
        guard contents.isEmpty, !status.isSticky, chmod(path, 0o700) == 0 else {
            throw ProgramError.failure(
                "the state folder \(path) is open to other users; close it with: chmod 700 \(path)"
            )
        }
    }
}

extension Settings {
    /// The state folder that is configured, else the default one.
    package func stateFolder(environment: [String: String]) throws -> StateFolder {
        let configured = try value(.state, expecting: "the path of a folder") { text in
            text.isEmpty || text.utf8.contains(0) ? nil : text
        }
        guard let path = configured ?? StateFolder.defaultPath(environment: environment) else {
            throw ProgramError.usage("there is no home folder to keep state in; name one with --state DIR")
        }
        return StateFolder(path)
    }
}
