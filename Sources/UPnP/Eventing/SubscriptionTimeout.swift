/// The `TIMEOUT` header of GENA: `Second-n`, or `Second-infinite` from before UDA 1.1.
public enum SubscriptionTimeout: Hashable, Sendable {
    /// So many seconds; not negative.
    case seconds(Int)
    /// For ever, which nobody has to grant.
    case infinite

    /// Reads a header's value; nil for anything else, which a publisher treats as if it were not there.
    ///
    /// Lenient: some devices write `Seconds-n`, or the number alone.
    public init?(_ header: some StringProtocol) {
        let text = XMLText.trimmed(header).lowercased()
        let prefix = ["second-", "seconds-"].first { text.hasPrefix($0) } ?? ""
        let digits = text.dropFirst(prefix.count)
        if digits == "infinite" {
            self = .infinite
        } else {
            guard !digits.isEmpty, digits.utf8.allSatisfy(URLText.isDigit), let seconds = Int(digits) else {
                return nil
            }
            self = .seconds(seconds)
        }
    }
}

extension SubscriptionTimeout: CustomStringConvertible {
    /// The header's value.
    public var description: String {
        switch self {
        case .seconds(let seconds): "Second-\(seconds)"
        case .infinite: "Second-infinite"
        }
    }
}
