/// The channels of a group (group keys specification 3.10.5).
package enum GroupChannel: Hashable, Sendable {
    /// Under the paper's traffic key, for classic servers.
    case classic
    /// Under the forwarder's sender key, for hardened servers.
    case hardened
}

/// Over which channels a request goes.
package struct SuiteBridge: Hashable, Sendable {
    /// What decides.
    package enum Rule: Hashable, Sendable {
        /// What the client accepts and what the service's record in the directory says.
        case directory
        /// The paper: every request goes over every channel. Whoever breaks one classic server's password then
        /// reads all requests of hardened clients; kept to show just that.
        case everything
    }

    private let rule: Rule

    /// Decides by a rule.
    package init(_ rule: Rule) { self.rule = rule }

    /// The channels of a request.
    ///
    /// `lowestSuite` is the lowest suite over which the client's request may travel; a client that is classic itself
    /// has no say. The classic channel is used only if a classic server offers the service, and a hardened client's
    /// request only if its record admits it. A classic client's request does not reach hardened servers that all
    /// serve hardened clients only. A service that nobody offers goes nowhere.
    package func channels(
        lowestSuite: UInt8, clientIsClassic: Bool, offers: [ServiceDirectory.Entry]
    ) -> Set<GroupChannel> {
        guard rule == .directory else { return [.classic, .hardened] }
        var channels: Set<GroupChannel> = []
        for entry in offers where entry.isOffered {
            switch (entry.isClassic, clientIsClassic) {
            case (true, true): channels.insert(.classic)
            case (true, false):
                if lowestSuite == 0, entry.offer.admitsHardenedOverClassic { channels.insert(.classic) }
            case (false, true):
                if entry.offer.lowestSuite == 0 { channels.insert(.hardened) }
            case (false, false): channels.insert(.hardened)
            }
        }
        return channels
    }
}
