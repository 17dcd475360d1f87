import Foundation
import Glibc
import TrustCore

/// The folder in which a program keeps its state: `gateway.sqlite` or `away.sqlite` (with SQLite's own
/// `-wal` and `-shm` beside it), and `seal.key`, the key under which the secrets in the database are sealed.
///
/// A copy of the database alone therefore gives no secret away; a backup needs both. Folders are made with
/// mode 0700 and files with mode 0600 before anything is written to them; SQLite gives its own files the
/// mode of the database.
struct PrivateFolder: Sendable {
    /// The folder's path.
    let path: String

    /// Opens the folder, and makes it (not its parents) when it does not exist.
    ///
    /// Throws `unavailable` when it cannot be made, is not a folder, or belongs to somebody else or may be
    /// written to by others.
    init(path: String) throws(StoreError) {
        guard !path.isEmpty else { throw StoreError(.invalid, "the state folder's path is empty") }
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw StoreError(.unavailable, "the state folder \(path) cannot be made: \(Self.reason())")
        }
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolved) else {
            throw StoreError(.unavailable, "the state folder \(path) cannot be read: \(Self.reason())")
        }
        guard attributes[.type] as? FileAttributeType == .typeDirectory else {
            throw StoreError(.unavailable, "\(path) is not a folder: choose another place for the state")
        }
        guard (attributes[.ownerAccountID] as? NSNumber)?.uint32Value == geteuid() else {
            throw StoreError(.unavailable, "the state folder \(path) belongs to another user: choose another")
        }
        guard let mode = attributes[.posixPermissions] as? Int, mode & 0o022 == 0 else {
            throw StoreError(.unavailable, "others may write to the state folder: run chmod 700 \(path)")
        }
    }

    /// The path of a file in the folder.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Runs `body` while no other process is inside a call of this kind on the same folder; waits up to ten
    /// seconds for it. For opening and first filling only.
    func withLock<Result>(_ body: () throws -> Result) throws -> Result {
        let descriptor = try openPrivately("store.lock")
        defer { close(descriptor) }
        var attempts = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            attempts += 1
            guard errno == EWOULDBLOCK || errno == EINTR, attempts < 1000 else {
                throw StoreError(.unavailable, "the state folder \(path) is being opened by another process")
            }
            usleep(10_000)
        }
        return try body()
    }

    /// Makes sure that a file exists, is a plain file and is readable by nobody else.
    func preparePrivateFile(_ name: String) throws(StoreError) {
        close(try openPrivately(name))
    }

    /// The key of the secrets. It is made when `mayCreate` says that there is nothing yet that it would have
    /// to open. To be called inside `withLock`.
    func seal(mayCreate: Bool) throws(StoreError) -> SecretSeal {
        let name = "seal.key"
        if access(file(name), F_OK) != 0 {
            guard mayCreate else {
                throw StoreError(
                    .damaged,
                    "\(file(name)) is missing, without which the secrets in \(path) cannot be opened: restore it from a backup"
                )
            }
            try create(name, SecretSeal.makeKey())
        }
        let descriptor = try openPrivately(name)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: SecretSeal.keyByteCount + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0, let seal = SecretSeal(key: bytes.prefix(count)) else {
            throw StoreError(.damaged, "\(file(name)) is damaged: restore it from a backup")
        }
        return seal
    }

    /// Writes a new file so that it is there whole or not at all, also after a loss of power.
    private func create(_ name: String, _ bytes: [UInt8]) throws(StoreError) {
        let temporary = file(name + ".new")
        unlink(temporary)
        let descriptor = try openPrivately(name + ".new")
        let written = write(descriptor, bytes, bytes.count)
        let synchronised = fsync(descriptor)
        close(descriptor)
        guard written == bytes.count, synchronised == 0, rename(temporary, file(name)) == 0 else {
            throw StoreError(.unavailable, "\(file(name)) cannot be written: \(Self.reason())")
        }
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        guard folder >= 0, fsync(folder) == 0 else {
            throw StoreError(.unavailable, "\(path) cannot be written: \(Self.reason())")
        }
    }

    private func openPrivately(_ name: String) throws(StoreError) -> Int32 {
        let path = file(name)
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.unavailable, "\(path) cannot be opened: \(Self.reason())")
        }
        let type = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
        guard type == .typeRegular, fchmod(descriptor, 0o600) == 0 else {
            close(descriptor)
            throw StoreError(.unavailable, "\(path) is not a plain file of our own")
        }
        return descriptor
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
