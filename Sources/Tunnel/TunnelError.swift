/// What went wrong with a tunnel before it was one, in a sentence for whoever asked for it.
package struct TunnelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure that a caller may want to tell apart.
    package enum Code: Hashable, Sendable {
        /// A certificate or a key cannot be used.
        case badIdentity
        /// No address answered.
        case unreachable
        /// The handshake failed.
        case handshakeFailed
        /// The peer's certificate is not the expected one; nothing was sent to it.
        case untrustedPeer
        /// The peer knows who we are and does not let us in; `message` is its own sentence.
        case refused
        /// Something took longer than it may.
        case timedOut
        /// This end of a carrier cannot do that.
        case unsupported
    }

    /// The kind of failure.
    package let code: Code
    /// What happened and what to do.
    package let message: String

    /// Makes an error of its kind and a sentence.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

extension TunnelError {
    /// Why a gateway was reached at none of several addresses: what it said itself is worth more than that some address did
    /// not answer.
    package static func mostTelling(of failures: [any Error]) -> TunnelError {
        let errors = failures.compactMap { $0 as? TunnelError }
        return errors.first { $0.code == .refused } ?? errors.first { $0.code == .untrustedPeer }
            ?? errors.first { $0.code != .unreachable } ?? errors.first
            ?? TunnelError(.unreachable, "The gateway cannot be reached: \(failures).")
    }
}
