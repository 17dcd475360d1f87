import Glibc

/// Held while a gateway or an away client runs on a state folder, so that no second one does.
///
/// The kernel lets go of the lock when the process ends, however it ends.
package final class InstanceLock: Sendable {
    private let descriptor: CInt

    /// Takes the lock file beside the control socket, or says that another process holds it.
    package init(besideSocket path: SocketPath, role: String) throws {
        let file = path.description.replacingSuffix(".sock", with: ".lock")
        let descriptor = open(file, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw ProgramError.failure("the lock file \(file) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ProgramError.failure(
                "another latchkey \(role) runs with this state folder (\(file) is locked); ask it with: "
                    + "latchkey \(role) status"
            )
        }
        self.descriptor = descriptor
    }

    deinit {
        // A child between fork and exec holds a copy of the descriptor; closing ours alone would leave the lock to it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self + other
    }
}
