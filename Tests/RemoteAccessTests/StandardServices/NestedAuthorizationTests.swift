import AccessPolicy
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import UPnP

@testable import RemoteAccess

@Suite("The gateway as a control point of protected devices", .timeLimit(.minutes(1)))
struct NestedAuthorizationTests {
    private let store = InMemoryDeviceProtectionStore()
    private let secrets = InMemoryGatewayStore()
    private let owner: ProtectedLock.ControlPoint
    private let acl: AccessControlList

    init() throws {
        owner = try .init("owner")
        var acl = AccessControlList()
        try acl.put(.init(id: owner.id, name: "owner", introduced: true, roles: [.admin]))
        self.acl = acl
    }

    private func nested() -> NestedAuthorization {
        NestedAuthorization(
            store: store, pin: { try await secrets.secret(named: $0, orStore: $1) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The lock as a gateway on its network knows it.
    private func known(_ lock: ProtectedLock) async throws -> KnownDevice {
        let description = try RootDescription(parsing: try await lock.fetch(lock.clear, nil).readableBytesView)
        var root = RootDevice(
            udn: ProtectedLock.udn, location: lock.clear, description: description, base: lock.clear,
            interface: InterfaceAddress(
                interface: "lo", index: 1, address: .v4(.loopback), prefix: try #require(IPPrefix("127.0.0.0/8"))))
        root.secureLocation = lock.secure
        return KnownDevice(root, revision: 1)
    }

    /// What the lock says to `SetLocked` that the gateway calls for a session: nil when it did it.
    private func open(
        _ device: KnownDevice, by nested: NestedAuthorization, session: String = "s", roles: Set<RoleName>,
        holds: @escaping @Sendable (RoleName) -> Bool = { _ in true }
    ) async throws -> UPnPFault? {
        let service = try #require(device.services.first { $0.serviceType == ProtectedLock.lockService })
        let message = ActionRequest(
            serviceType: ProtectedLock.lockService, action: "SetLocked", arguments: [ActionArgument("NewLocked", "0")])
        let fields: HTTPFields = [.contentType: "text/xml; charset=\"utf-8\"", .soapAction: message.soapActionHeader]
        let answer = try await nested.withResponse(
            ByteBuffer(string: message.serialized()), fields: fields, service: service, of: device,
            for: .init(session: session, roles: roles, holds: holds), limits: .init()
        ) { head, body in
            try ControlResult.parse(
                status: head.status.code, body: try await body.collect(upTo: 1 << 16).readableBytesView)
        }
        if case .fault(let fault) = answer { return fault }
        return nil
    }

    @Test func `the device decides again: 606 for an identity that it does not know, with its own words`() async throws
    {
        try await ProtectedLock.with(acl: acl) { lock in
            let nested = nested()
            let device = try await known(lock)
            #expect(device.isProtected)
            let fault = try await open(device, by: nested, roles: [.public, .basic])
            #expect(fault?.code.rawValue == 606)
            #expect(fault?.description.contains("ACL") == true)
            #expect(lock.isLocked.value)
        }
    }

    @Test func `each role has an identity of its own, and a device gives its rights to that one`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let nested = nested()
            let device = try await known(lock)
            let basic = try await nested.identity(for: .basic)
            let document = IdentityListDocument(identities: [.init(controlPoint: basic.id.description, name: "gateway")]
            )
            try await lock.call(
                "AddIdentityList", [("IdentityList", document.serialized())], as: try lock.security(owner))
            let one = IdentityDocument(controlPoint: basic.id.description).serialized()
            try await lock.call(
                "AddRolesForIdentity", [("Identity", one), ("RoleList", "Basic")], as: try lock.security(owner))
            #expect(try await open(device, by: nested, roles: [.public, .guest])?.code.rawValue == 606)
            #expect(lock.isLocked.value)
            #expect(try await open(device, by: nested, roles: [.public, .basic]) == nil)
            #expect(!lock.isLocked.value)
            #expect(lock.protection.acl.controlPoint(basic.id)?.name == "Latchkey gateway (Basic)")
            // Taken back by the device's owner, it is gone at once, on connections that stand, too.
            try await lock.call("RemoveIdentity", [("Identity", one)], as: try lock.security(owner))
            #expect(try await open(device, by: nested, roles: [.public, .basic])?.code.rawValue == 606)
        }
    }

    @Test func `an identity is in use while a session of its role is, and no longer`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let nested = nested()
            let device = try await known(lock)
            #expect(nested.rolesInUse.isEmpty)
            _ = try await open(device, by: nested, session: "a", roles: [.public, .basic])
            #expect(nested.rolesInUse == [.basic], "nobody's session is an administrator's")
            _ = try await open(device, by: nested, session: "b", roles: [.public, .admin, .basic])
            _ = try await open(device, by: nested, session: "c", roles: [.public, .admin])
            #expect(nested.rolesInUse == [.basic, .admin])
            nested.ended("b")
            #expect(nested.rolesInUse == [.basic, .admin])
            nested.ended("c")
            #expect(nested.rolesInUse == [.basic])
            nested.ended("a")
            #expect(nested.rolesInUse.isEmpty)
        }
    }

    @Test func `a role that is laid down is given up, also by a call that was on its way`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let nested = nested()
            let device = try await known(lock)
            _ = try await open(device, by: nested, session: "a", roles: [.public, .basic])
            _ = try await open(device, by: nested, session: "a", roles: [.public, .basic, .admin])
            #expect(nested.rolesInUse == [.basic, .admin])
            nested.ended("a", in: .admin)
            #expect(nested.rolesInUse == [.basic], "the session goes on in its other roles")
            await #expect(throws: Problem.self) {
                try await open(device, by: nested, session: "a", roles: [.public, .admin]) { $0 != .admin }
            }
            #expect(nested.rolesInUse == [.basic], "nobody is left who would end it")
        }
    }

    @Test func `a device that shows another certificate than before is not called`() async throws {
        let nested = nested()
        let store = InMemoryDeviceProtectionStore()
        try await ProtectedLock.with(acl: acl, store: store) { lock in
            _ = try await open(try await known(lock), by: nested, roles: [.basic])
        }
        // The same device after a restart is fine.
        try await ProtectedLock.with(acl: acl, store: store) { lock in
            let device = try await known(lock)
            #expect(try await open(device, by: nested, roles: [.basic])?.code.rawValue == 606)
        }
        try await ProtectedLock.with(acl: acl) { lock in
            let device = try await known(lock)
            await #expect(throws: Problem.self) { try await open(device, by: nested, roles: [.basic]) }
        }
    }

    @Test func `the role is the mightiest that a session has`() {
        #expect(NestedAuthorization.role(for: [.public, .basic, .admin]) == .admin)
        #expect(NestedAuthorization.role(for: [.public, .guest, .basic]) == .basic)
        #expect(NestedAuthorization.role(for: [.public, .guest]) == .guest)
        #expect(NestedAuthorization.role(for: []) == .public)
    }
}
