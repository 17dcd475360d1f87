import HTTPTypes
import Logging
import NIOCore
import NIOTraversal
import NIOTunnelQUIC
import NetworkTypes
import Synchronization
import Traversal
import Tunnel

/// The gateway's half of a direct path: a client that has a session tells where it might be reached, is told the same of
/// the gateway, and comes over whatever ICE (RFC 8445) finds, with the same certificates as everywhere.
final class PunchDesk: Sendable {
    /// Paths at once, from everybody and of one client.
    private static let most = 64
    private static let mostOfOne = 3
    /// What is read of a client's words about its NAT, in bytes.
    private static let longestNotice = 1_024

    /// A path that is looked for.
    struct Search: Sendable {
        let session: ICESession
        let subject: String
    }

    private let settings: PunchingSettings
    private let group: any EventLoopGroup
    private let view: NATView
    private let searches = AsyncStream<Search>.makeStream(bufferingPolicy: .bufferingOldest(PunchDesk.most))
    private let running = Mutex<[String: Int]>([:])

    init(_ settings: PunchingSettings, eventLoopGroup: any EventLoopGroup) {
        self.settings = settings
        self.group = eventLoopGroup
        view = NATView(settings, eventLoopGroup: eventLoopGroup)
    }

    /// `POST /v1/nat`: what the client tells of its NAT (`NATNotice`), answered with the same of the gateway's.
    func exchangeNAT(_ exchange: any InboundExchange, of session: RemoteSession) async throws {
        let body = try await exchange.body.collect(upTo: Self.longestNotice)
        guard let notice = try? WireCoding.decode(NATNotice.self, from: body) else {
            throw Problem(.badRequest, "This tells of no NAT.", status: 400)
        }
        session.clientNAT.withLock { $0 = notice.behavior }
        try await exchange.respond(json: NATNotice(await view.behavior()))
    }

    /// `POST /v1/path`: the client's description (`ICEDescription`), answered with the gateway's.
    func answer(_ exchange: any InboundExchange, from peer: AdmittedPeer) async throws {
        let body = try await exchange.body.collect(upTo: ICEDescription.maximumBytes)
        guard let offered = try? ICEDescription(decoding: Array(body.readableBytesView)) else {
            throw Problem(.badRequest, "This is no description of candidates.", status: 400)
        }
        try admit(peer.subject)
        var search: Search?
        do {
            let session = try await settings.begin(.controlled, on: group.next())
            search = Search(session: session, subject: peer.subject)
            session.setRemote(offered)
            let own = try await settings.description(of: session)
            await session.findOnLink(own: own, peer: offered)
            try await exchange.respond(
                status: .ok, contentType: "application/octet-stream", body: ByteBuffer(bytes: own.encoded()))
        } catch {
            search?.session.close()
            release(peer.subject)
            throw error
        }
        if let search, case .enqueued = searches.continuation.yield(search) { return }
        search?.session.close()
        release(peer.subject)
    }

    private func admit(_ subject: String) throws {
        let isAdmitted = running.withLock { running in
            guard running.values.reduce(0, +) < Self.most, running[subject, default: 0] < Self.mostOfOne else {
                return false
            }
            running[subject, default: 0] += 1
            return true
        }
        guard isAdmitted else {
            throw Problem(.unavailable, "Too many direct paths are looked for; try again later.", status: 429)
        }
    }

    private func release(_ subject: String) {
        running.withLock { running in
            running[subject, default: 1] -= 1
            if running[subject] == 0 { running[subject] = nil }
        }
    }

    /// Serves the paths until the task is cancelled; `serve` returns when a path has ended.
    func run(_ serve: @escaping @Sendable (any DatagramPath) async throws -> Void) async {
        await withDiscardingTaskGroup { group in
            for await search in searches.stream {
                group.addTask {
                    defer {
                        search.session.close()
                        self.release(search.subject)
                    }
                    // A path that nobody uses ends when its checks have failed, and one in use when consent has.
                    await withTaskGroup(of: Void.self) { one in
                        one.addTask { try? await serve(search.session) }
                        one.addTask {
                            for await event in search.session.events { if case .failed = event { return } }
                        }
                        await one.next()
                        one.cancelAll()
                    }
                }
            }
        }
    }
}
