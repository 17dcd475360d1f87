/// Why a member of a group could not do what it was asked.
public struct GroupError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: Hashable, Sendable {
        /// An id, a setup code, a service's name, a payload or a time is not what it may be. Nothing was sent.
        case invalid
        /// The member does not run: ``GroupMember/run()`` was not called, was called twice, or has ended.
        case notRunning
        /// The device is no member at this moment: not yet, or not since it was lost.
        case notRegistered
        /// No controller of a group was found on the links.
        case nobodyFound
        /// Controllers were found, and none has answered.
        case noAnswer
        /// No controller knows this id with this code: one of them is wrong, or the device was struck off.
        case wrongCode
        /// The controller knows the device and declines it.
        case declined
        /// The member was evicted, and may not return.
        case evicted
        /// The device was enrolled as a client, which answers no requests.
        case notAServer
        /// A request was refused; ``GroupError/refusal`` says why.
        case refused
        /// No forwarder has taken a request, or its end was not heard.
        case timedOut
        /// More requests wait than may.
        case tooManyRequests
        /// What the member keeps over a restart could not be read.
        case storage
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, and what to do.
    public let message: String
    /// Why a request was refused; nil for every other failure.
    public let refusal: GroupRefusal?

    /// Makes an error.
    public init(_ code: Code, _ message: String, refusal: GroupRefusal? = nil) {
        self.code = code
        self.message = message
        self.refusal = refusal
    }

    /// The message.
    public var description: String { message }
}

/// Why a forwarder does not pass a request on.
public enum GroupRefusal: Hashable, Sendable, CustomStringConvertible {
    /// The client may not ask for this service.
    case notAllowed
    /// No server that the request may reach offers the service.
    case noServer
    /// The client has too many open requests at the forwarder.
    case tooManyOpen
    /// The client asks too fast.
    case tooFast
    /// The forwarder may not speak for the group at this moment.
    case forwarderNotReady
    /// A reason that this version does not know.
    case other(UInt16)

    init(_ reason: UInt16) {
        self =
            switch reason {
            case 1: .notAllowed
            case 2: .noServer
            case 3: .tooManyOpen
            case 4: .tooFast
            case 5: .forwarderNotReady
            default: .other(reason)
            }
    }

    /// The reason in a few words.
    public var description: String {
        switch self {
        case .notAllowed: "this device may not ask for the service"
        case .noServer: "no server that it may reach offers the service"
        case .tooManyOpen: "too many requests of this device are open"
        case .tooFast: "this device asks too fast"
        case .forwarderNotReady: "the forwarder may not speak for the group at this moment"
        case .other(let reason): "reason \(reason)"
        }
    }

    /// A short name, for programs: `not-allowed`, `no-server`, `too-many-open`, `too-fast`, `not-ready`, or a number.
    public var name: String {
        switch self {
        case .notAllowed: "not-allowed"
        case .noServer: "no-server"
        case .tooManyOpen: "too-many-open"
        case .tooFast: "too-fast"
        case .forwarderNotReady: "not-ready"
        case .other(let reason): "\(reason)"
        }
    }
}

extension GroupError {
    static let notRegistered = GroupError(
        .notRegistered, "the device is no member of the group at this moment; wait until it is registered")
    static let notRunning = GroupError(.notRunning, "the member does not run, or not any more")
    static let evicted = GroupError(
        .evicted, "the device was evicted from the group and may not return; enrol it anew with: latchkey group enrol")
    static let wrongCode = GroupError(
        .wrongCode,
        """
        no controller on this network knows this device with this setup code; look at the id and the code, or enrol \
        the device with: latchkey group enrol
        """)
    static let nobodyFound = GroupError(
        .nobodyFound,
        """
        no controller of a group was found on this network; start one with latchkey gateway run, or name its address \
        and the interface
        """)
    static let noAnswer = GroupError(
        .noAnswer, "a controller of a group was found and has not answered; is a firewall between it and this host?")
    static let timedOut = GroupError(.timedOut, "no forwarder has answered the request in time")

    static func refused(_ reason: UInt16) -> GroupError {
        let refusal = GroupRefusal(reason)
        return GroupError(.refused, "the request was refused: \(refusal)", refusal: refusal)
    }

    static func invalid(_ message: String) -> GroupError { GroupError(.invalid, message) }
}
