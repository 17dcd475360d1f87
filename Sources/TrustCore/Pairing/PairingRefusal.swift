package import FoundationEssentials

/// Why a client was not paired.
package enum PairingRefusal: Error, Hashable, Sendable {
    /// No code has that id.
    case unknownCode
    /// The code ended.
    case expired(Date)
    /// Another client was paired with it.
    case used
    /// Too many wrong guesses.
    case burnt
    /// The gateway's owner took it back.
    case cancelled
    /// A request with the same code is being served.
    case busy
    /// The HMAC does not fit, with how many more guesses the code allows.
    case wrongSecret(remaining: Int)
    /// Too many requests in a short time.
    case tooFast(retryAfter: Duration)
    /// The request itself is not acceptable.
    case badRequest(String)
    /// The subject that the code belongs to was revoked since.
    case revoked(Date)

    /// A sentence for the user, without a final stop.
    package var sentence: String {
        switch self {
        case .unknownCode: "this gateway has no such pairing code: ask for a new one"
        case .expired(let date): "the pairing code expired at \(Self.time(date)): ask for a new one"
        case .used: "the pairing code was used already: ask for a new one"
        case .burnt: "the pairing code was guessed wrongly too often and is void: ask for a new one"
        case .cancelled: "the pairing code was taken back: ask for a new one"
        case .busy: "the pairing code is being used by another client at this moment"
        case .wrongSecret(let remaining):
            "the pairing code's secret is wrong; \(remaining) more \(remaining == 1 ? "try" : "tries")"
        case .tooFast(let wait):
            "too many pairing requests: try again in \(wait.components.seconds + 1) s"
        case .badRequest(let reason): reason
        case .revoked(let date): "the pairing was revoked on \(CalendarDay.text(date))"
        }
    }

    private static func time(_ date: Date) -> String { date.formatted(.iso8601) }
}
