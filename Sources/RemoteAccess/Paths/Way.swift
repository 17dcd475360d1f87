package import NIOTunnel
package import NIOTunnelQUIC
package import Tunnel

/// By what means a gateway is reached. What is less is better: fewer hosts stand between, and nobody else pays.
package enum PathKind: Int, Hashable, Sendable, Comparable, CaseIterable, Codable {
    /// A connection to an address of the gateway: on the same LAN, a public one, or one that its router maps.
    case direct
    /// Datagrams through a hole that both ends punched in their NATs (RFC 8445).
    case punched
    /// Datagrams over a TURN server (RFC 8656).
    case turn
    /// The blind relay.
    case relay

    /// As it is configured.
    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// As it is configured: `direct`, `punched`, `turn` or `relay`.
    package var name: String { "\(self)" }

    /// For people.
    package var words: String {
        switch self {
        case .direct: "directly"
        case .punched: "directly, through a hole in both NATs"
        case .turn: "over a TURN server"
        case .relay: "over the relay"
        }
    }

    /// What is less is better.
    package static func < (left: PathKind, right: PathKind) -> Bool { left.rawValue < right.rawValue }
}

/// One way to a gateway that can be tried.
package struct Way: Sendable {
    /// By what means.
    package let kind: PathKind
    /// Which one, for logs and reports: `tcp 192.0.2.1:47000`.
    package let name: String
    /// Opens a carrier.
    let connect: @Sendable (Context) async throws -> Reached

    /// What a way may use.
    package struct Context: Sendable {
        /// Opens tunnels over TCP.
        package let dialer: TunnelDialer
        /// The carrier that stands, when there is one already.
        package let link: Link?
    }

    /// A carrier, and how it goes at the moment.
    package struct Reached: Sendable {
        package let carrier: any Carrier
        /// What is known of the way now; a path of datagrams may change it while it stands.
        package let now: @Sendable () -> (kind: PathKind, name: String)
        /// An element each time that `now` may be another; nil for what never changes.
        package let changes: AsyncStream<Void>?
        /// Whether nothing answers there; nil where only the carrier's keepalive would tell.
        package let silence: Silence?

        package init(
            carrier: any Carrier, changes: AsyncStream<Void>? = nil, silence: Silence? = nil,
            now: @escaping @Sendable () -> (kind: PathKind, name: String)
        ) {
            self.carrier = carrier
            self.changes = changes
            self.silence = silence
            self.now = now
        }
    }

    /// Whether a way answers, known before the carrier's keepalive gives it up.
    package struct Silence: Sendable {
        /// True each time that nothing answers, false when it does again; for one reader.
        package let changes: AsyncStream<Bool>
        /// What is known at the moment.
        package let now: @Sendable () -> Bool

        package init(changes: AsyncStream<Bool>, now: @escaping @Sendable () -> Bool) {
            self.changes = changes
            self.now = now
        }
    }

    /// Makes a way.
    package init(
        _ kind: PathKind, _ name: String, connect: @escaping @Sendable (Context) async throws -> Reached
    ) {
        self.kind = kind
        self.name = name
        self.connect = connect
    }

    /// Makes a way over a carrier that is what it is.
    package init(
        _ kind: PathKind, _ name: String, dial: @escaping @Sendable (TunnelDialer) async throws -> any Carrier
    ) {
        self.init(kind, name) { context in
            Reached(carrier: try await dial(context.dialer), now: { (kind, name) })
        }
    }
}

extension Way {
    /// Tunnels over TCP: to whichever of the gateway's own addresses answers first, and through its relays.
    /// - Parameters:
    ///   - addresses: In the order of preference.
    ///   - verifyServer: Nil to accept the gateway's certificate, or a sentence that says why not.
    package static func tunnels(
        to addresses: [TunnelAddress], identity: TunnelIdentity,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) -> [Way] {
        func way(_ kind: PathKind, _ addresses: [TunnelAddress]) -> Way {
            Way(
                kind, "tcp \(addresses.map { "\($0)" }.joined(separator: ", "))",
                dial: { dialer in
                    try await dialer.connect(
                        to: addresses, identity: identity, purpose: .session, verifyServer: verifyServer)
                })
        }
        let own = addresses.filter { $0.serverName == nil }
        let relays = addresses.filter { $0.serverName != nil }
        // That there is no address at all is for the dialer to say.
        let direct = own.isEmpty && !relays.isEmpty ? [] : [way(.direct, own)]
        return direct + (relays.isEmpty ? [] : [way(.relay, relays)])
    }
}

extension Way {
    /// A tunnel over UDP, to whichever of the gateway's own addresses answers first; a relay passes TCP alone. Otherwise as
    /// `tunnels(to:identity:verifyServer:)`.
    package static func tunnel(
        _ kind: PathKind, to addresses: [TunnelAddress], over datagrams: QUICDialer, identity: TunnelIdentity,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) -> Way {
        let own = addresses.filter { $0.serverName == nil }
        return Way(
            kind, "udp \(own.map { "\($0)" }.joined(separator: ", "))",
            dial: { _ in
                try await datagrams.connect(
                    to: own, identity: identity, purpose: .session, verifyServer: verifyServer)
            })
    }
}

/// What came of an attempt to reach the gateway in one way.
package struct PathAttempt: Hashable, Sendable, Codable {
    package var kind: PathKind
    package var name: String
    /// Nil when it stood.
    package var failure: String?
    /// From the beginning of the attempt, in milliseconds.
    package var milliseconds: Int

    package init(kind: PathKind, name: String, failure: String?, milliseconds: Int) {
        self.kind = kind
        self.name = name
        self.failure = failure
        self.milliseconds = milliseconds
    }
}
