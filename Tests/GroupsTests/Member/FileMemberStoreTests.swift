import Foundation
import GroupKeys
import NetworkTypes
import SUPnP
import TestKit
import Testing
import TrustCore

@testable import Groups

@Suite("What a member keeps in a file")
struct FileMemberStoreTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "latchkey-member-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private func device(_ name: String = "lamp") throws -> DeviceID { try #require(DeviceID(name)) }

    @Test func `what was saved is there for the next process, and no secret of it is in the file`() async throws {
        try await withFolder { folder in
            let path = folder + "/lamp"
            let kept = try #require(KeptMember.example(seed: 1))
            do {
                let store = try FileMemberStore(path: path, device: device())
                #expect(try await store.load() == nil)
                try await store.save(KeptMember.example(seed: 2))
                try await store.save(kept)
            }
            let again = try FileMemberStore(path: path, device: device())
            #expect(try await again.load() == kept)
            let file = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(file.range(of: Data(kept.relay.exposed)) == nil)
            #expect(
                Set(try FileManager.default.contentsOfDirectory(atPath: folder)) == ["lamp", "lamp.key", "lamp.lock"])
            for name in ["lamp", "lamp.key", "lamp.lock"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
            }
            try await again.save(nil)
            #expect(try await again.load() == nil)
        }
    }

    @Test func `a second process, another device, a lost key and an open file are refused`() async throws {
        try await withFolder { folder in
            let path = folder + "/lamp"
            do {
                let store = try FileMemberStore(path: path, device: device())
                try await store.save(KeptMember.example(seed: 1))
                #expect(throws: StoreError.self) { try FileMemberStore(path: path, device: device()) }
            }
            do {
                let other = try FileMemberStore(path: path, device: device("heater"))
                await #expect(throws: StoreError.self) { try await other.load() }
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path + ".key")
            #expect(throws: StoreError.self) { try FileMemberStore(path: path, device: device()) }
            try FileManager.default.removeItem(atPath: path + ".key")
            #expect(throws: StoreError.self) { try FileMemberStore(path: path, device: device()) }
            #expect(!FileManager.default.fileExists(atPath: path + ".key"), "no new key is made")
        }
    }

    @Test func `a damaged file is refused in a sentence, whichever byte it is`() async throws {
        try await withFolder { folder in
            let path = folder + "/lamp"
            let store = try FileMemberStore(path: path, device: device())
            try await store.save(KeptMember.example(seed: 1))
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for index in whole.indices {
                var damaged = whole
                damaged[index] ^= 1
                try damaged.write(to: URL(fileURLWithPath: path))
                await #expect(throws: StoreError.self, "byte \(index)") { try await store.load() }
            }
            try whole.prefix(20).write(to: URL(fileURLWithPath: path))
            await #expect(throws: StoreError.self) { try await store.load() }
        }
    }
}
