import Foundation
import Glibc
package import SUPnP
package import TrustCore

/// What a member keeps over a restart, in a file of its own: sealed, and replaced as a whole.
///
/// The file is sealed under a key from another file, 32 bytes, which is made beside it (`FILE.key`) unless one is named;
/// several members may use one key. A copy of the file alone gives nothing away; both together are the member until its
/// next refresh, and open no epoch of the group. Each write goes to a new file, which is on the disk before it takes the
/// old one's name, so that there is always a whole one. Files are made with mode 0600 before anything is written to them.
///
/// An older copy that is put back would begin counters again that have been used, which nothing here can notice: keep
/// such files out of backups. While a store is open it holds a lock (`FILE.lock`), since two processes with one member's
/// keys would use its counters twice.
package final class FileMemberStore: MemberKeeping {
    /// More than any member's state has.
    private static let greatestByteCount = 262_144

    private let path: String
    private let seal: SecretSeal
    private let purpose: String
    private let lock: Int32

    /// Opens the store of a device at a path; `keyPath` names the file of its key. Blocks for a moment.
    ///
    /// Throws `StoreError`: `unavailable` when a file cannot be used, may be read by others, or belongs to a running
    /// process; `damaged` when the key is missing or none.
    package init(path: String, device: DeviceID, keyPath: String? = nil) throws(StoreError) {
        self.path = path
        purpose = "keys of the group's member \(Hexadecimal.encode(device.bytes))"
        let lock = try PrivateFile.open(path + ".lock", O_RDWR | O_CREAT)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw StoreError(.unavailable, "\(path) is in use by another process: a member runs once only")
        }
        do {
            seal = try Self.seal(keyPath ?? path + ".key", mayCreate: access(path, F_OK) != 0)
        } catch {
            close(lock)
            throw error
        }
        self.lock = lock
    }

    deinit { close(lock) }

    /// What is stored; nil for nothing.
    ///
    /// Throws `StoreError`, `damaged`, when it cannot be opened or read: then the member registers anew once the file is
    /// removed.
    package func load() async throws -> KeptMember? {
        guard access(path, F_OK) == 0 else { return nil }
        let sealed = try PrivateFile.contents(path, atMost: Self.greatestByteCount)
        guard let kept = KeptMember(storedForm: try seal.open(sealed, as: purpose)) else {
            throw StoreError(.damaged, "\(path) is damaged: remove it, and the member registers anew")
        }
        return kept
    }

    /// Stores it in the place of what is; nil erases it. It is on the disk when this returns.
    package func save(_ state: KeptMember?) async throws {
        guard let state else { return try PrivateFile.remove(path) }
        try PrivateFile.replace(path, with: try seal.seal(state.storedForm, as: purpose))
    }

    private static func seal(_ path: String, mayCreate: Bool) throws(StoreError) -> SecretSeal {
        if access(path, F_OK) != 0 {
            guard mayCreate else {
                throw StoreError(
                    .damaged,
                    "\(path) is missing, without which what the member has kept cannot be opened: put it back, or remove the other file, and the member registers anew"
                )
            }
            try PrivateFile.replace(path, with: SecretSeal.makeKey())
        }
        guard let seal = SecretSeal(key: try PrivateFile.contents(path, atMost: SecretSeal.keyByteCount)) else {
            throw StoreError(.damaged, "\(path) has no key of \(SecretSeal.keyByteCount) bytes")
        }
        return seal
    }
}

/// Files that are our user's alone.
private enum PrivateFile {
    static func open(_ path: String, _ flags: Int32) throws(StoreError) -> Int32 {
        let descriptor = Glibc.open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failed("opened", path) }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard attributes?[.type] as? FileAttributeType == .typeRegular,
            (attributes?[.ownerAccountID] as? NSNumber)?.uint32Value == geteuid(),
            let mode = attributes?[.posixPermissions] as? Int
        else {
            close(descriptor)
            throw StoreError(.unavailable, "\(path) is not a plain file of our own")
        }
        guard mode & 0o077 == 0 else {
            close(descriptor)
            throw StoreError(.unavailable, "others may use \(path): run chmod 600 \(path)")
        }
        return descriptor
    }

    static func contents(_ path: String, atMost limit: Int) throws(StoreError) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes[count...].withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard more >= 0 else { throw failed("read", path) }
            guard more > 0 else { break }
            count += more
        }
        guard count <= limit else { throw StoreError(.damaged, "\(path) is damaged: it is too large") }
        return Array(bytes.prefix(count))
    }

    static func replace(_ path: String, with bytes: [UInt8]) throws(StoreError) {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = try open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        let isWritten = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(temporary, path) == 0 else {
            let error = failed("written", path)
            unlink(temporary)
            throw error
        }
        try synchroniseFolder(of: path)
    }

    static func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failed("removed", path) }
        try synchroniseFolder(of: path)
    }

    /// So that a name is on the disk too.
    private static func synchroniseFolder(of path: String) throws(StoreError) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let folder = path.contains("/") ? (name.isEmpty ? "/" : name) : "."
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else { throw failed("written", folder) }
    }

    private static func failed(_ what: String, _ path: String) -> StoreError {
        StoreError(.unavailable, "\(path) cannot be \(what): \(String(cString: strerror(errno)))")
    }
}
