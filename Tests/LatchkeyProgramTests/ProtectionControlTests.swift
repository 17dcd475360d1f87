import AccessPolicy
import Foundation
import LatchkeyProgram
import SQLiteStore
import Testing
import TrustCore

@Suite("The commands about the gateway's own ACL")
struct ProtectionControlTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    /// A handler on a folder's store, with a gateway and a client.
    private func handler(_ store: SQLiteGatewayStore) -> StoreControlHandler {
        StoreControlHandler(
            store: store, name: "Home",
            protections: ProtectionControlHandler(store: store, now: { [now] in now }),
            fallbackAddresses: { [] }, now: { [now] in now })
    }

    private func ask(_ store: SQLiteGatewayStore, _ order: ProtectionOrder) async throws -> ProtectionReport {
        guard case .protection(let report) = try await handler(store).handle(.protection(order)) else {
            throw ProgramError.failure("another answer came")
        }
        return report
    }

    private func with(preset: String, _ body: (SQLiteGatewayStore, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "latchkey-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let store = try SQLiteGatewayStore(folder: folder.path)
        let order = PairingOrder(
            name: "ann", preset: preset, deviceTypes: [], expiresIn: 600, addresses: ["home.example.org:4433"])
        _ = try await paired(order, in: store, by: handler(store), now: now)
        try await body(store, folder.path)
        try store.close()
    }

    /// A certificate as a control point shows it.
    private func certificate() throws -> (der: Data, id: String) {
        var random = SystemRandomNumberGenerator()
        let made = try DeviceProtectionCertificate.make(commonName: "point", now: now, using: &random)
        return (Data(made.chainDER[0]), DeviceProtectionID(certificateDER: made.chainDER[0]).description)
    }

    @Test func `a certificate that is attached to an administrator is Admin, until the client is revoked`() async throws
    {
        try await with(preset: "full") { store, _ in
            let (der, id) = try certificate()
            let report = try await ask(store, .attach(client: "ann", certificate: der, name: "ann"))
            let entry = try #require(report.entries.first)
            #expect(entry.id == id && entry.client == "ann" && !entry.isOwn)
            #expect(Set(entry.roles) == ["Public", "Basic", "Admin"])
            #expect(
                try await ask(store, .withdraw(who: "ann", role: "Admin")).entries.first?.roles.contains("Admin")
                    == false)
            #expect(try await ask(store, .grant(who: "ann", role: "admin", name: nil)).entries.first?.isOwn == true)
            _ = try await handler(store).handle(.revoke(name: "ann"))
            #expect(try await ask(store, .show).entries.isEmpty)
        }
    }

    @Test func `a client without a certificate is told what to do, and a stranger's UUID is enough`() async throws {
        try await with(preset: "control") { store, folder in
            await #expect(throws: ProgramError.self) {
                try await ask(store, .grant(who: "ann", role: "Admin", name: nil))
            }
            await #expect(throws: ProgramError.self) {
                try await ask(store, .grant(who: "bob", role: "Admin", name: nil))
            }
            let (der, id) = try certificate()
            await #expect(throws: ProgramError.self) { try await ask(store, .grant(who: id, role: "Owner", name: nil)) }
            _ = try await ask(store, .grant(who: id, role: "Admin", name: "tablet"))
            // It is on disk when the command is answered.
            let again = try SQLiteGatewayStore(folder: folder)
            let entry = try #require(try await ask(again, .show).entries.first)
            #expect(entry.id == id && entry.name == "tablet" && Set(entry.roles) == ["Public", "Admin"])
            try again.close()
            #expect(try await ask(store, .withdraw(who: id, role: nil)).entries.isEmpty)
            // Attached to a client, the same certificate has what the client was granted.
            let attached = try await ask(store, .attach(client: "ann", certificate: der, name: "ann"))
            #expect(Set(attached.entries.first?.roles ?? []) == ["Public", "Basic"])
            await #expect(throws: ProgramError.self) {
                try await ask(store, .attach(client: "ann", certificate: Data([0x30, 0]), name: "ann"))
            }
        }
    }

    @Test func `a device's certificate is remembered until somebody says that it be forgotten`() async throws {
        try await with(preset: "full") { store, _ in
            let udn = "uuid:6a0c4d0e-0000-4000-8000-00000000d001"
            let name = DevicePin.name(ofDevice: udn)
            let (old, new) = ([UInt8](repeating: 1, count: 16), [UInt8](repeating: 2, count: 16))
            _ = try await store.secret(named: name, orStore: old)
            _ = try await store.secret(named: "url-sealing", orStore: new)
            #expect(try await store.secret(named: name, orStore: new) == old)
            guard case .pins(let pins) = try await handler(store).handle(.protection(.pins)) else {
                throw ProgramError.failure("another answer came")
            }
            #expect(pins.map(\.udn) == [udn] && pins.map(\.id) == [DeviceProtectionID(bytes: old)?.description])
            let answer = try await handler(store).handle(.protection(.forgetPin(device: String(udn.dropFirst(5)))))
            #expect(answer == .pins([]))
            #expect(try await store.secret(named: name, orStore: new) == new)
            await #expect(throws: ProgramError.self) {
                try await handler(store).handle(.protection(.forgetPin(device: "Lock")))
            }
        }
    }
}
