import AccessPolicy
import Foundation
import Logging
import NIOPosix
import Synchronization
import Testing
import TrustCore

@testable import RemoteAccess

@Suite("Paired clients as control points of the gateway's own services", .timeLimit(.minutes(1)))
struct PairedControlPointTests {
    private typealias Paired = DeviceProtectionService.PairedControlPoints
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func id(_ number: UInt8) throws -> SubjectID { try #require(SubjectID("s\(number)")) }

    private func credential(_ number: UInt8, _ kind: Credential.Kind = .deviceProtection) throws -> Credential {
        Credential(
            fingerprint: CertificateFingerprint(certificateDER: [number]), subject: try id(number), kind: kind,
            deviceName: "point \(number)", notBefore: now - 60, notAfter: now + 60)
    }

    private func point(_ number: UInt8) -> DeviceProtectionID { DeviceProtectionID(certificateDER: [number]) }

    private func ledger() throws -> TrustLedger {
        let presets = ["full", "control", "watch", "full", "full"]
        var ledger = TrustLedger()
        for (number, preset) in presets.enumerated() {
            let number = UInt8(number)
            ledger.subjects.append(Subject(id: try id(number), name: "client \(number)", createdAt: now))
            ledger.grants.append(Grant(subject: try id(number), scope: .preset(preset)))
            ledger.credentials.append(try credential(number, number == 4 ? .tunnelCertificate : .deviceProtection))
        }
        ledger.subjects[3].revokedAt = now
        return ledger
    }

    @Test func `an administrator's client is Admin, others are what they were granted, and revoked ones strangers`()
        throws
    {
        let paired = Paired(try ledger(), now: now)
        let roles = Dictionary(uniqueKeysWithValues: paired.active.map { ($0.id, Set($0.roles)) })
        #expect(roles[point(0)] == [.public, .basic, .admin])
        #expect(roles[point(1)] == [.public, .basic])
        #expect(roles[point(2)] == [.public, .guest])
        #expect(roles[point(3)] == nil)
        #expect(paired.ended == [point(3)])
        #expect(roles[point(4)] == nil, "a tunnel certificate is no identity of DeviceProtection")
        #expect(roles.count == 3)
    }

    @Test func `a certificate that is not valid makes a stranger`() throws {
        for time in [-61.0, 61] {
            let paired = Paired(try ledger(), now: now + time)
            #expect(paired.active.isEmpty)
            #expect(paired.ended == [point(0), point(1), point(2), point(3)])
        }
    }

    @Test func `what follows from grants is not written into the ACL, and ends with them`() async throws {
        let store = InMemoryDeviceProtectionStore()
        let ledger = Mutex(try ledger())
        let now = now
        var configuration = DeviceProtectionService.Configuration(udn: "uuid:gateway", name: "Home")
        configuration.paired = { Paired(ledger.withLock { $0 }, now: now) }
        let service = try await DeviceProtectionService.load(
            configuration, from: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let (admin, other) = (point(0), point(9))
        try await service.change { acl throws(DeviceProtectionError) in try acl.put(.init(id: other, name: "other")) }
        let kept = try #require(try await store.accessControlList(of: "uuid:gateway")?.acl)
        #expect(kept.controlPoints.map(\.id) == [other])
        #expect(service.acl.roles(of: admin) == [.public, .basic, .admin])
        // What an introduction leaves behind is not the owner's word, which a change of the ACL does not become either.
        try await service.change { acl throws(DeviceProtectionError) in try acl.introduce(admin, name: "a") }
        try await service.change { acl throws(DeviceProtectionError) in try acl.put(.init(id: other, name: "again")) }
        #expect(service.acl.roles(of: admin) == [.public, .basic, .admin])
        // Named, it has what it was given; revoked, the entry goes durably, too.
        try await service.change { acl throws(DeviceProtectionError) in
            try acl.remove([.admin], from: .controlPoint(admin))
        }
        #expect(service.acl.roles(of: admin) == [.public, .basic])
        ledger.withLock { $0.subjects[0].revokedAt = now }
        #expect(service.acl.roles(of: admin) == [.public])
        try await service.change { _ in }
        #expect(try await store.accessControlList(of: "uuid:gateway")?.acl.controlPoint(admin) == nil)
    }
}
