package import NetworkTypes

/// Where a gateway can be reached: an IP literal or a DNS name, and a port.
package struct GatewayAddress: Hashable, Sendable {
    /// The literal without brackets, or the name in lower case.
    package let host: String
    /// The TCP port, never 0.
    package let port: UInt16
    /// Whether a relay is there, which passes connections on to the gateway of a pin, and not the gateway itself.
    package let isRelay: Bool

    private static let relayPrefix = "relay:"

    /// The port of a relay that was named without one: that of HTTPS, which hardly any network stops.
    package static let defaultRelayPort: UInt16 = 443

    /// Parses a relay's `host` or `host:port`.
    package init?(relay text: some StringProtocol) {
        let text = String(text)
        guard
            let place = GatewayAddress(text) ?? GatewayAddress("\(text):\(Self.defaultRelayPort)")
                ?? IPAddress(text).flatMap({ GatewayAddress(SocketEndpoint($0, port: Self.defaultRelayPort)) }),
            !place.isRelay
        else { return nil }
        self.host = place.host
        self.port = place.port
        self.isRelay = true
    }

    /// Parses `host:port`, or `relay:host:port` for a relay's; IPv6 in brackets. A name has letters, digits, hyphens and dots only, and the
    /// last label is not all digits, so that no loose IPv4 spelling passes for a name.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 262 + Self.relayPrefix.utf8.count else { return nil }
        if text.lowercased().hasPrefix(Self.relayPrefix) {
            guard let relay = GatewayAddress(text.dropFirst(Self.relayPrefix.count)), !relay.isRelay else { return nil }
            self = relay.asRelay
            return
        }
        if let endpoint = SocketEndpoint(text) {
            self.init(endpoint)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        self.init(name: text[..<colon], port: port)
    }

    /// Takes a literal; nil for port 0 and for addresses that are not one host's (groups, `0.0.0.0`).
    package init?(_ endpoint: SocketEndpoint) {
        guard endpoint.port != 0, !endpoint.address.isMulticast, !endpoint.address.isUnspecified else { return nil }
        self.host = endpoint.address.description
        self.port = endpoint.port
        self.isRelay = false
    }

    private init(relayHost host: String, port: UInt16) {
        self.host = host
        self.port = port
        self.isRelay = true
    }

    /// The same place as a relay's.
    var asRelay: GatewayAddress { GatewayAddress(relayHost: host, port: port) }

    init?(name: some StringProtocol, port: UInt16) {
        guard port != 0, (1...253).contains(name.utf8.count) else { return nil }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-",
                label.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
            else { return nil }
        }
        guard let last = labels.last, !last.allSatisfy(\.isNumber), !last.lowercased().hasPrefix("0x") else {
            return nil
        }
        self.host = name.lowercased()
        self.port = port
        self.isRelay = false
    }

    /// The endpoint, when the host is a literal.
    package var endpoint: SocketEndpoint? {
        IPAddress(host).map { SocketEndpoint($0, port: port) }
    }
}

extension GatewayAddress: CustomStringConvertible {
    /// `host:port`, IPv6 in brackets, and `relay:` before it where a relay is there.
    package var description: String {
        (isRelay ? Self.relayPrefix : "") + (endpoint?.description ?? "\(host):\(port)")
    }
}
