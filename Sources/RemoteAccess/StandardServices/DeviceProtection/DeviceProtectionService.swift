package import AccessPolicy
package import Foundation
package import Logging
import NIOTunnel
package import NIOUPnP
import Synchronization
package import TrustCore
import Tunnel
import UPnP

/// DeviceProtection:1 for a root device that a `DeviceHost` hosts: its service, its TLS, and the decision about every
/// action of the device.
///
/// ```swift
/// let protection = try await DeviceProtectionService.load(.init(udn: udn, name: "Lock"), from: store)
/// configuration.security = protection.security
/// configuration.authorizes = protection.authorizes
/// let host = DeviceHost(configuration: configuration, devices: [protection.protecting(lock)], …)
/// ```
///
/// The ACL is durable before a change of it is acknowledged, and asked anew at each action.
package final class DeviceProtectionService: Sendable {
    /// What a protected device is.
    package struct Configuration: Sendable {
        /// The device's UDN, under which its ACL is kept.
        package var udn: String
        /// The common name of its certificate.
        package var name: String
        /// The ACL of a device that has none yet.
        package var initial = AccessControlList()
        /// Which roles may call an action of the device's other services; nil for everybody.
        package var roles: @Sendable (_ serviceID: String, _ action: String) -> ActionRoles? = { _, _ in nil }
        /// The role of who was introduced; never `Admin`.
        package var defaultRole = RoleName.basic
        /// How control points are introduced.
        package var setup: any SetupProtocol = ClosedSetup()
        /// Control points whose rights are kept elsewhere, such as those of paired clients; asked at each action.
        package var paired: @Sendable () -> PairedControlPoints = { PairedControlPoints() }
        /// Told what belongs into an audit log: logins, and actions that only administrators may call.
        package var audits: @Sendable (AuditEvent) -> Void = { _ in }
        /// The time.
        package var now: @Sendable () -> Date = { Date() }

        /// A device with everything else at its default.
        package init(udn: String, name: String) {
            self.udn = udn
            self.name = name
        }
    }

    /// Control points whose rights are kept elsewhere.
    package struct PairedControlPoints: Sendable {
        /// Those that have rights, with their roles.
        package var active: [AccessControlList.ControlPoint]
        /// Those whose rights have ended: whatever the ACL says of them, they are strangers.
        package var ended: Set<DeviceProtectionID>

        /// Makes a list.
        package init(active: [AccessControlList.ControlPoint] = [], ended: Set<DeviceProtectionID> = []) {
            self.active = active
            self.ended = ended
        }
    }

    struct State {
        var stored: StoredAccessControlList
        var sessions = LoginSessions()
        /// The connections whose end is waited for: as many as there are.
        var watched: Set<UInt64> = []
        /// What there is to ask for: by UDN and service id, the names of actions.
        var actions: [String: [String: Set<String>]] = [:]
    }

    let configuration: Configuration
    let store: any DeviceProtectionStore
    let logger: Logger
    /// The device's own identity.
    package let id: DeviceProtectionID
    /// TLS, for `DeviceHostConfiguration`.
    package let security: HTTPServerSecurity
    let state: Mutex<State>
    let setupReady: HostedVariable<Bool>

    private init(
        _ configuration: Configuration, store: any DeviceProtectionStore, identity: StoredDeviceIdentity,
        stored: StoredAccessControlList, logger: Logger
    ) throws {
        self.configuration = configuration
        self.store = store
        self.logger = logger
        self.id = identity.id
        let tls = try DeviceTLS(
            server: TunnelIdentity(chainDER: identity.chainDER, privateKeyDER: identity.privateKeyDER))
        self.security = HTTPServerSecurity(
            prepare: { try tls.prepare($0) }, peerCertificate: { tls.peerCertificate($0) })
        self.state = Mutex(State(stored: stored))
        self.setupReady = HostedVariable("SetupReady", configuration.setup.isReady, evented: true)
    }

    /// Loads the ACL and the identity of a device; at the first start writes the initial ACL and makes the identity.
    package static func load(
        _ configuration: Configuration, from store: any DeviceProtectionStore, logger: Logger
    ) async throws -> DeviceProtectionService {
        let identity = try await identity(of: configuration, in: store)
        let stored: StoredAccessControlList
        if let known = try await store.accessControlList(of: configuration.udn) {
            stored = known
        } else {
            stored = try await store.replaceAccessControlList(
                configuration.initial, of: configuration.udn, expecting: nil)
        }
        return try DeviceProtectionService(
            configuration, store: store, identity: identity, stored: stored, logger: logger)
    }

    /// The identity of a device, made when it is first asked for.
    private static func identity(
        of configuration: Configuration, in store: any DeviceProtectionStore
    ) async throws -> StoredDeviceIdentity {
        let now = configuration.now()
        return try await store.deviceIdentity(named: "device:\(configuration.udn)") {
            try StoredDeviceIdentity(commonName: configuration.name, now: now)
        }
    }

    /// Who the device is in an introduction.
    package static func party(
        of configuration: Configuration, in store: any DeviceProtectionStore
    ) async throws -> WPSParty {
        WPSParty(id: try await identity(of: configuration, in: store).id, name: configuration.name)
    }

    /// The device with the service, which covers the devices embedded in it, too, unless they have one of their own.
    package func protecting(_ device: HostedDevice) -> HostedDevice {
        var device = device
        device.services.append(hosted())
        state.withLock { Self.note(device, in: &$0.actions) }
        return device
    }

    private static func note(_ device: HostedDevice, in actions: inout [String: [String: Set<String>]]) {
        for service in device.services {
            actions[device.udn, default: [:]][service.serviceID] = Set(service.scpd.actions.map(\.name))
        }
        for embedded in device.devices
        where !embedded.services.contains(where: { $0.serviceID == DeviceProtectionService.serviceID }) {
            note(embedded, in: &actions)
        }
    }

    /// The ACL of the moment: what is kept, with the control points whose rights are kept elsewhere.
    package var acl: AccessControlList { effective(state.withLock { $0.stored.acl }) }

    func effective(_ acl: AccessControlList) -> AccessControlList {
        var acl = acl
        let paired = configuration.paired()
        for point in paired.active where acl.controlPoint(point.id).map(isOnlyIntroduced) ?? true {
            // One that there is no room for is a stranger.
            do { try acl.put(point) } catch { break }
        }
        for id in paired.ended where acl.controlPoint(id) != nil {
            // It is there, so that removing it cannot fail.
            do { try acl.remove(.controlPoint(id)) } catch { continue }
        }
        return acl
    }

    /// Whether an entry is what an introduction left, and nobody has said since which roles it is to have: then a paired
    /// client's grants say it.
    private func isOnlyIntroduced(_ entry: AccessControlList.ControlPoint) -> Bool {
        entry.introduced && entry.roles == [configuration.defaultRole]
    }

    /// Changes the ACL: durable when it returns.
    package func change(
        _ body: @Sendable (inout AccessControlList) throws(DeviceProtectionError) -> Void
    ) async throws {
        for _ in 0..<8 {
            let before = state.withLock { $0.stored }
            var acl = effective(before.acl)
            let paired = acl.controlPoints.filter { before.acl.controlPoint($0.id) != $0 }
            try body(&acl)
            // What is kept elsewhere stays there, or it would outlast what it follows from.
            for point in paired where acl.controlPoint(point.id) == point {
                if let entry = before.acl.controlPoint(point.id) {
                    try acl.put(entry)
                } else {
                    try acl.remove(.controlPoint(point.id))
                }
            }
            guard acl != before.acl else { return }
            do {
                let written = try await store.replaceAccessControlList(
                    acl, of: configuration.udn, expecting: before.revision)
                state.withLock { if $0.stored.revision < written.revision { $0.stored = written } }
                return
            } catch let error as StoreError where error.code == .conflict {
                try await reload()
            }
        }
        throw StoreError.changedACL
    }

    /// Takes over what the store has, when another process may have changed it.
    package func reload() async throws {
        guard let stored = try await store.accessControlList(of: configuration.udn) else { return }
        state.withLock { if $0.stored.revision < stored.revision { $0.stored = stored } }
    }

    /// Tells subscribers whether an introduction may be tried, after the setup protocol's state has changed.
    package func setupChanged() async { await setupReady.set(configuration.setup.isReady) }
}
