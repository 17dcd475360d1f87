import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import Synchronization
import TrustCore
import Tunnel
import UPnP

/// The gateway's `RADiscoveryAgent:2`: served on the tunnel alone, for clients that keep their device list as the
/// standard has it. Clients that read the event stream do not need it.
///
/// | request | what for |
/// |---|---|
/// | `GET /rada/description.xml`, `/rada/scpd.xml` | the device and its service |
/// | `POST /rada/control` | RADASync:2 of the gateway |
/// | `GET /rada/calls?id=UUID` | the gateway's calls of the client's RADASync, a JSON line each, until it ends |
/// | `POST /rada/answers/ID` | the answer to one of them |
final class DiscoveryEndpoint: Sendable {
    static let prefix = "/rada/"
    static let description = "/rada/description.xml"

    private struct Connection: Sendable {
        let agent: RADASyncAgent
        let reverse: ReverseCalls
    }

    private let desk: RemoteAccessDesk
    private let mirror: HomeMirror
    private let limits: WireLimits
    private let callTime: Duration
    private let logger: Logger
    private let connections = Mutex<[SessionID: Connection]>([:])

    init(
        desk: RemoteAccessDesk, mirror: HomeMirror, limits: WireLimits, callTime: Duration, logger: Logger
    ) {
        self.desk = desk
        self.mirror = mirror
        self.limits = limits
        self.callTime = callTime
        self.logger = logger
    }

    /// Answers an exchange whose path begins with ``prefix``.
    func serve(_ exchange: any InboundExchange, path: String, of session: RemoteSession) async throws {
        switch (exchange.request.method, path) {
        case (.get, Self.description): try await respond(exchange, 200, rootDescription)
        case (.get, "/rada/scpd.xml"):
            let agent = self.agent(peer: nil, of: session, ReverseCalls(agent: "", limit: callTime))
            try await respond(exchange, 200, agent.service.scpd.serialized())
        case (.post, "/rada/control"): try await control(exchange, session)
        case (.get, "/rada/calls"): try await connect(exchange, session)
        case (.post, _) where path.hasPrefix("/rada/answers/"): try await answer(exchange, path, session)
        default: throw Problem(.notFound, "There is nothing at this path.", status: 404)
        }
    }

    private var rootDescription: String {
        RootDescription(
            device: DeviceDescription(
                deviceType: RADASyncAgent.deviceType, friendlyName: "Latchkey discovery agent",
                manufacturer: "Latchkey", modelName: "Latchkey gateway", udn: "uuid:" + desk.uuid,
                services: [
                    ServiceDescription(
                        serviceType: RADASyncAgent.serviceType, serviceID: "urn:upnp-org:serviceId:RADASync",
                        scpdURL: "/rada/scpd.xml", controlURL: "/rada/control", eventSubURL: "")
                ])
        ).serialized()
    }

    private func respond(_ exchange: any InboundExchange, _ status: Int, _ text: String) async throws {
        try await exchange.respond(
            status: .init(code: status), contentType: "text/xml; charset=\"utf-8\"", body: ByteBuffer(string: text))
    }

    private func control(_ exchange: any InboundExchange, _ session: RemoteSession) async throws {
        let body = try await exchange.body.collect(upTo: 1 << 20)
        guard let connection = connections.withLock({ $0[session.id] }) else {
            // Nobody was introduced: RADASync knows no ID yet.
            let fault = UPnPFault(
                UPnPErrorCode(rawValue: RADASyncPeer.Failure.unknownID.rawValue), description: "Unknown ID")
            return try await respond(exchange, 500, fault.serialized())
        }
        let (status, text) = await connection.agent.answer(
            body.readableBytesView, soapAction: exchange.request.headerFields[.soapAction])
        try await respond(exchange, status, text)
    }

    private func answer(_ exchange: any InboundExchange, _ path: String, _ session: RemoteSession) async throws {
        let body = try await exchange.body.collect(upTo: limits.messageBytes)
        guard let id = path.split(separator: "/").last.flatMap({ UInt64($0) }),
            let answer = try? WireCoding.decode(ReverseAnswer.self, from: body)
        else { throw Problem(.badRequest, "This is not an answer to a call.", status: 400) }
        guard connections.withLock({ $0[session.id] })?.reverse.answered(id, answer) == true else {
            throw Problem(.notFound, "Nobody waits for this answer.", status: 404)
        }
        try await exchange.respond(HTTPResponse(status: .noContent))
        try await exchange.finish()
    }

