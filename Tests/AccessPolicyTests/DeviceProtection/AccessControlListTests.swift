import AccessPolicy
import NetworkTypes
import TestKit
import Testing

@Suite("The ACL of a protected device")
struct AccessControlListTests {
    private let phone = DeviceProtectionID(certificateDER: [1])
    private let tablet = DeviceProtectionID(certificateDER: [2])
    private let ann: UserName

    init() throws { ann = try #require(UserName("Ann")) }

    private func code(_ body: () throws(DeviceProtectionError) -> Void) -> DeviceProtectionError.Code? {
        do throws(DeviceProtectionError) {
            try body()
            return nil
        } catch { return error.code }
    }

    @Test func `identities that are added start as Public and are not introduced, whatever the list says`() throws {
        var acl = AccessControlList()
        try acl.add(
            users: [ann],
            controlPoints: [.init(id: phone, name: "phone", alias: "Ann's", introduced: true, roles: [.admin])])
        #expect(acl.controlPoint(phone)?.roles == [.public])
        #expect(acl.controlPoint(phone)?.introduced == false)
        #expect(acl.controlPoint(phone)?.alias == "Ann's")
        #expect(acl.user(ann)?.secret == nil)
        let before = acl
        try acl.add(users: [ann], controlPoints: [.init(id: phone, name: "another name")])
        #expect(acl == before, "adding those who are there changes nothing")
        #expect(
            code { () throws(DeviceProtectionError) in try acl.add(users: [], controlPoints: []) }
                == .argumentValueInvalid)
    }

    @Test func `roles come and go, and who has none is Public`() throws {
        var acl = AccessControlList()
        try acl.add(users: [ann], controlPoints: [.init(id: phone, name: "phone")])
        try acl.add([.basic, .guest], to: .controlPoint(phone))
        try acl.add([.basic], to: .controlPoint(phone))
        #expect(acl.controlPoint(phone)?.roles == [.public, .basic, .guest])
        try acl.remove([.admin, .basic], from: .controlPoint(phone))
        #expect(acl.controlPoint(phone)?.roles == [.public, .guest])
        try acl.remove([.public, .guest], from: .controlPoint(phone))
        #expect(acl.controlPoint(phone)?.roles == [.public])
        #expect(acl.roles(of: tablet) == [.public])
        #expect(acl.roles(of: nil) == [.public])
        let unknown = try #require(RoleName("example.com:owner"))
        #expect(
            code { () throws(DeviceProtectionError) in try acl.add([unknown], to: .controlPoint(phone)) }
                == .argumentValueInvalid)
        #expect(
            code { () throws(DeviceProtectionError) in try acl.add([.basic], to: .controlPoint(tablet)) }
                == .argumentValueInvalid)
        #expect(code { () throws(DeviceProtectionError) in try acl.add([], to: .user(ann)) } == .argumentValueInvalid)
    }

    @Test func `an introduction gives its role once, and the certificate's name replaces what somebody wrote`() throws {
        var acl = AccessControlList()
        try acl.add(users: [], controlPoints: [.init(id: phone, name: "wrong")])
        try acl.introduce(phone, name: "phone")
        #expect(acl.controlPoint(phone)?.introduced == true)
        #expect(acl.controlPoint(phone)?.roles == [.public, .basic])
        let corrections = [("phone", phone), ("phone", phone), ("tablet", tablet)].map {
            acl.correctName($0.0, of: $0.1)
        }
        #expect(corrections == [true, false, false])
    }

    @Test func `it is bounded, and a full one still reads`() throws {
        var acl = AccessControlList()
        acl.limits.controlPoints = 1
        try acl.add(users: [], controlPoints: [.init(id: phone, name: "a"), .init(id: tablet, name: "b")])
        #expect(acl.controlPoints.map(\.id) == [phone])
        #expect(
            code { () throws(DeviceProtectionError) in
                try acl.add(users: [], controlPoints: [.init(id: tablet, name: "b")])
            } == .argumentValueInvalid)
        try acl.add(users: [], controlPoints: [.init(id: phone, name: "a")])
    }

    @Test func `role names have 1 to 64 characters and no blank`() {
        #expect(RoleName("latchkey:guest") == .guest)
        #expect(RoleName(String(repeating: "r", count: 64)) != nil)
        for bad in ["", "a b", "a\u{7F}", "a\u{A0}b", String(repeating: "r", count: 65)] {
            #expect(RoleName(bad) == nil)
        }
    }

    @Test func `all thirteen actions have the roles of the standard`() {
        let table = ActionRoles.deviceProtection
        #expect(table.count == 13)
        #expect(
            table.filter(\.value.isPublic).keys.sorted() == [
                "GetAssignedRoles", "GetSupportedProtocols", "SendSetupMessage", "UserLogout",
            ])
        for (name, rule) in table where rule.roles.contains(.basic) {
            #expect(rule.roles.contains(.admin), "\(name): what Basic may do, Admin may")
        }
        let remove = table["RemoveIdentity"]
        #expect(remove?.refusal(of: [.public, .basic], isListed: true)?.code == .notAuthorized)
        #expect(remove?.refusal(of: [.public, .admin], isListed: true) == nil)
        let read = table["GetACLData"]
        #expect(read?.refusal(of: [.public], isListed: true) == nil)
        #expect(read?.refusal(of: [.public], isListed: false)?.code == .notAuthorized)
    }

    @Test(arguments: DeviceProtectionStoreConformance.cases)
    func `the store in memory keeps its promise`(
        promise: ConformanceCase<any DeviceProtectionStore>
    ) async throws {
        try await promise.run(InMemoryDeviceProtectionStore())
    }
}
