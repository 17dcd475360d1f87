package import NetworkTypes

/// Where a gateway can be reached: an IP literal or a DNS name, and a port.
package struct GatewayAddress: Hashable, Sendable {
    /// The literal without brackets, or the name in lower case.
    package let host: String
    /// The TCP port, never 0.
    package let port: UInt16

    /// Parses `host:port`; IPv6 in brackets. A name has letters, digits, hyphens and dots only, and the
    /// last label is not all digits, so that no loose IPv4 spelling passes for a name.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 262 else { return nil }
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
    }

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
    }

    /// The endpoint, when the host is a literal.
    package var endpoint: SocketEndpoint? {
        IPAddress(host).map { SocketEndpoint($0, port: port) }
    }
}

extension GatewayAddress: CustomStringConvertible {
    /// `host:port`, IPv6 in brackets.
    package var description: String {
        endpoint?.description ?? "\(host):\(port)"
    }
}