    /// Takes back at every agent what it was told; returns when all have answered, and after `limit` at the latest.
    func sayFarewell(within limit: Duration) async {
        let agents = connections.withLock { $0.values.map(\.agent) }
        guard !agents.isEmpty else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { all in
                    for agent in agents { all.addTask { await agent.sayFarewell() } }
                }
            }
            group.addTask {
                // Cancelled when all have answered.
                try? await Task.sleep(for: limit)
            }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: A connection

    /// Keeps a client's list as it is decided that it may be, until the exchange ends.
    private func connect(_ exchange: any InboundExchange, _ session: RemoteSession) async throws {
        let query = URLComponents(string: exchange.request.path ?? "")?.queryItems
        guard let peer = query?.first(where: { $0.name == "id" })?.value.flatMap(RADAText.uuid) else {
            throw Problem(.badRequest, "The path names no discovery agent: add ?id=UUID.", status: 400)
        }
        let reverse = ReverseCalls(agent: peer, limit: callTime)
        let connection = Connection(agent: agent(peer: peer, of: session, reverse), reverse: reverse)
        let earlier = connections.withLock { $0.updateValue(connection, forKey: session.id) }
        earlier?.reverse.end()
        defer {
            reverse.end()
            let isCurrent = connections.withLock { connections in
                guard connections[session.id]?.reverse === reverse else { return false }
                connections[session.id] = nil
                return true
            }
            if isCurrent { desk.network(session.id.description, is: nil) }
        }
        desk.network(
            session.id.description,
            is: Self.network(RADASyncPeer(own: "", ownLocation: "", introduces: false, peer: peer), session))
        var response = HTTPResponse(status: .ok)
        response.headerFields[.contentType] = "application/x-ndjson"
        try await exchange.respond(response)
        let changes = session.mirrorChanges()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await connection.agent.run() }
            tasks.addTask {
                for await _ in changes { await connection.agent.export(self.exported(to: session)) }
            }
            tasks.addTask {
                for await call in reverse.calls {
                    var line = try WireCoding.encode(call)
                    line.writeInteger(UInt8(ascii: "\n"))
                    try await exchange.send(line)
                }
            }
            defer { tasks.cancelAll() }
            // Whoever ends first ends the connection.
            try await tasks.next()
        }
        try await exchange.finish()
    }

    private func agent(peer: String?, of session: RemoteSession, _ reverse: ReverseCalls) -> RADASyncAgent {
        let id = session.id.description
        return RADASyncAgent(
            RADASyncPeer(
                own: desk.uuid, ownLocation: "http://gateway" + Self.description, introduces: true, peer: peer),
            access: reverse, logger: logger
        ) { [desk] state, _ in
            // The client's own devices are known, and not announced at home: one direction is served.
            desk.network(id, is: Self.network(state, session))
        }
    }

    private static func network(_ state: RADASyncPeer, _ session: RemoteSession) -> RADASystemInfo.RemoteNetwork? {
        state.peer.map { peer in
            RADASystemInfo.RemoteNetwork(
                credentialID: session.subject.id.rawValue, isConnected: true, uuid: peer,
                dddLocation: state.peerLocation, importControlMode: RADAFilterBook.defaultImportMode,
                heartbeat: state.heartbeat,
                devices: state.remote.values.sorted { $0.uuid < $1.uuid }.map { device in
                    var device = device
                    device.credentials = nil
                    return device
                })
        }
    }

    /// What the session's client sees, as RADASync tells it. The description is where the client serves it to its
    /// apps; the tunnel has it at the same path.
    private func exported(to session: RemoteSession) -> [RADADeviceInfo] {
        let devices = mirror.visibleDevices(for: session)
        return devices.prefix(RemoteAccessDocumentLimits.devices).map { device, maxAge in
            RADADeviceInfo(
                uuid: RADAText.uuid(device.root.udn) ?? device.root.udn, maxAge: maxAge,
                descriptionDocument: "http://\(session.authority)\(device.descriptionPath)",
                server: RemoteAccessClient.serverName)
        }
    }
}
