import AccessPolicy
import Foundation
import LatchkeyProgram
import SQLiteStore
import Testing
import TrustCore

@Suite struct PolicyControlTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private static let text = """
        policy: 1
        rules:
          - name: quiet
            permit: [SetVolume]
            who: [alice]
            arguments: {DesiredVolume: {max: 40}}
          - name: no-bob
            deny: everything
            who: [bob]
        """

    /// A store with a client alice and a renderer that was seen, in a folder of its own.
    private func withHandler(_ body: (PolicyControlHandler) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "latchkey-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let store = try SQLiteGatewayStore(folder: folder.path)
        var random = SystemRandomNumberGenerator()
        let (id, secret) = (PairingCodeID(using: &random), PairingSecret(using: &random))
        let draft = PairingDraft(name: "alice", scope: .preset("camera-viewer"), key: secret.requestKey(for: id))
        let pending = try await store.addPairing(
            draft, id: id, newSubject: SubjectID(using: &random), now: now, expiresAt: now + 600)
        let credential = Credential(
            fingerprint: CertificateFingerprint(certificateDER: [1]), subject: pending.subject, notBefore: now,
            notAfter: now + 600)
        _ = try await store.redeem(Redemption(pairing: id, credential: credential), now: now)
        try await store.record([
            DeviceSighting(
                udn: "uuid:tv", name: "Living room", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1",
                lastSeen: now)
        ])
        try await body(PolicyControlHandler(store: store, now: { [now] in now }))
        try store.close()
    }

    private func explain(
        _ handler: PolicyControlHandler, volume: Int, device: String = "living room", devices: [DeviceFacts] = []
    ) async throws -> ExplanationReport {
        let question = PolicyQuestion(
            client: "alice", device: device, operation: "control", service: "RenderingControl", action: "SetVolume",
            arguments: [.init(name: "DesiredVolume", value: "\(volume)")], at: "2026-11-28T23:00")
        let reply = try await handler.handle(.explain(question), devices: devices)
        guard case .explained(let report) = reply else { throw ProgramError.failure("\(reply)") }
        return report
    }

    @Test func `explain names the rule that refuses, its line, and why the others do not decide`() async throws {
        try await withHandler { handler in
            let nothing = try await explain(handler, volume: 40)
            #expect(!nothing.permitted && nothing.rule == "grant:camera-viewer" && nothing.line == nil)
            _ = try await handler.handle(.set(text: Self.text, expecting: 0, author: "anna"))
            let loud = try await explain(handler, volume: 41)
            #expect(!loud.permitted)
            #expect(loud.rule == "quiet" && loud.line == 3)
            #expect(loud.reason == "the rule quiet (line 3) permits SetVolume only with DesiredVolume at most 40")
            #expect(loud.considered.map(\.name) == ["quiet", "no-bob"])
            #expect(loud.considered.map(\.verdict) == ["decides", "does not apply"])
            #expect(loud.considered[1].why == "it is for bob")
            #expect(loud.notes.contains { $0.contains("services are not known") })
            #expect(try await explain(handler, volume: 40, device: "tv").permitted)
            // The running gateway's device is preferred, with its own service's type.
            let live = DeviceFacts(
                udn: "uuid:tv", name: "Living room", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1",
                serviceTypes: ["urn:schemas-upnp-org:service:RenderingControl:2"])
            #expect(try await explain(handler, volume: 40, devices: [live]).notes.isEmpty)
            await #expect(throws: ProgramError.self) { _ = try await explain(handler, volume: 1, device: "attic") }
        }
    }

    @Test func `a text that is no policy is refused with its lines and leaves the one in force`() async throws {
        try await withHandler { handler in
            _ = try await handler.handle(.set(text: Self.text, expecting: nil, author: "anna"))
            let error = await #expect(throws: ProgramError.self) {
                _ = try await handler.handle(.set(text: "policy: 1\nrulez: []", expecting: nil, author: "anna"))
            }
            #expect(error?.message.contains("line 2, column 1: ") ?? false)
            guard case .shown(let report) = try await handler.handle(.show(version: nil)) else { return }
            #expect(report.version == 1 && report.text == Self.text)
        }
    }

    @Test func `versions are listed, told apart in words, and taken back`() async throws {
        try await withHandler { handler in
            _ = try await handler.handle(.set(text: Self.text, expecting: 0, author: "anna"))
            let louder = Self.text.replacingOccurrences(of: "max: 40", with: "max: 60")
            guard case .stored(let second) = try await handler.handle(.set(text: louder, expecting: 1, author: "ben"))
            else { return }
            #expect(
                second.changes == [
                    "the rule quiet, which permits SetVolume to alice with DesiredVolume at most 40, now permits SetVolume to alice with DesiredVolume at most 60"
                ])
            await #expect(throws: StoreError.self) {
                _ = try await handler.handle(.set(text: Self.text, expecting: 1, author: "late"))
            }
            #expect(try await explain(handler, volume: 41).permitted)
            _ = try await handler.handle(.rollback(version: 1, author: "anna"))
            #expect(try await !explain(handler, volume: 41).permitted)
            guard case .history(let versions) = try await handler.handle(.history) else { return }
            #expect(versions.map(\.version) == [3, 2, 1])
            #expect(versions.map(\.author) == ["anna", "ben", "anna"])
            #expect(versions[0].sha256 == versions[2].sha256 && versions[0].text == nil)
            await #expect(throws: ProgramError.self) { _ = try await handler.handle(.show(version: 9)) }
        }
    }
}
