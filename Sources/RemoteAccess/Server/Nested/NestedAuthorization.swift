package import AccessPolicy
import Foundation
import HTTPTypes
package import Logging
package import NIOCore
import NIOTunnel
import NIOUPnP
import NetworkTypes
import Synchronization
import TrustCore
import Tunnel
import UPnP

/// The gateway as a control point of home devices that have DeviceProtection themselves: it comes in the role that
/// the client's session maps to, and the device decides again.
///
/// For each role it has one identity, made when it is first needed and kept sealed; devices give their rights to that
/// identity. An identity is taken into memory when a session of its role calls a device, and with the last such
/// session it goes, with its TLS connections: a gateway on which no administrator's session runs acts nowhere as one.
/// The gateway logs no user in and knows no password.
///
/// A device is recognised by its certificate: the first one that was seen over the SECURELOCATION of a UDN counts
/// from then on.
package final class NestedAuthorization: Sendable {
    /// Whose call it is.
    package struct Caller: Sendable {
        /// The session, by its name in the session table.
        package let session: String
        /// The roles that it has.
        package let roles: Set<RoleName>
        /// Whether it has a role still: one that was taken up may be laid down while the call is on its way.
        let holds: @Sendable (RoleName) -> Bool

        /// Names a session.
        package init(
            session: String, roles: Set<RoleName>, holds: @escaping @Sendable (RoleName) -> Bool = { _ in true }
        ) {
            self.session = session
            self.roles = roles
            self.holds = holds
        }
    }

    /// An identity in use.
    private struct Means: Sendable {
        let identity: TunnelIdentity
        let client: HTTPClient
        var sessions: Set<String>
    }

    /// A device's side, as it was read over TLS.
    struct Door: Sendable {
        let location: HTTPURL
        let id: DeviceProtectionID
        let description: RootDescription

        /// The control URL of a service, over HTTPS and at the device itself.
        func controlURL(ofService id: String) -> HTTPURL? {
            let services = description.device.allDevices.flatMap(\.services)
            guard let service = services.first(where: { $0.serviceID == id }),
                let url = location.resolving(service.controlURL), url.scheme == "https",
                url.ipAddress == location.ipAddress
            else { return nil }
            return url
        }
    }

    private struct State {
        var means: [RoleName: Means] = [:]
        var doors: [String: Door] = [:]
    }

    private static let mostDoors = 256

    private let store: any DeviceProtectionStore
    private let pin: @Sendable (_ name: String, _ fresh: [UInt8]) async throws -> [UInt8]
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - store: Where the identities are.
    ///   - pin: Keeps 16 bytes under a name: what was stored first under it comes back.
    package init(
        store: any DeviceProtectionStore,
        pin: @escaping @Sendable (_ name: String, _ fresh: [UInt8]) async throws -> [UInt8],
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.store = store
        self.pin = pin
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// The role in which the gateway comes for a session: the mightiest that it has.
    package static func role(for roles: Set<RoleName>) -> RoleName {
        if roles.contains(.admin) { return .admin }
        if roles.contains(.basic) { return .basic }
        return roles.subtracting([.public]).min() ?? .public
    }

    /// The identity of the gateway in a role, for whoever gives it its rights on a device.
    package func identity(for role: RoleName) async throws -> StoredDeviceIdentity {
        try await store.deviceIdentity(named: "role:\(role)") {
            try StoredDeviceIdentity(commonName: "Latchkey gateway (\(role))", now: Date())
        }
    }

    /// The roles whose identity is in memory at the moment.
    package var rolesInUse: Set<RoleName> { state.withLock { Set($0.means.keys) } }

    /// Reads each device anew at its next call, and asks for its pin again.
    package func forgetDoors() { state.withLock { $0.doors = [:] } }

    /// A session has ended: with the last of its role the role's identity is given up.
    package func ended(_ session: String) { ended(session, in: nil) }

    /// A session has laid a role down, or all of them with nil.
    package func ended(_ session: String, in laidDown: RoleName?) {
        let unused = state.withLock { state in
            var unused: [Means] = []
            for (role, var means) in state.means where laidDown == nil || role == laidDown {
                means.sessions.remove(session)
                state.means[role] = means.sessions.isEmpty ? nil : means
                if means.sessions.isEmpty { unused.append(means) }
            }
            return unused
        }
        for means in unused { means.client.shutDown() }
    }

    /// Calls an action of a protected device, in the role of the caller's session.
    ///
    /// Throws `Problem` when the device cannot be reached over TLS, or is not the one that it was.
    func withResponse<Result: Sendable>(
        _ body: ByteBuffer, fields: HTTPFields, service: HomeService, of device: KnownDevice, for caller: Caller,
        limits: HTTPClientLimits, _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        let role = Self.role(for: caller.roles)
        let means = try await means(for: role, caller)
        guard caller.holds(role) else {
            ended(caller.session, in: role)
            throw Problem(.denied, "The role \(role) was laid down.", status: 403)
        }
        let door = try await door(of: device)
        guard let url = door.controlURL(ofService: service.serviceID), let endpoint = url.endpoint else {
            throw Problem(.notFound, "\(device.name) has no such service over HTTPS.", status: 404)
        }
        let id = door.id
        let tls = try DeviceTLS(client: means.identity) { DeviceProtectionID(certificateDER: $0) == id }
        let request = HTTPRequest(
            method: .post, scheme: "https", authority: url.authority, path: url.pathAndQuery, headerFields: fields)
        do {
            return try await means.client.withResponse(
                request, body: body, to: endpoint, from: device.device.interface.address, limits: limits,
                security: HTTPClientSecurity(name: "\(role) \(id)") { try tls.prepare($0) }, use)
        } catch let error as HTTPTransportError {
            // What is read anew may be at another port, after the device was started again.
            state.withLock { _ = $0.doors.removeValue(forKey: device.udn) }
            throw Problem(
                .device, "\(device.name) did not answer over HTTPS: \(error.code.rawValue).",
                status: error.code == .timedOut ? 504 : 502)
        }
    }

    private func means(for role: RoleName, _ caller: Caller) async throws -> Means {
        func known() -> Means? {
            state.withLock { state in
                state.means[role]?.sessions.insert(caller.session)
                return state.means[role]
            }
        }
        if let known = known() { return known }
        let stored = try await identity(for: role)
        let made = Means(
            identity: try TunnelIdentity(chainDER: stored.chainDER, privateKeyDER: stored.privateKeyDER),
            client: HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger), sessions: [caller.session])
        if let known = known() { return known }
        state.withLock { $0.means[role] = made }
        logger.debug("an identity is in use", metadata: ["role": "\(role)"])
        return made
    }

    /// The device over TLS: read as a stranger, checked against what was seen before.
    private func door(of device: KnownDevice) async throws -> Door {
        guard let location = device.device.secureLocation, let endpoint = location.endpoint else {
            throw Problem(.device, "\(device.name) is protected and announces no SECURELOCATION.", status: 502)
        }
        if let known = state.withLock({ $0.doors[device.udn] }), known.location == location { return known }
        let seen = Mutex<[UInt8]?>(nil)
        let tls = try DeviceTLS(client: nil) { der in
            seen.withLock { $0 = der }
            return true
        }
        let client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        defer { client.shutDown() }
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(20)
        let request = HTTPRequest(
            method: .get, scheme: "https", authority: location.authority, path: location.pathAndQuery)
        let document: ByteBuffer
        do {
            document = try await client.withResponse(
                request, to: endpoint, from: device.device.interface.address, limits: limits,
                security: HTTPClientSecurity(name: "stranger") { try tls.prepare($0) }
            ) { try await $1.collect(upTo: 1 << 20) }
        } catch let error as HTTPTransportError {
            throw Problem(.device, "\(device.name) did not answer over HTTPS: \(error.code.rawValue).", status: 502)
        }
        guard let der = seen.withLock({ $0 }),
            let description = try? RootDescription(parsing: document.readableBytesView),
            description.device.udn.lowercased() == device.udn.lowercased()
        else { throw Problem(.device, "\(device.name) describes itself otherwise over HTTPS.", status: 502) }
        let id = DeviceProtectionID(certificateDER: der)
        guard try await pin(DevicePin.name(ofDevice: device.udn), id.bytes) == id.bytes else {
            logger.warning("a protected device has another certificate than before")
            throw Problem(
                .device,
                "\(device.name) shows another certificate than before: it may not be the same device. If it was "
                    + "reset, its owner at home runs: latchkey gateway protection forget-pin UDN",
                status: 502)
        }
        let door = Door(location: location, id: id, description: description)
        state.withLock { state in
            if state.doors.count >= Self.mostDoors { state.doors = [:] }
            state.doors[device.udn] = door
        }
        return door
    }
}

extension AccessContext {
    /// Whose calls these are, to devices that decide again.
    var nestedCaller: NestedAuthorization.Caller {
        .init(session: session.id.description, roles: roles) { [session] role in
            role != .admin || session.heldRoles.holds(role)
        }
    }
}

extension KnownDevice {
    /// Whether the device decides itself about who calls it.
    var isProtected: Bool {
        services.contains { $0.serviceType == DeviceProtectionService.serviceType }
    }
}
