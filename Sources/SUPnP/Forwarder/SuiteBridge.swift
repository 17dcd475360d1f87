/// The channels of a group (group keys specification 3.10.5).
package struct GroupChannels: OptionSet, Hashable, Sendable {
    /// A bit for each channel.
    package let rawValue: UInt8

    /// Takes the bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Under the paper's traffic key, for classic servers.
    package static let classic = GroupChannels(rawValue: 1)
    /// Under the forwarder's sender key, for hardened servers.
    package static let hardened = GroupChannels(rawValue: 2)
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
    ) -> GroupChannels {
        guard rule == .directory else { return [.classic, .hardened] }
        var channels: GroupChannels = []
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
