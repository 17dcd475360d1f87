import AccessPolicy
import HTTPTypes
import NIOCore
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

/// The design's invariants by their numbers, each over the whole of what it speaks of, with the real gateway, real TLS and
/// a client that keeps to no rules.
@Suite(
    "Invariants", .serialized, .timeLimit(.minutes(3)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct InvariantTests {
    private static let nobody = Grant.Scope.deviceTypes(["urn:schemas-upnp-org:device:Nothing:1"])
    private static let everything = PolicyRule(name: "everything", operations: [.everything])

    @Test(
        "Invariant 1: of every device, service, action, event and content exactly what a rule permits is announced, described, called, subscribed to and streamed"
    )
    func denyByDefault() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Street().whileOpen { street, endpoint in
            street.enforce([Self.everything])
            try await street.withBurglar(Self.nobody, at: endpoint) { burglar in
                try await burglar.wait(forDevices: 5)
                let targets = try await burglar.explore(street)
                let wishes = targets.flatMap(\.wishes)
                #expect(targets.count == 5 && wishes.count >= 10, "\(wishes)")
                var random = SeededGenerator(seed: seed)
                for round in 0..<8 {
                    // Nothing, everything one by one, and six times some of it.
                    let permitted = wishes.filter { _ in round > 0 && (round == 1 || Bool.random(using: &random)) }
                    street.enforce(permitted.enumerated().map { $0.element.rule($0.offset) })
                    let sweep = Sweep(
                        street: street, burglar: burglar, permitted: Set(permitted),
                        note: "seed \(seed), round \(round)")
                    try await sweep.announcements(targets)
                    for target in targets { try await sweep.everything(of: target) }
                }
            }
        }
    }

    @Test(
        "Invariant 4: through a client that may not share, and through one that may in a network that no rule names, a neighbour has nothing at all"
    )
    func neighbours() async throws {
        try await Street().whileOpen { street, endpoint in
            street.enforce([Self.everything])
            try await street.withBurglar(Self.nobody, at: endpoint) { burglar in
                try await burglar.wait(forDevices: 5)
                let targets = try await burglar.explore(street)
                let all = Set(targets.flatMap(\.wishes))
                func sweep(_ permitted: Set<Wish>, via: String, _ note: String) async throws {
                    let look = Sweep(
                        street: street, burglar: burglar, permitted: permitted, via: via, note: "\(note), via \(via)")
                    for target in targets { try await look.everything(of: target) }
                }
                func share(_ isShared: Bool) async throws {
                    try await street.store.setGrant(
                        Grant(subject: burglar.subject, scope: Self.nobody, sharing: isShared), expecting: nil)
                    try await street.trust.reload()
                }
                try await share(false)
                try await sweep(all, via: "own", "not shared")
                try await sweep([], via: "198.51.100.77", "not shared")
                try await sweep([], via: "fe80::1", "not shared")
                try await share(true)
                try await sweep(all, via: "198.51.100.77", "shared")
                var near = Self.everything
                near.via = try ["own-host", "198.51.100.64/28"].map { try #require(PolicyVia($0)) }
                street.enforce([near])
                try await sweep(all, via: "198.51.100.77", "shared with a network")
                try await sweep([], via: "198.51.100.80", "shared with a network")
                try await sweep([], via: "203.0.113.1", "shared with a network")
                // Who asks is not left to be guessed.
                for via in ["", "own-host", "198.51.100", "own, 198.51.100.80", "neighbour"] {
                    let path = try burglar.path(.description, targets[0].device.device.location, of: targets[0].udn)
                    #expect(try await burglar.ask(.get, path, via: via).status == 400, "\(via)")
                }
            }
        }
    }

    @Test(
        "Invariant 5: neither a client's certificate nor any other of the gateway's own authority, nor one with its name, stands in for the gateway"
    )
    func impostors() async throws {
        try await Street().whileOpen { street, endpoint in
            let phone = try await street.pair(.preset("full"), at: endpoint, named: "phone")
            let other = try await street.pair(.preset("full"), at: endpoint, named: "other phone")
            let stranger = try await GatewayTrust.load(
                from: InMemoryGatewayStore(), name: "Home", logger: street.logger)
            #expect(other.chain.last?.der == phone.chain.last?.der, "both are of the gateway's authority")
            let impostors: [(String, TunnelIdentity)] = [
                (
                    "another client of the same authority",
                    try TunnelIdentity(chainDER: other.chain.map(\.der), privateKeyDER: other.key.pkcs8DER)
                ),
                (
                    "the client's own certificate",
                    try TunnelIdentity(chainDER: phone.chain.map(\.der), privateKeyDER: phone.key.pkcs8DER)
                ),
                ("another gateway of the same name", stranger.tunnelIdentity),
            ]
            let identity = try TunnelIdentity(chainDER: phone.chain.map(\.der), privateKeyDER: phone.key.pkcs8DER)
            let dialer = TunnelDialer(eventLoopGroup: street.group, logger: street.logger)
            for (name, impostor) in impostors {
                let heard = Journal()
                try await Self.whileListening(as: impostor, street, heard) { relay in
                    let error = await #expect(throws: TunnelError.self, "\(name)") {
                        _ = try await dialer.connect(
                            to: [TunnelAddress(relay)], identity: identity,
                            verifyServer: PairingClient.verification(pins: phone.pins))
                    }
                    #expect(error?.code == .untrustedPeer, "\(name)")
                }
                #expect(heard.lines.isEmpty, "\(name)")
            }
            // The gateway itself is let through.
            let carrier = try await dialer.connect(
                to: [TunnelAddress(endpoint)], identity: identity,
                verifyServer: PairingClient.verification(pins: phone.pins))
            carrier.close(.closed)
        }
    }

    /// Runs a listener that has an impostor's identity and admits everybody.
    private static func whileListening(
        as impostor: TunnelIdentity, _ street: Street, _ heard: Journal,
        _ body: @escaping @Sendable (SocketEndpoint) async throws -> Void
    ) async throws {
        let listener = TunnelListener(eventLoopGroup: street.group, logger: street.logger)
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await listener.run(
                    on: SocketEndpoint(.v4(.loopback), port: 0), onBound: { bind.yield($0) },
                    identity: { impostor }, pairingOpen: { true },
                    authorize: { _ in
                        heard.note("a client's certificate")
                        return .admit(subject: "x")
                    },
                    sessions: { _, _ in heard.note("a session") }, pairing: { _, _ in heard.note("a pairing") })
            }
            tasks.addTask {
                for await endpoint in bound { return try await body(endpoint) }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    @Test(
        "Invariant 6: within a second of a revocation every stream, event and call of the subject has ended over all its connections, nothing of it is admitted again, and others go on"
    )
    func revocation() async throws {
        try await Street().whileOpen { street, endpoint in
            street.enforce([Self.everything])
            try await street.withBurglar(Self.nobody, at: endpoint, named: "staying") { staying in
                try await street.withBurglar(Self.nobody, at: endpoint, named: "leaving") { leaving in
                    try await staying.wait(forDevices: 5)
                    try await leaving.wait(forDevices: 5)
                    let shelf = try #require(street.server.homeDevices.first { $0.name == "Shelf" })
                    let media = try await leaving.located("LocateEndless", of: shelf)
                    let started = Journal()
                    let clock = ContinuousClock()
                    try await withThrowingTaskGroup(of: Void.self) { tasks in
                        for number in 0..<3 {
                            tasks.addTask {
                                await #expect(throws: (any Error).self) {
                                    try await leaving.stream(media) { started.note("stream \(number)") }
                                }
                                started.note("ended \(number)")
                            }
                        }
                        tasks.addTask {
                            // The stream of events ends, by an error or by its end.
                            _ = try? await leaving.events { _ in
                                started.note("stream 3")
                                return false
                            }
                            started.note("ended 3")
                        }
                        for number in 0..<4 { await started.wait(for: "stream \(number)") }
                        let begun = clock.now
                        _ = try await street.trust.revoke(leaving.subject)
                        for number in 0..<4 { await started.wait(for: "ended \(number)") }
                        #expect(begun.duration(to: clock.now) < .seconds(1))
                        try await tasks.waitForAll()
                    }
                    let path = try leaving.path(.description, shelf.device.location, of: shelf.udn)
                    await #expect(throws: (any Error).self) { _ = try await leaving.ask(.get, path) }
                    #expect(street.server.sessions.map(\.name) == ["staying"])
                    let kept = try staying.path(.description, shelf.device.location, of: shelf.udn)
                    #expect(try await staying.ask(.get, kept).status == 200)
                    #expect(
                        try await street.store.ledger().subjects.first { $0.id == leaving.subject }?.revokedAt != nil)
                }
            }
        }
    }
}
