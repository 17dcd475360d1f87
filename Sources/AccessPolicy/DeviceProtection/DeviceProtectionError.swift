/// Why a DeviceProtection action is refused, with the number that goes over the wire.
package struct DeviceProtectionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The standard's error codes.
    package enum Code: Int, Hashable, Sendable {
        /// Something named is unknown, or cannot be read.
        case argumentValueInvalid = 600
        /// The roles of the asker do not suffice.
        case notAuthorized = 606
        /// The authenticator is wrong.
        case authenticationFailure = 701
        /// The introduction failed; details may be inside its own message.
        case processingError = 704
        /// Another introduction runs, or nobody has opened the time for one.
        case busy = 708
    }

    /// The number.
    package let code: Code
    /// A sentence for the user.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The sentence.
    package var description: String { message }
}
