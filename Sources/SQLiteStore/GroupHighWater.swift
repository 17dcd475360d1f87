import Foundation
import Glibc
import TrustCore

/// How far a group's state has come.
struct GroupMark: Hashable, Sendable {
    /// Which group, 16 bytes; zeros before it has an identity.
    let group: [UInt8]
    /// The state's revision.
    let revision: UInt64
    /// The highest epoch that it has had.
    let epoch: UInt32
}

/// The file `group-epoch` beside the database: how far the group's state had come at its last commit (group keys
/// specification 3.12.5). An older database in its place (a backup that was put back, a copied folder without it) would
/// let evicted devices in again and begin epochs a second time, and is refused.
///
/// It is written after the commit and before anybody is told of it, so it is never ahead of a database that is whole. It
/// is on the disk with each new epoch; between those a loss of power may leave it behind, which refuses nothing. A backup
/// of the whole folder has both files of one time and is not noticed. Two lines of the same length are written in turn, so
/// that one is whole whatever happens.
struct GroupHighWater: Sendable {
    static let fileName = "group-epoch"
    private static let lineLength = 96

    private let path: String

    init(folder: PrivateFolder) { path = folder.file(Self.fileName) }

    /// How far the state has come; nil as long as that stands nowhere.
    func highest() throws -> GroupMark? { try withFile { try Self.highest($0) } }

    /// Refuses a database that is behind. One of another group is not compared: a group that was made anew begins anew.
    ///
    /// `highest`: what ``highest()`` gave before the database was read.
    func check(_ mark: GroupMark, against highest: GroupMark?, database: String) throws {
        guard let highest, highest.group == mark.group else { return }
        guard mark.revision >= highest.revision, mark.epoch >= highest.epoch else {
            throw StoreError(
                .damaged,
                """
                \(database) has an older state of the group (revision \(mark.revision), epoch \(mark.epoch)) than it had \
                before (revision \(highest.revision), epoch \(highest.epoch)): put back the newest copy of it. If there is \
                none, remove \(path), and then evict every device that was evicted or revoked since that copy was made
                """)
        }
    }

    /// Raises it. What is higher already stays.
    func raise(to mark: GroupMark) throws {
        try withFile { file in
            let highest = try Self.highest(file)
            if let highest, highest.group == mark.group, highest.revision >= mark.revision { return }
            let isNewEpoch = highest.map { $0.group != mark.group || $0.epoch < mark.epoch } ?? true
            let line = Array(Self.line(mark).utf8)
            // A revision is at least one higher than the line's before, so they take turns, or the older one is lost.
            let place = off_t(mark.revision % 2) * off_t(Self.lineLength)
            guard pwrite(file, line, line.count, place) == line.count, !isNewEpoch || fdatasync(file) == 0 else {
                throw unwritable()
            }
        }
    }

    private func withFile<Result>(_ body: (Int32) throws -> Result) throws -> Result {
        let file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw unwritable() }
        defer { close(file) }
        // Another process's commit may be noted at the same time; it takes microseconds.
        guard flock(file, LOCK_EX) == 0 else { throw unwritable() }
        return try body(file)
    }

    private static func highest(_ file: Int32) throws -> GroupMark? {
        var bytes = [UInt8](repeating: 0, count: 2 * lineLength)
        let count = pread(file, &bytes, bytes.count, 0)
        let lines = [bytes.prefix(lineLength), bytes.dropFirst(lineLength)].prefix(
            max(0, count + lineLength - 1) / lineLength)
        return lines.compactMap { mark(String(decoding: $0, as: UTF8.self)) }.max { $0.revision < $1.revision }
    }

    /// `group GROUP revision R epoch E .`, filled up with spaces. The end shows that it is whole.
    private static func line(_ mark: GroupMark) -> String {
        let text = "group \(Hexadecimal.encode(mark.group)) revision \(mark.revision) epoch \(mark.epoch)"
        return text + String(repeating: " ", count: lineLength - 2 - text.utf8.count) + ".\n"
    }

    private static func mark(_ line: String) -> GroupMark? {
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 7, words[0] == "group", words[2] == "revision", words[4] == "epoch", words[6] == ".\n",
            let group = Hexadecimal.decode(words[1]), let revision = UInt64(words[3]), let epoch = UInt32(words[5])
        else { return nil }
        return GroupMark(group: group, revision: revision, epoch: epoch)
    }

    private func unwritable() -> StoreError {
        StoreError(.unavailable, "\(path) cannot be used: \(String(cString: strerror(errno)))")
    }
}
