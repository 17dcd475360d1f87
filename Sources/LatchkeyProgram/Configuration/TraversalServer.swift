import NetworkTypes

/// A STUN or TURN server as it is configured: `host[:port]`, or `user:password@host[:port][/tcp]`.
package struct TraversalServer: Hashable, Sendable, CustomStringConvertible {
    /// How a client speaks to it.
    package enum Transport: String, Hashable, Sendable, CaseIterable { case udp, tcp, tls }

    static let expectedSTUN = "a server such as stun.example.org or 203.0.113.10:3478"
    static let expectedTURN =
        "a server such as name:password@turn.example.org:3478, with /tcp or /tls at its end for these"

    /// A name or a literal address, without brackets.
    package var host: String
    package var port: UInt16
    package var transport = Transport.udp
    package var username = ""
    package var password = ""

    /// Parses a STUN server; nil for what is none.
    package init?(stun text: String) { self.init(place: text[...], defaultPort: 3478) }

    /// Parses a TURN server with its credentials (RFC 8656 §5: long-term ones); nil for what is none. A password may have
    /// `@` and `:` in it, a name only the one behind the time at which it ends (`1764288000:home`), as services that hand
    /// out such credentials write them.
    package init?(turn text: String) {
        guard let at = text.lastIndex(of: "@") else { return nil }
        var place = text[text.index(after: at)...]
        var transport = Transport.udp
        if let slash = place.lastIndex(of: "/") {
            guard let named = Transport(rawValue: String(place[place.index(after: slash)...])) else { return nil }
            transport = named
            place = place[..<slash]
        }
        self.init(place: place, defaultPort: transport == .tls ? 5349 : 3478)
        self.transport = transport
        let credentials = text[..<at]
        guard var colon = credentials.firstIndex(of: ":") else { return nil }
        let time = credentials[..<colon].utf8
        if (9...11).contains(time.count), time.allSatisfy({ (0x30...0x39).contains($0) }) {
            colon = credentials[credentials.index(after: colon)...].firstIndex(of: ":") ?? colon
        }
        username = String(credentials[..<colon])
        password = String(credentials[credentials.index(after: colon)...])
        guard (1...508).contains(username.utf8.count), (1...256).contains(password.utf8.count) else { return nil }
    }

    private init?(place: Substring, defaultPort: UInt16) {
        if let endpoint = SocketEndpoint(String(place)) {
            (host, port) = ("\(endpoint.address)", endpoint.port)
            return
        }
        if let address = IPAddress(place.trimmingBrackets) {
            (host, port) = ("\(address)", defaultPort)
            return
        }
        let parts = place.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, parts.count <= 2, (1...253).contains(name.utf8.count),
            name.utf8.allSatisfy({ byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D || byte == 0x2E
            })
        else { return nil }
        guard let port = parts.count == 2 ? UInt16(parts[1]) : defaultPort, port > 0 else { return nil }
        (self.host, self.port) = (String(name), port)
    }

    /// Without the password.
    package var description: String {
        "\(username.isEmpty ? "" : "\(username)@")\(host):\(port)\(transport == .udp ? "" : "/\(transport.rawValue)")"
    }
}

extension Substring {
    fileprivate var trimmingBrackets: Substring {
        hasPrefix("[") && hasSuffix("]") ? dropFirst().dropLast() : self
    }
}
