import HTTPTypes
import Logging
import NIOCore
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Synchronization
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

/// A client that knows nothing of Latchkey's event stream: it keeps its device list with RADASync alone.
final class TestDiscoveryClient: Sendable {
    static let uuid = "00000000-0000-4000-8000-00000000c11e"

    let carrier: any Carrier
    let session: String
    /// The calls that came, by their actions.
    let heard = Journal()
    /// While it is set, calls of the gateway are heard and not answered.
    let isSilent = Mutex(false)
    private let lists = AsyncStream<Set<String>>.makeStream()
    private let agents = Mutex<RADASyncAgent?>(nil)

    init(_ carrier: any Carrier, session: String) {
        self.carrier = carrier
        self.session = session
    }

    var agent: RADASyncAgent? { agents.withLock { $0 } }

    /// Waits until the remote network is this.
    func list(_ isRight: (Set<String>) -> Bool) async {
        for await list in lists.stream where isRight(list) { return }
    }

    func run(logger: Logger) async throws {
        let lists = lists.continuation
        let agent = RADASyncAgent(
            RADASyncPeer(own: Self.uuid, ownLocation: "http://client/rada", introduces: false),
            access: Access(client: self), logger: logger
        ) { state, _ in lists.yield(Set(state.remote.keys)) }
        agents.withLock { $0 = agent }
        var request = HTTPRequest(
            method: .get, scheme: "https", authority: "gateway", path: "/rada/calls?id=\(Self.uuid)")
        request.headerFields[.latchkeySession] = session
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await agent.run() }
            tasks.addTask { [request] in
                try await self.carrier.withExchange(request, trafficClass: .event) { exchange in
                    try await exchange.finish()
                    _ = try await exchange.response()
                    for try await line in exchange.body.lines(upTo: 1 << 20) {
                        try await self.serve(try WireCoding.decode(ReverseCall.self, from: line), agent)
                    }
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private func serve(_ call: ReverseCall, _ agent: RADASyncAgent) async throws {
        heard.note(call.soapAction)
        if isSilent.withLock({ $0 }) { return }
        let (status, body) = await agent.answer(Array(call.body.utf8), soapAction: call.soapAction)
        let answer = try WireCoding.encode(ReverseAnswer(status: status, body: body))
        _ = try await self.call(.post, "/rada/answers/\(call.id)", body: answer)
    }

    func call(
        _ method: HTTPRequest.Method, _ path: String, body: ByteBuffer = ByteBuffer(), soapAction: String? = nil
    ) async throws -> (head: HTTPResponse, body: ByteBuffer) {
        var request = HTTPRequest(method: method, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = session
        request.headerFields[.soapAction] = soapAction
        return try await carrier.call(request, body: body, upTo: 1 << 20)
    }

    private struct Access: RADAPeerAccess {
        let client: TestDiscoveryClient

        func call(_ request: ActionRequest) async throws -> ControlResult {
            let (head, body) = try await client.call(
                .post, "/rada/control", body: ByteBuffer(string: request.serialized()),
                soapAction: request.soapActionHeader)
            return try ControlResult.parse(status: head.status.code, body: body.readableBytesView)
        }

        func discoveryAgent(at location: String) async throws -> String? {
            guard let url = HTTPURL(location) else { return nil }
            let (_, body) = try await client.call(.get, url.pathAndQuery)
            let root = try RootDescription(parsing: body.readableBytesView)
            return root.device.deviceType == RADASyncAgent.deviceType ? root.device.udn : nil
        }
    }
}

extension Street {
    /// Pairs a client and connects as it.
    func pairedCarrier(
        _ scope: Grant.Scope, at endpoint: SocketEndpoint, named name: String
    ) async throws -> any Carrier {
        let paired = try await pair(scope, at: endpoint, named: name)
        let identity = try TunnelIdentity(chainDER: paired.chain.map(\.der), privateKeyDER: paired.key.pkcs8DER)
        return try await TunnelDialer(eventLoopGroup: group, logger: logger).connect(
            to: [TunnelAddress(endpoint)], identity: identity,
            verifyServer: PairingClient.verification(pins: paired.pins))
    }

    /// Pairs a client that speaks RADASync and runs it while `body` runs.
    func withDiscoveryClient(
        _ scope: Grant.Scope, at endpoint: SocketEndpoint, named name: String = "console",
        _ body: @escaping @Sendable (TestDiscoveryClient) async throws -> Void
    ) async throws {
        let carrier = try await pairedCarrier(scope, at: endpoint, named: name)
        defer { carrier.close(.closed) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await carrier.serve { $0.reset(.refused) } }
            tasks.addTask { [logger] in
                let answer = try await carrier.post(
                    SessionRequest(authority: "198.51.100.1:8080", resume: nil), to: WirePath.session, session: nil,
                    answer: SessionAnswer.self, limits: WireLimits())
                let client = TestDiscoveryClient(carrier, session: answer.session)
                try await withThrowingTaskGroup(of: Void.self) { inner in
                    inner.addTask { try await client.run(logger: logger) }
                    inner.addTask { try await body(client) }
                    defer { inner.cancelAll() }
                    try await inner.next()
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }
}
