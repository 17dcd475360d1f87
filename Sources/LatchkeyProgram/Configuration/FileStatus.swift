import Foundation
import Glibc

/// What the file system says about a path, without following a symbolic link at its end.
struct FileStatus: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case folder
        case socket
        case other
    }

    var kind: Kind
    var isOwn: Bool
    /// Whether group or others have any right.
    var isOpenToOthers: Bool
    /// Whether this is a shared folder such as `/tmp`.
    var isSticky: Bool

    /// Nil when nothing is there or it cannot be asked.
    init?(_ path: String) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
        self.kind =
            switch attributes[.type] as? FileAttributeType {
            case .typeDirectory?: .folder
            case .typeSocket?: .socket
            default: .other
            }
        let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
        self.isOwn = (attributes[.ownerAccountID] as? NSNumber)?.uint32Value == geteuid()
        self.isOpenToOthers = mode & 0o077 != 0
        self.isSticky = mode & 0o1000 != 0
    }
}
