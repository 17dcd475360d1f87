import Foundation
import HTTPTypes
import NIOCore
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

@Suite(
    "A session's paths", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct PathTests {
    /// Ways to one gateway that a test opens, closes and cuts.
    private final class Ways: Sendable {
        private struct State {
            var isOpen: [PathKind: Bool] = [:]
            var carriers: [PathKind: [any Carrier]] = [:]
            var isSilent: [PathKind: Bool] = [:]
            var told: [PathKind: AsyncStream<Bool>.Continuation] = [:]
        }

        private let state = Mutex(State())
        private let connect: @Sendable (TunnelDialer) async throws -> any Carrier
        private let kinds: [PathKind]

        init(
            _ kinds: [PathKind], open: [PathKind],
            connect: @escaping @Sendable (TunnelDialer) async throws -> any Carrier
        ) {
            self.kinds = kinds
            self.connect = connect
            for kind in open { set(kind, open: true) }
        }

        func set(_ kind: PathKind, open: Bool) { state.withLock { $0.isOpen[kind] = open } }

        /// Says of a way that nothing answers there, or that something does again; its carriers stay.
        func set(_ kind: PathKind, silent: Bool) {
            state.withLock { state in
                state.isSilent[kind] = silent
                return state.told[kind]
            }?.yield(silent)
        }

        /// The carriers that were opened over the way.
        func carriers(_ kind: PathKind) -> [any Carrier] { state.withLock { $0.carriers[kind] ?? [] } }

        /// Ends everything that goes over the way, and lets nothing through any more.
        func cut(_ kind: PathKind) {
            let carriers = state.withLock { state in
                state.isOpen[kind] = false
                return state.carriers.removeValue(forKey: kind) ?? []
            }
            for carrier in carriers { carrier.close(.failed("cut")) }
        }

        var target: SessionKeeper.Target {
            SessionKeeper.Target(
                ways: kinds.map { kind in
                    Way(kind, "test \(kind)") { context in
                        guard self.state.withLock({ $0.isOpen[kind] == true }) else {
                            throw TunnelError(.unreachable, "closed")
                        }
                        let carrier = try await self.connect(context.dialer)
                        let (changes, told) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
                        self.state.withLock { state in
                            state.carriers[kind, default: []].append(carrier)
                            state.told[kind] = told
                        }
                        let silence = Way.Silence(
                            changes: changes, now: { self.state.withLock { $0.isSilent[kind] == true } })
                        return Way.Reached(carrier: carrier, silence: silence, now: { (kind, "test \(kind)") })
                    }
                })
        }
    }

    private func withClient(
        _ street: Street, _ endpoint: SocketEndpoint, open: [PathKind], order: PathOrder = .all,
        _ body: @escaping @Sendable (App, Ways) async throws -> Void
    ) async throws {
        let paired = try await street.pair(.preset("full"), at: endpoint, named: "phone")
        let identity = try TunnelIdentity(chainDER: paired.chain.map(\.der), privateKeyDER: paired.key.pkcs8DER)
        let ways = Ways([.relay, .direct, .punched], open: open) { dialer in
            try await dialer.connect(
                to: [TunnelAddress(endpoint)], identity: identity,
                verifyServer: PairingClient.verification(pins: paired.pins))
        }
        var pace = SessionKeeper.Pace()
        pace.climb = ClimbSchedule(pauses: [.milliseconds(50)])
        pace.headStart = .milliseconds(20)
        pace.order = order
        try await street.withClient(of: ways.target, pace: pace) { client, controlPoint, said in
            try await body(App(controlPoint: controlPoint, client: client, said: said, paired: paired), ways)
        }
    }

    @Test("The session opens over what answers first, climbs while it goes on, and falls back when its path is cut")
    func climbs() async throws {
        try await Street().whileOpen { street, endpoint in
            try await self.withClient(street, endpoint, open: [.relay]) { app, ways in
                await app.said.wait(for: "path(RemoteAccess.PathKind.relay")
                _ = try await app.device(named: "Light")
                ways.set(.punched, open: true)
                await app.said.wait(for: "path(RemoteAccess.PathKind.punched")
                ways.set(.direct, open: true)
                await app.said.wait(for: "path(RemoteAccess.PathKind.direct")
                #expect(app.client.paths.report.kind == .direct)
                let sessions = street.server.sessions
                #expect(sessions.count == 1, "\(sessions)")
                #expect(!app.said.lines.contains { $0.hasPrefix("disconnected") || $0.contains("withdraw") })
                ways.cut(.direct)
                ways.cut(.punched)
                await app.said.wait(for: "disconnected")
                while app.client.paths.report.kind != .relay { await Task.yield() }
                #expect(street.server.sessions.map(\.id) == sessions.map(\.id), "the session is the same")
            }
        }
    }

    @Test("A stream goes on over the same carrier when the connection for media has ended, and not the session's")
    func mediaConnectionAlone() async throws {
        try await Street().whileOpen { street, endpoint in
            try await self.withClient(street, endpoint, open: [.direct]) { app, _ in
                let shelf = try await app.device(named: "Shelf")
                let url = try #require(try await app.invoke("LocateEndless", on: shelf)["URI"].flatMap { HTTPURL($0) })
                var cuts = 0
                // More than may be in a row without a byte in between.
                let most = LocalFrontend.Limits().resumptions + 1
                let request = HTTPRequest(
                    method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
                try await app.controlPoint.client.withResponse(request, to: try #require(url.endpoint)) { _, body in
                    var rest = ByteBuffer()
                    var expected: UInt32 = 0
                    for try await chunk in body {
                        rest.writeImmutableBuffer(chunk)
                        while var block = rest.readSlice(length: Street.block) {
                            #expect(block.readInteger(as: UInt32.self) == expected)
                            expected += 1
                        }
                        rest.discardReadBytes()
                        guard expected > UInt32(cuts + 1) * 20 else { continue }
                        if cuts == most { return }
                        cuts += street.server.listener.closeCarriers(reason: .failed("cut")) { $0.purpose == .media }
                    }
                }
                #expect(cuts == most)
                #expect(!app.said.lines.contains { $0.hasPrefix("disconnected") })
            }
        }
    }

    @Test("A way that goes silent is left for one that stands before its carrier ends; one that answers again is kept")
    func silent() async throws {
        try await Street().whileOpen { street, endpoint in
            try await self.withClient(street, endpoint, open: [.punched]) { app, ways in
                await app.said.wait(for: "path(RemoteAccess.PathKind.punched")
                _ = try await app.device(named: "Light")
                let sessions = street.server.sessions.map(\.id)
                // Nothing else stands: the carrier is kept, and nobody is told of a loss.
                ways.set(.punched, silent: true)
                ways.set(.punched, silent: false)
                ways.set(.relay, open: true)
                #expect(app.client.paths.report.kind == .punched)
                ways.set(.punched, open: false)
                ways.set(.punched, silent: true)
                while app.client.paths.report.kind != .relay { await Task.yield() }
                await app.said.wait(for: "path(RemoteAccess.PathKind.relay")
                for carrier in ways.carriers(.punched) { #expect(await carrier.ended() == .closed) }
                #expect(street.server.sessions.map(\.id) == sessions, "the session is the same")
                #expect(!app.said.lines.contains { $0.hasPrefix("disconnected") || $0.contains("withdraw") })
            }
        }
    }

    @Test("An order of paths that somebody wants is kept to, and a kind that it leaves out is not used")
    func order() async throws {
        try await Street().whileOpen { street, endpoint in
            let order = try PathOrder([.relay, .direct])
            try await self.withClient(street, endpoint, open: [.direct, .punched], order: order) { app, ways in
                await app.said.wait(for: "path(RemoteAccess.PathKind.direct")
                ways.set(.relay, open: true)
                await app.said.wait(for: "path(RemoteAccess.PathKind.relay")
                ways.cut(.relay)
                await app.said.wait(for: "disconnected")
                while app.client.paths.report.kind != PathKind.direct { await Task.yield() }
                #expect(!app.client.paths.report.attempts.contains { $0.kind == .punched })
            }
        }
    }

    @Test(
        "A stream that nobody can ask for again goes on byte by byte while paths are climbed to and cut",
        arguments: [UInt64.random(in: .min ... .max)])
    func live(seed: UInt64) async throws {
        try await Street().whileOpen { street, endpoint in
            try await self.withClient(street, endpoint, open: [.relay, .direct]) { app, ways in
                let shelf = try await app.device(named: "Shelf")
                let url = try #require(try await app.invoke("LocateEndless", on: shelf)["URI"].flatMap { HTTPURL($0) })
                var random = SeededGenerator(seed: seed)
                var expected: UInt32 = 0
                var moves = 0
                let request = HTTPRequest(
                    method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
                try await app.controlPoint.client.withResponse(request, to: try #require(url.endpoint)) { _, body in
                    var rest = ByteBuffer()
                    for try await chunk in body {
                        rest.writeImmutableBuffer(chunk)
                        while var block = rest.readSlice(length: Street.block) {
                            let number = block.readInteger(as: UInt32.self) ?? .max
                            guard number == expected else {
                                Issue.record("\(number) in place of \(expected), seed \(seed)")
                                return
                            }
                            expected += 1
                        }
                        rest.discardReadBytes()
                        guard expected > UInt32(moves + 1) * 100 else { continue }
                        moves += 1
                        if moves == 7 { return }
                        let kind: PathKind = Bool.random(using: &random) ? .direct : .relay
                        ways.cut(kind)
                        ways.set(kind == .direct ? .relay : .direct, open: true)
                    }
                }
                #expect(moves == 7, "seed \(seed)")
            }
        }
    }
}
