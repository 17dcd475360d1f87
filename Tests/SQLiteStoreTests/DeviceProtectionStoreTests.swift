import AccessPolicy
import Foundation
import SQLiteStore
import TestKit
import Testing

@Suite("ACLs and identities in SQLite")
struct DeviceProtectionStoreTests {
    @Test(arguments: DeviceProtectionStoreConformance.cases)
    func `the store keeps its promise`(promise: ConformanceCase<any DeviceProtectionStore>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        try await promise.run(store.deviceProtection)
        try store.close()
    }

    @Test func `it is there after a restart, and neither password nor key can be found in the file`() async throws {
        let folder = try TemporaryFolder()
        var acl = AccessControlList()
        let stored = Array("0123456789abcdef".utf8)
        let name = try #require(UserName("Ann"))
        try acl.put(.init(name: name, secret: LoginSecret(stored: stored, salt: stored)))
        let key = Array("this is a private key of somebody".utf8)
        do {
            let store = try SQLiteGatewayStore(folder: folder.path)
            _ = try await store.deviceProtection.replaceAccessControlList(acl, of: "d", expecting: nil)
            _ = try await store.deviceProtection.deviceIdentity(named: "own") {
                try StoredDeviceIdentity(chainDER: [[1], [2]], privateKeyDER: key)
            }
            try store.close()
        }
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(file)"))
            #expect(bytes.range(of: Data(key)) == nil, "\(file)")
            #expect(bytes.range(of: Data(stored)) == nil, "\(file)")
            #expect(bytes.range(of: Data(Data(stored).base64EncodedString().utf8)) == nil, "\(file)")
        }
        let store = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await store.deviceProtection.accessControlList(of: "d")?.acl == acl)
        let identity = try await store.deviceProtection.deviceIdentity(named: "own") {
            try StoredDeviceIdentity(chainDER: [[3], [4]], privateKeyDER: [5])
        }
        #expect(identity.privateKeyDER == key)
        try store.close()
    }
}
