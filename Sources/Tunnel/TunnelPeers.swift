package import NetworkTypes

/// What a connection is for. The ALPN identifier tells it (RFC 7301), so that it is known before the first byte.
package enum ConnectionPurpose: String, Hashable, Sendable, CaseIterable {
    /// Control and events of a session.
    case session = "latchkey/1"
    /// Bodies of any size of a session.
    case media = "latchkey-media/1"
    /// A client without a certificate that wants one.
    case pairing = "latchkey-pair/1"
}

/// What the live table says about a certificate.
package enum Authorization: Hashable, Sendable {
    /// It belongs to this subject, who may come in.
    case admit(subject: String)
    /// It may not come in; the sentence is told to the peer.
    case refuse(String)
}

/// Who is at the other end of a connection that was let in.
package struct AdmittedPeer: Hashable, Sendable {
    /// The subject that the certificate belongs to.
    package let subject: String
    /// The certificate that the peer proved to own.
    package let certificate: PeerCertificate
    /// Where it comes from.
    package let remote: SocketEndpoint
    /// The address and port of ours that it reached.
    package let local: SocketEndpoint
    /// What the connection is for: `.session` or `.media`.
    package let purpose: ConnectionPurpose
    /// The relay that it came through, whose word `remote` is then; nil when it came directly.
    package let relay: SocketEndpoint?
    /// Whether it came by QUIC; else over TCP.
    package let isQUIC: Bool

    /// How it came, for people: `tcp 203.0.113.7:50001, through the relay 198.18.0.10:443`.
    package var path: String {
        "\(isQUIC ? "quic" : "tcp") \(remote)" + (relay.map { ", through the relay \($0)" } ?? "")
    }

    /// Makes a peer of its parts.
    package init(
        subject: String, certificate: PeerCertificate, remote: SocketEndpoint, local: SocketEndpoint,
        purpose: ConnectionPurpose, relay: SocketEndpoint? = nil, isQUIC: Bool = false
    ) {
        self.isQUIC = isQUIC
        self.relay = relay
        self.subject = subject
        self.certificate = certificate
        self.remote = remote
        self.local = local
        self.purpose = purpose
    }
}

/// Where a listener may be reached: a name or a literal address, and a port.
package struct TunnelAddress: Hashable, Sendable, CustomStringConvertible {
    /// A DNS name or an IP literal without brackets.
    package let host: String
    /// The port, TCP for a carrier on TLS and UDP for one on QUIC.
    package let port: UInt16
    /// Whom to ask for there in TLS (RFC 6066 §3), where the address is a relay's. Nil where it is the gateway's own.
    package let serverName: String?

    /// Makes an address of a host and a port.
    package init(host: String, port: UInt16, serverName: String? = nil) {
        self.host = host
        self.port = port
        self.serverName = serverName
    }

    /// Makes an address of an endpoint.
    package init(_ endpoint: SocketEndpoint) {
        self.init(host: "\(endpoint.address)", port: endpoint.port)
    }

    /// Parses `name:port`, `1.2.3.4:port` or `[::1]:port`.
    package init?(_ text: some StringProtocol) {
        if let endpoint = SocketEndpoint(text) {
            self.init(endpoint)
            return
        }
        guard text.utf8.count <= 260, let colon = text.lastIndex(of: ":"), colon != text.startIndex else { return nil }
        let name = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits),
            name.utf8.allSatisfy({ Self.isNameByte($0) }), IPAddress(name) == nil
        else { return nil }
        self.init(host: String(name), port: port)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    package var description: String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        return serverName == nil ? place : "relay \(place)"
    }
}
