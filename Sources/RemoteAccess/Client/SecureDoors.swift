import HTTPTypes
import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import Synchronization
import Tunnel

/// The away client's ends of passages to protected devices: a port for each, which is announced as the mirror's
/// SECURELOCATION, and behind which the device itself speaks TLS.
///
/// An app that knows DeviceProtection connects there with its own certificate and has the device before it: the
/// mirror's own description, in clear, goes on without the service.
final class SecureDoors: Sendable {
    private struct Door {
        let path: String
        let task: Task<Void, Never>
        var endpoint: SocketEndpoint?
    }

    /// Doors at one time; devices beyond it are mirrored without.
    private static let maximum = 64
    private static let connectionsPerDoor = 8

    private let address: IPAddress
    private let link: TunnelLink
    private let neighbours: Neighbourhood
    private let group: any EventLoopGroup
    private let logger: Logger
    private let doors = Mutex<[String: Door]>([:])

    init(
        address: IPAddress, link: TunnelLink, neighbours: Neighbourhood, eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.address = address
        self.link = link
        self.neighbours = neighbours
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// SECURELOCATION of a mirror, when its door is open.
    func location(of device: MirroredDevice) -> String? {
        guard let path = device.securePath else { return nil }
        return doors.withLock { $0[device.root.udn]?.endpoint }.map { "https://\($0)\(path)" }
    }

    /// Opens the doors of these devices, and closes those of no others. Returns when they are open.
    func open(_ devices: [MirroredDevice]) async {
        for device in devices { await open(device) }
    }

    /// Closes every door but those of these devices.
    func keep(only devices: [MirroredDevice]) {
        let kept = Set(devices.map(\.root.udn))
        for udn in doors.withLock({ Set($0.keys) }).subtracting(kept) { close(udn: udn) }
    }

    /// Opens a device's door, or closes it when there is nothing behind it any more.
    func open(_ device: MirroredDevice) async {
        let udn = device.root.udn
        guard device.securePath != nil else { return close(udn: udn) }
        if doors.withLock({ $0[udn]?.path }) == device.descriptionPath { return }
        close(udn: udn)
        guard doors.withLock({ $0.count }) < Self.maximum else { return }
        let (starts, start) = AsyncStream.makeStream(of: SocketEndpoint.self)
        let target = WirePath.secure + device.descriptionPath
        // Unstructured because devices come and go by themselves; `close` or `closeAll` ends it.
        let task = Task { [self] in
            do {
                try await ByteStreams.listen(
                    on: SocketEndpoint(address, port: 0), limit: Self.connectionsPerDoor, eventLoopGroup: group,
                    onBound: { start.yield($0) }, accepts: { self.neighbours.serves($0.address) },
                    handler: { try await self.carry($0, $1, $2, to: target) })
            } catch {
                logger.debug("a door to a protected device closed", metadata: ["error": "\(error)"])
            }
            start.finish()
        }
        doors.withLock { $0[udn] = Door(path: device.descriptionPath, task: task) }
        for await endpoint in starts {
            doors.withLock { $0[udn]?.endpoint = endpoint }
            break
        }
    }

    /// Closes a device's door, and the connections behind it.
    func close(udn: String) { doors.withLock { $0.removeValue(forKey: udn) }?.task.cancel() }

    /// Closes everything.
    func closeAll() {
        let all = doors.withLock { doors in
            defer { doors = [:] }
            return doors.values.map(\.task)
        }
        for task in all { task.cancel() }
    }

    private func carry(
        _ peer: SocketEndpoint, _ inbound: ByteStreams.Inbound, _ outbound: ByteStreams.Outbound, to path: String
    ) async throws {
        let found = try await link.link(within: .seconds(10))
        var request = HTTPRequest(method: .post, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = found.link.session
        request.headerFields[.latchkeyVia] =
            neighbours.isOwnHost(peer.address) ? "own" : peer.address.unmapped.description
        try await found.link.carrier.withExchange(request, trafficClass: .control) { tunnel in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await chunk in inbound { try await tunnel.send(chunk) }
                    try await tunnel.finish()
                }
                group.addTask {
                    guard try await tunnel.response().status == .ok else { throw CancellationError() }
                    for try await chunk in tunnel.body { try await outbound.write(chunk) }
                    outbound.finish()
                }
                defer { group.cancelAll() }
                for _ in 0..<2 { try await group.next() }
            }
        }
    }
}
