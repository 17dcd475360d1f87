/// Why a control point could not do what it was asked. A device's own refusal is a `UPnPFault` instead.
public struct ControlPointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: Hashable, Sendable {
        /// The URL is not one to connect to: no literal address, another host than the device's, off the link.
        case notAddressable
        /// The device answered with this HTTP status.
        case httpStatus(Int)
        /// The device's document or message could not be read.
        case malformed
        /// Nothing could be exchanged with the device.
        case unreachable
        /// `run` has ended.
        case notRunning
        /// There are as many subscriptions as the configuration allows.
        case tooManySubscriptions
        /// The device has no such service, or several that the name may mean.
        case noSuchService
        /// The service describes no such action or variable.
        case noSuchAction
        /// The arguments are not those that the service describes. Nothing was sent.
        case invalidArguments
    }

    /// The kind of failure.
    public var code: Code
    /// What happened, and with which URL.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
