import AccessPolicy
import Foundation
import NIOCore
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Synchronization
import Testing
import TrustCore
import UPnP

@Suite("DeviceProtection:1 over TLS", .timeLimit(.minutes(1)))
struct DeviceProtectionActionTests {
    private let phone: ProtectedLock.ControlPoint
    private let owner: ProtectedLock.ControlPoint
    private let stranger: ProtectedLock.ControlPoint
    private let acl: AccessControlList

    init() throws {
        phone = try .init("phone")
        owner = try .init("owner's tablet")
        stranger = try .init("stranger")
        var random = SystemRandomNumberGenerator()
        var acl = AccessControlList()
        try acl.put(.init(id: phone.id, name: "phone", introduced: true, roles: [.basic]))
        try acl.put(.init(id: owner.id, name: "owner's tablet", introduced: true, roles: [.admin]))
        let ann = try #require(UserName("Ann"))
        try acl.put(.init(name: ann, roles: [.admin], secret: .init(password: "pass word", name: ann, using: &random)))
        self.acl = acl
    }

    private func identity(_ point: ProtectedLock.ControlPoint) -> String {
        IdentityDocument(controlPoint: point.id.description).serialized()
    }

    @Test func `the description is the same over both schemes, and relative`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let clear = try await lock.fetch(lock.clear, nil)
            let secure = try await lock.fetch(lock.secure, try lock.security(nil))
            #expect(clear == secure)
            #expect(lock.clear.path == lock.secure.path && lock.clear.port != lock.secure.port)
            #expect(lock.secure.scheme == "https")
            let text = String(buffer: clear)
            #expect(!text.contains("URLBase") && !text.contains("http://127."))
        }
    }

    @Test func `the service has the thirteen actions with the arguments of its template`() async throws {
        let template: [String: (in: [String], out: [String])] = [
            "SendSetupMessage": (["ProtocolType", "InMessage"], ["OutMessage"]),
            "GetSupportedProtocols": ([], ["ProtocolList"]), "GetAssignedRoles": ([], ["RoleList"]),
            "GetRolesForAction": (["DeviceUDN", "ServiceId", "ActionName"], ["RoleList", "RestrictedRoleList"]),
            "GetUserLoginChallenge": (["ProtocolType", "Name"], ["Salt", "Challenge"]),
            "UserLogin": (["ProtocolType", "Challenge", "Authenticator"], []), "UserLogout": ([], []),
            "GetACLData": ([], ["ACL"]), "AddIdentityList": (["IdentityList"], ["IdentityListResult"]),
            "RemoveIdentity": (["Identity"], []),
            "SetUserLoginPassword": (["ProtocolType", "Name", "Stored", "Salt"], []),
            "AddRolesForIdentity": (["Identity", "RoleList"], []),
            "RemoveRolesForIdentity": (["Identity", "RoleList"], []),
        ]
        try await ProtectedLock.with(acl: acl) { lock in
            let root = try RootDescription(parsing: try await lock.fetch(lock.clear, nil).readableBytesView)
            let service = try #require(
                root.device.services.first { $0.serviceType == DeviceProtectionService.serviceType })
            #expect(service.serviceID == "urn:upnp-org:serviceId:DeviceProtection")
            let url = try #require(lock.clear.resolving(service.scpdURL))
            let scpd = try SCPD(parsing: try await lock.fetch(url, nil).readableBytesView)
            #expect(Set(scpd.actions.map(\.name)) == Set(template.keys))
            for action in scpd.actions {
                let expected = try #require(template[action.name])
                #expect(action.arguments.filter { $0.direction == .in }.map(\.name) == expected.in, "\(action.name)")
                #expect(action.arguments.filter { $0.direction == .out }.map(\.name) == expected.out, "\(action.name)")
            }
            #expect(scpd.eventedVariables.map(\.name) == ["SetupReady"])
            let names =
                ["SetupReady", "SupportedProtocols"]
                + ["ACL", "IdentityList", "Identity", "Base64", "String"].map { "A_ARG_TYPE_\($0)" }
            #expect(Set(scpd.stateVariables.map(\.name)) == Set(names))
        }
    }

    @Test func `public actions are served over both schemes, protected ones over HTTPS only`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let secure = try lock.security(phone)
            for security in [nil, secure] {
                let list = try await lock.call("GetSupportedProtocols", as: security)["ProtocolList"] ?? ""
                #expect(try SupportedProtocols(parsing: list) == SupportedProtocols())
                #expect(try await lock.code("GetLocked", of: ProtectedLock.lockService, as: security) == nil)
            }
            #expect(try await lock.call("GetAssignedRoles", as: nil)["RoleList"] == "Public")
            #expect(try await lock.call("GetAssignedRoles", as: secure)["RoleList"] == "Basic Public")
            #expect(try await lock.call("GetAssignedRoles", as: try lock.security(stranger))["RoleList"] == "Public")
            #expect(try await lock.call("GetAssignedRoles", as: try lock.security(nil))["RoleList"] == "Public")
            let open = [("NewLocked", "0")]
            for security in [nil, try lock.security(nil), try lock.security(stranger)] {
                #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: security) == 606)
                #expect(try await lock.code("GetACLData", as: security) == 606)
                #expect(lock.isLocked.value)
            }
            #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: secure) == nil)
            #expect(!lock.isLocked.value)
        }
    }

    @Test func `roles for an action are told to who is in the ACL`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            func arguments(_ service: String, _ action: String) -> [(String, String)] {
                [("DeviceUDN", ProtectedLock.udn), ("ServiceId", service), ("ActionName", action)]
            }
            let secure = try lock.security(phone)
            let own = DeviceProtectionService.serviceID
            let set = try await lock.call("GetRolesForAction", arguments(own, "SetUserLoginPassword"), as: secure)
            #expect(set == ["RoleList": "Admin", "RestrictedRoleList": "Basic"])
            let locks = try await lock.call(
                "GetRolesForAction", arguments(ProtectedLock.lockServiceID, "SetLocked"), as: secure)
            #expect(locks == ["RoleList": "Basic Admin", "RestrictedRoleList": ""])
            #expect(try await lock.code("GetRolesForAction", arguments(own, "setuserloginpassword"), as: secure) == 600)
            #expect(
                try await lock.code("GetRolesForAction", arguments(own, "UserLogin"), as: try lock.security(stranger))
                    == 606)
        }
    }

    @Test func `a user logs in on one connection, and the union of roles holds there until the logout`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let (first, second) = (try lock.security(phone, session: "a"), try lock.security(phone, session: "b"))
            try await lock.login("Ann", "pass word", phone, as: first)
            #expect(try await lock.call("GetAssignedRoles", as: first)["RoleList"] == "Admin Basic Public")
            #expect(try await lock.call("GetAssignedRoles", as: second)["RoleList"] == "Basic Public")
            let name = IdentityDocument(user: "Ann").serialized()
            // Taken away by somebody else while it is used.
            try await lock.call(
                "RemoveRolesForIdentity", [("Identity", name), ("RoleList", "Admin")], as: try lock.security(owner))
            #expect(try await lock.call("GetAssignedRoles", as: first)["RoleList"] == "Basic Public")
            try await lock.call(
                "AddRolesForIdentity", [("Identity", name), ("RoleList", "Admin latchkey:guest")],
                as: try lock.security(owner))
            #expect(
                try await lock.call("GetAssignedRoles", as: first)["RoleList"] == "Admin Basic Public latchkey:guest")
            try await lock.call("UserLogout", as: first)
            #expect(try await lock.call("GetAssignedRoles", as: first)["RoleList"] == "Basic Public")
            #expect(try await lock.code("UserLogout", as: nil) == 606)
        }
    }

    @Test func `wrong passwords are 701, and the fifth ends the connection`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let secure = try lock.security(phone)
            for number in 1...5 {
                await #expect(throws: UPnPFault.self, "\(number)") {
                    try await lock.login("Ann", "wrong", phone, as: secure)
                }
            }
            let code = try await lock.code(
                "UserLogin",
                [
                    ("ProtocolType", "PKCS5"), ("Challenge", "EBESExQVFhcYGRobHB0eHw=="),
                    ("Authenticator", "EBESExQVFhcYGRobHB0eHw=="),
                ],
                as: secure)
            #expect(code == 600, "a challenge that nobody gave")
            let unknown = [("ProtocolType", "PKCS5"), ("Name", "Nobody")]
            #expect(try await lock.code("GetUserLoginChallenge", unknown, as: secure) == 600)
            let other = [("ProtocolType", "PKCS9"), ("Name", "Ann")]
            #expect(try await lock.code("GetUserLoginChallenge", other, as: secure) == 600)
            try await lock.protection.change { acl throws(DeviceProtectionError) in
                try acl.remove([.basic], from: .controlPoint(phone.id))
            }
            let ann = [("ProtocolType", "PKCS5"), ("Name", "Ann")]
            #expect(
                try await lock.code("GetUserLoginChallenge", ann, as: secure) == 606,
                "Ann has Admin, the phone Public only")
        }
    }

    @Test func `logins, and what only administrators may do, are told to the audit log, refused or not`() async throws {
        let told = Mutex<[AuditEvent]>([])
        try await ProtectedLock.with(
            acl: acl, configure: { $0.audits = { event in told.withLock { $0.append(event) } } }
        ) {
            lock in
            let (basic, admin) = (try lock.security(phone), try lock.security(owner))
            try await lock.login("Ann", "pass word", phone, as: basic)
            await #expect(throws: UPnPFault.self) {
                try await lock.login("Ann", "wrong", phone, as: try lock.security(phone, session: "other"))
            }
            let identity = [("Identity", identity(phone)), ("RoleList", "latchkey:guest")]
            #expect(try await lock.code("AddRolesForIdentity", identity, as: try lock.security(stranger)) == 606)
            #expect(try await lock.code("AddRolesForIdentity", identity, as: admin) == nil)
            // Everyday use is not listed.
            let open = [("NewLocked", "0")]
            #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: basic) == nil)
        }
        let events = told.withLock { $0 }
        #expect(events.map(\.kind) == [.login, .login, .decision, .decision], "\(events)")
        #expect(events.map(\.outcome) == [.done, .denied, .denied, .permitted])
        #expect(
            events.map(\.subject) == [phone.id, phone.id, stranger.id, owner.id].map(\.description))
        #expect(events.map(\.action) == ["UserLogin", "UserLogin", "AddRolesForIdentity", "AddRolesForIdentity"])
        #expect(events[0].client == "Ann" && events.allSatisfy { $0.device == ProtectedLock.udn })
        let secret = try #require(acl.users.first?.secret)
        #expect(!"\(events)".contains(Data(secret.stored).base64EncodedString()))
    }

    @Test func `identities are added, given roles, and removed, by those who may`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let (basic, admin) = (try lock.security(phone), try lock.security(owner))
            let list = IdentityListDocument(identities: [
                .init(
                    controlPoint: stranger.id.description, name: "guest's phone", alias: "Guest", introduced: true,
                    roles: ["Admin"])
            ]).serialized()
            let result =
                try await lock.call("AddIdentityList", [("IdentityList", list)], as: basic)["IdentityListResult"] ?? ""
            let names = try IdentityListDocument(parsing: result).identities.map(\.name)
            #expect(names == ["Ann", "phone", "owner's tablet", "guest's phone"])
            #expect(lock.protection.acl.controlPoint(stranger.id)?.roles == [.public])
            #expect(lock.protection.acl.controlPoint(stranger.id)?.introduced == false)
            let roles = [("Identity", identity(stranger)), ("RoleList", "Basic")]
            #expect(try await lock.code("AddRolesForIdentity", roles, as: basic) == 606)
            let guest = try lock.security(stranger)
            let open = [("NewLocked", "0")]
            #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: guest) == 606)
            #expect(try await lock.code("AddRolesForIdentity", roles, as: admin) == nil)
            #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: guest) == nil)
            // The name is the certificate's, whatever somebody wrote.
            #expect(lock.protection.acl.controlPoint(stranger.id)?.name == "stranger")
            #expect(
                try await lock.code(
                    "AddRolesForIdentity", [("Identity", identity(stranger)), ("RoleList", "Emperor")], as: admin)
                    == 600)
            #expect(try await lock.code("RemoveIdentity", [("Identity", identity(stranger))], as: basic) == 606)
            #expect(try await lock.code("RemoveIdentity", [("Identity", identity(stranger))], as: admin) == nil)
            #expect(try await lock.code("RemoveIdentity", [("Identity", identity(stranger))], as: admin) == 600)
            #expect(try await lock.code("RemoveIdentity", [("Identity", "<Identity/>")], as: admin) == 600)
            #expect(try await lock.code("AddIdentityList", [("IdentityList", "<nonsense")], as: admin) == 600)
            #expect(try await lock.code("SetLocked", open, of: ProtectedLock.lockService, as: guest) == 606)
        }
    }

    @Test func `the ACL shows names and roles, and nothing of passwords`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let text = try await lock.call("GetACLData", as: try lock.security(phone))["ACL"] ?? ""
            let document = try ACLDocument(parsing: text)
            #expect(document.roles == ["Public", "Basic", "Admin", "latchkey:guest"])
            #expect(document.identities.map(\.name) == ["Ann", "phone", "owner's tablet"])
            let secret = try #require(acl.users.first?.secret)
            #expect(!text.contains(Data(secret.stored).base64EncodedString()))
            #expect(!text.contains(Data(secret.salt).base64EncodedString()))
        }
    }

    @Test func `a user changes the own password, and nobody else's without Admin`() async throws {
        var acl = acl
        let bob = try #require(UserName("Bob"))
        var random = SystemRandomNumberGenerator()
        try acl.put(.init(name: bob, roles: [.basic], secret: .init(password: "old", name: bob, using: &random)))
        try await ProtectedLock.with(acl: acl) { lock in
            func password(_ name: String) throws -> [(String, String)] {
                var random = SystemRandomNumberGenerator()
                let secret = LoginSecret(password: "new", name: try #require(UserName(name)), using: &random)
                return [
                    ("ProtocolType", "PKCS5"), ("Name", name), ("Stored", Data(secret.stored).base64EncodedString()),
                    ("Salt", Data(secret.salt).base64EncodedString()),
                ]
            }
            let secure = try lock.security(phone)
            #expect(try await lock.code("SetUserLoginPassword", password("Bob"), as: secure) == 606)
            try await lock.login("Bob", "old", phone, as: secure)
            #expect(try await lock.code("SetUserLoginPassword", password("Ann"), as: secure) == 606)
            #expect(try await lock.code("SetUserLoginPassword", password("Bob"), as: secure) == nil)
            let other = try lock.security(phone, session: "other")
            await #expect(throws: UPnPFault.self) { try await lock.login("Bob", "old", phone, as: other) }
            try await lock.login("Bob", "new", phone, as: other)
            #expect(
                try await lock.code("SetUserLoginPassword", password("Nobody"), as: try lock.security(owner)) == 600)
        }
    }

    @Test func `an introduction gives the default role, and is refused while nobody opened it`() async throws {
        let setup = OneWordSetup()
        try await ProtectedLock.with(acl: acl, setup: setup) { lock in
            let guest = try lock.security(stranger)
            func message(_ text: String, _ type: String = "WPS") -> [(String, String)] {
                [("ProtocolType", type), ("InMessage", Data(text.utf8).base64EncodedString())]
            }
            #expect(try await lock.code("SendSetupMessage", message("sesame"), as: guest) == 708)
            #expect(try await lock.code("SendSetupMessage", message("sesame", "XYZ"), as: guest) == 600)
            setup.isOpen.withLock { $0 = true }
            #expect(try await lock.code("SendSetupMessage", message("sesame"), as: nil) == 606)
            #expect(try await lock.code("SendSetupMessage", message("open"), as: guest) == 704)
            #expect(lock.protection.acl.controlPoint(stranger.id) == nil)
            #expect(try await lock.code("SendSetupMessage", message("sesame"), as: guest) == nil)
            let point = lock.protection.acl.controlPoint(stranger.id)
            #expect(point?.introduced == true && point?.roles == [.basic] && point?.name == "stranger")
        }
    }

    @Test func `the ACL and the device's identity are there after a restart`() async throws {
        let store = InMemoryDeviceProtectionStore()
        let first = try await ProtectedLock.with(acl: acl, store: store) { lock in
            try await lock.call("RemoveIdentity", [("Identity", identity(phone))], as: try lock.security(owner))
            return lock.protection.id
        }
        try await ProtectedLock.with(acl: acl, store: store) { lock in
            #expect(lock.protection.id == first)
            #expect(lock.protection.acl.controlPoint(phone.id) == nil)
        }
    }

    @Test func `paired clients are in the ACL while their rights stand, whatever it says of them itself`() async throws
    {
        let ended = Mutex<Set<DeviceProtectionID>>([])
        let point = AccessControlList.ControlPoint(id: stranger.id, name: "stranger", introduced: true, roles: [.basic])
        let configure: (inout DeviceProtectionService.Configuration) -> Void = { configuration in
            configuration.paired = {
                let ended = ended.withLock { $0 }
                return .init(active: ended.contains(point.id) ? [] : [point], ended: ended)
            }
        }
        try await ProtectedLock.with(acl: acl, configure: configure) { lock in
            let security = try lock.security(stranger)
            let shut = [("NewLocked", "1")]
            #expect(try await lock.code("SetLocked", shut, of: ProtectedLock.lockService, as: security) == nil)
            try await lock.call(
                "AddRolesForIdentity", [("Identity", identity(stranger)), ("RoleList", "Admin")],
                as: try lock.security(owner))
            ended.withLock { _ = $0.insert(point.id) }
            #expect(try await lock.code("SetLocked", shut, of: ProtectedLock.lockService, as: security) == 606)
        }
    }

    @Test func `a control point that expects another device sends it nothing`() async throws {
        try await ProtectedLock.with(acl: acl) { lock in
            let id = lock.protection.id
            let right = try lock.security(phone, session: "right") { DeviceProtectionID(certificateDER: $0) == id }
            #expect(try await lock.call("GetAssignedRoles", as: right)["RoleList"] == "Basic Public")
            let wrong = try lock.security(phone, session: "wrong") { DeviceProtectionID(certificateDER: $0) != id }
            await #expect(throws: (any Error).self) { try await lock.call("GetAssignedRoles", as: wrong) }
        }
    }
}

/// An introduction that takes one word.
private final class OneWordSetup: SetupProtocol {
    let name = "WPS"
    let isOpen = Mutex(false)

    var isReady: Bool { isOpen.withLock { $0 } }

    func answer(_ message: [UInt8], from peer: SetupPeer) async throws(DeviceProtectionError) -> SetupAnswer {
        guard isReady else { throw DeviceProtectionError(.busy, "closed") }
        guard message == Array("sesame".utf8) else { throw DeviceProtectionError(.processingError, "wrong") }
        return SetupAnswer(message: Array("welcome".utf8), introduces: true)
    }

    func closed(_ connection: UInt64) async {}
}
