/// Why a client was not introduced to a gateway on its own network.
package struct IntroductionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong.
    package enum Code: Hashable, Sendable {
        /// No gateway was found that can be paired with so, or not the one that was named.
        case notFound
        /// Several were found, and none was named.
        case severalFound
        /// The gateway did not answer, or not as one.
        case unreachable
        /// Nobody has opened the time for it at the gateway, or another introduction runs.
        case closed
        /// One side does not know the PIN, which is used up now.
        case wrongPIN
        /// The gateway's certificate changed in the middle, or what it sent was not authentic.
        case notAuthentic
        /// The gateway refused something else.
        case refused
    }

    /// What went wrong.
    package let code: Code
    /// A sentence for the user, without a final stop.
    package let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
