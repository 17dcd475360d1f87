import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import RemoteAccess
import SQLiteStore
import TrustCore
import Tunnel

extension AwayProgram {
    /// Opens many sessions with the paired gateway from one process and holds them until it is ended: what an
    /// idle session costs either end is measured with it.
    package static func holdSessions(_ count: Int, _ invocation: Invocation) async throws {
        let folder = try invocation.stateFolder()
        guard SQLiteAwayStore.exists(in: folder.path) else {
            throw ProgramError.failure("the state folder \(folder.path) is not paired with a gateway")
        }
        let store = try SQLiteAwayStore(folder: folder.path)
        guard let gateway = try await store.gateways().first else {
            throw ProgramError.failure("the state folder \(folder.path) is not paired with a gateway")
        }
        let holder = SessionHolder(
            dialer: TunnelDialer(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: invocation.logger("away")),
            addresses: gateway.addresses.tunnelAddresses(pins: gateway.pins),
            identity: try TunnelIdentity(
                chainDER: gateway.chain.map(\.der), privateKeyDER: gateway.key.pkcs8DER),
            verifyServer: PairingClient.verification(pins: gateway.pins))
        invocation.console.line("base-rss-kib=\(residentKiB())")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for opened in 0..<count {
                // One after the other, so that the listener's bound on handshakes is not what is measured.
                let (up, rise) = AsyncStream<Void>.makeStream()
                group.addTask { try await holder.hold { rise.finish() } }
                for await _ in up {}
                if opened % 100 == 99 { invocation.console.progress("\(opened + 1) of \(count) sessions") }
            }
            invocation.console.progress(nil)
            invocation.console.line("ready")
            try await group.next()
            throw ProgramError.failure("a session ended")
        }
    }

    private static func residentKiB() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}

/// Opens sessions and does nothing with them but to listen.
private struct SessionHolder: Sendable {
    let dialer: TunnelDialer
    let addresses: [TunnelAddress]
    let identity: TunnelIdentity
    let verifyServer: @Sendable (PeerCertificate) -> String?

    func hold(_ opened: @Sendable () -> Void) async throws {
        defer { opened() }
        let carrier = try await dialer.connect(to: addresses, identity: identity, verifyServer: verifyServer)
        defer { carrier.close(.closed) }
        let answer = try await carrier.post(
            SessionRequest(authority: "127.0.0.1:1", resume: nil), to: WirePath.session, session: nil,
            answer: SessionAnswer.self, limits: WireLimits())
        var request = HTTPRequest(method: .get, scheme: "https", authority: "gateway", path: WirePath.events)
        request.headerFields[.latchkeySession] = answer.session
        try await carrier.withExchange(request, trafficClass: .event) { exchange in
            try await exchange.finish()
            _ = try await exchange.response()
            opened()
            for try await _ in exchange.body {}
        }
    }
}
