import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

/// The strongest client that may be refused: it has a paired client's keys, speaks to the gateway without the client's
/// program, knows every URL at home, and has the token of each of them.
struct Burglar: Sendable {
    static let authority = "198.51.100.1:8080"

    let carrier: any Carrier
    let session: String
    let subject: SubjectID
    private let sealer: URLSealer
    /// Everything that came from the gateway, heads and bodies.
    let loot = Loot()

    init(_ carrier: any Carrier, session: String, subject: SubjectID) throws {
        self.carrier = carrier
        self.session = session
        self.subject = subject
        // The key that `Street` gives its gateway.
        self.sealer = try URLSealer(key: Array(repeating: 7, count: 32))
    }

    /// The path under which this client would be issued a URL of a device.
    func path(_ kind: ResourceKind, _ url: HTTPURL, of udn: String) throws -> String {
        try sealer.seal(SealedResource(udn: udn, url: url, kind: kind), for: subject.rawValue).description
    }

    /// What a path stands for.
    func home(of path: String) throws -> HTTPURL { try sealer.open(path, for: subject.rawValue).url }

    func ask(
        _ method: HTTPRequest.Method, _ path: String, via: String = "own", soapAction: String? = nil,
        body: ByteBuffer = ByteBuffer()
    ) async throws -> (status: Int, body: ByteBuffer) {
        var request = HTTPRequest(method: method, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = session
        request.headerFields[.latchkeyVia] = via
        request.headerFields[.soapAction] = soapAction
        request.headerFields[.latchkeyRequestID] = "\(UInt64.random(in: .min ... .max))"
        let (head, answer) = try await carrier.call(request, body: body, upTo: 1 << 20)
        loot.take("\(head.headerFields)".utf8)
        loot.take(answer.readableBytesView)
        return (head.status.code, answer)
    }

    /// Calls an action; the status.
    func call(_ action: ActionRequest, at path: String, via: String = "own") async throws -> Int {
        try await ask(
            .post, path, via: via, soapAction: action.soapActionHeader, body: ByteBuffer(string: action.serialized())
        ).status
    }

    /// Subscribes to the events behind a path; the status.
    func subscribe(_ path: String, via: String = "own") async throws -> Int {
        try await ask(
            .post, WirePath.subscriptions, via: via, body: try WireCoding.encode(SubscriptionRequest(path: path))
        ).status
    }

    /// What the gateway tells the session of, until `isEnough`.
    func events(_ isEnough: @escaping @Sendable (SessionEvent.Content) -> Bool) async throws {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "gateway", path: WirePath.events)
        request.headerFields[.latchkeySession] = session
        try await carrier.withExchange(request, trafficClass: .event) { [loot] exchange in
            try await exchange.finish()
            _ = try await exchange.response()
            for try await line in exchange.body.lines(upTo: 1 << 20) {
                loot.take(line.readableBytesView)
                if isEnough(try WireCoding.decode(SessionEvent.self, from: line).content) { return }
            }
        }
    }

    /// The devices that are announced to the session at the moment.
    func announced() async throws -> [MirroredDevice] {
        let found = Found()
        try await events { content in
            guard case .snapshot(let devices, _) = content else { return false }
            found.devices = devices
            return true
        }
        return found.devices
    }

    /// Waits until so many devices have been announced.
    func wait(forDevices count: Int) async throws {
        let found = Found()
        try await events { content in
            if case .snapshot(let devices, _) = content { found.devices = devices }
            if case .appeared(let device) = content { found.devices.append(device) }
            return Set(found.devices.map(\.root.udn)).count >= count
        }
    }
}

extension Street {
    /// Pairs a client and runs a burglar with its keys while `body` runs.
    func withBurglar(
        _ scope: Grant.Scope, at endpoint: SocketEndpoint, named name: String = "stolen phone",
        _ body: @escaping @Sendable (Burglar) async throws -> Void
    ) async throws {
        let carrier = try await pairedCarrier(scope, at: endpoint, named: name)
        defer { carrier.close(.closed) }
        let subject = try #require(try await store.ledger().subjects.first { $0.name == name }).id
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await carrier.serve { $0.reset(.refused) } }
            defer { tasks.cancelAll() }
            let answer = try await carrier.post(
                SessionRequest(authority: Burglar.authority, resume: nil), to: WirePath.session, session: nil,
                answer: SessionAnswer.self, limits: WireLimits())
            // Not a task of the group: what is expected after the carrier has ended has to be looked at, too.
            try await body(try Burglar(carrier, session: answer.session, subject: subject))
        }
    }
}
