package import NetworkTypes

/// What a server of the dyndns2 protocol answers, a word at the beginning of its body.
package enum Dyndns2Reply: Hashable, Sendable {
    /// The address was changed, or was that already.
    case good
    /// It was that already. To be told so often counts as abuse.
    case unchanged
    /// Nothing will help but another setting: wrong password, unknown name, blocked.
    case refused(String)
    /// The server has trouble; half an hour is to be waited.
    case trouble(String)

    /// Reads the first line of an answer; of several names the first word counts, since we ask for one.
    package init(_ text: some StringProtocol, status: Int) {
        let word = text.split(whereSeparator: \.isWhitespace).first.map { $0.lowercased() } ?? ""
        switch word {
        case "good": self = .good
        case "nochg": self = .unchanged
        case "badauth": self = .refused("badauth: user or password is wrong")
        case "!donator": self = .refused("!donator: the account has not this feature")
        case "notfqdn": self = .refused("notfqdn: the name is not a full one")
        case "nohost": self = .refused("nohost: the account has no such name")
        case "numhost": self = .refused("numhost: too many names")
        case "abuse": self = .refused("abuse: the name is blocked because of too many updates")
        case "badagent": self = .refused("badagent: the server does not take this program")
        case "dnserr", "911": self = .trouble("\(word): the server has trouble")
        default:
            self =
                status == 401 || status == 403
                ? .refused("status \(status): user or password is wrong")
                : .trouble("status \(status), “\(text.prefix(40))”")
        }
    }
}

/// When a name is updated, and when not: in the caller's time.
package struct Dyndns2Schedule: Hashable, Sendable {
    /// The least pause after trouble at the server (the protocol's own rule for 911).
    private static let troublePause = Duration.seconds(1_800)
    private static let firstPause = Duration.seconds(60)
    private static let longestPause = Duration.seconds(3_600)

    private var published: [IPAddress]?
    private var failures = 0
    /// No attempt before; nil when there is none to wait for.
    private var notBefore: ContinuousClock.Instant?
    /// Why nothing more is tried.
    package private(set) var refusal: String?

    package init() {}

    /// Whether these addresses are to be sent at a moment. The same ones never are, twice.
    package func isDue(_ addresses: [IPAddress], at now: ContinuousClock.Instant) -> Bool {
        guard refusal == nil, !addresses.isEmpty, addresses != published else { return false }
        return notBefore.map { $0 <= now } ?? true
    }

    /// When to look again after a failure; nil when there is nothing to wait for.
    package var next: ContinuousClock.Instant? { refusal == nil ? notBefore : nil }

    /// Takes over what the server has answered; nil for no answer.
    package mutating func answered(_ reply: Dyndns2Reply?, to addresses: [IPAddress], at now: ContinuousClock.Instant) {
        switch reply {
        case .good, .unchanged:
            published = addresses
            failures = 0
            notBefore = nil
        case .refused(let reason): refusal = reason
        case .trouble: notBefore = now + Self.troublePause
        case nil:
            failures += 1
            notBefore = now + min(Self.firstPause * (1 << min(failures - 1, 6)), Self.longestPause)
        }
    }
}
