import Glibc

/// The path of a control socket, short enough for the kernel.
package struct SocketPath: Hashable, Sendable, CustomStringConvertible {
    /// `sun_path` holds 108 bytes and its last one is a NUL (unix(7)).
    package static let longest = 107

    package let description: String

    /// Throws a usage error when the path does not fit.
    package init(_ path: String) throws {
        guard path.utf8.count <= Self.longest else {
            throw ProgramError.usage(
                """
                the control socket's path \(path) is \(path.utf8.count) bytes long, but the system takes \
                at most \(Self.longest); choose a state folder with a shorter path
                """
            )
        }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ProgramError.usage("the control socket's path is empty or holds a NUL byte")
        }
        self.description = path
    }

    /// Removes a socket that a dead process left here.
    ///
    /// To be called only while the state folder's lock is held: the lock says that its owner is dead.
    /// Anything that is not a socket of ours is left alone and reported.
    package func removeStale() throws {
        guard let status = FileStatus(description) else { return }
        guard status.kind == .socket, status.isOwn else {
            throw ProgramError.failure("\(description) is in the way of the control socket; remove it")
        }
        guard unlink(description) == 0 || errno == ENOENT else {
            throw ProgramError.failure(
                "the old control socket \(description) cannot be removed: \(String(cString: strerror(errno)))"
            )
        }
    }
}
