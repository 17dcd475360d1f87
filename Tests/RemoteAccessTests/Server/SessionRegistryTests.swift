import Foundation
import NetworkTypes
import Testing
import TrustCore
import Tunnel

@testable import RemoteAccess

@Suite("The gateway's sessions")
struct SessionRegistryTests {
    private func subject(_ seed: UInt64) -> Subject {
        var random = SeededGenerator(seed: seed)
        return Subject(id: SubjectID(using: &random), name: "client \(seed)", createdAt: Date(timeIntervalSince1970: 0))
    }

    private func registry(limit: Int) -> SessionRegistry {
        var limits = SessionTable.Limits()
        limits.sessions = limit
        return SessionRegistry(limits: limits)
    }

    private func open(_ registry: SessionRegistry, _ seed: UInt64, carrier: CarrierID) throws -> RemoteSession {
        try registry.open(
            subject: subject(seed), fingerprint: [UInt8(seed)], carrier: carrier,
            path: "tcp", authority: "192.0.2.5:80"
        ).session
    }

    @Test("A full table says so in words, and a place that its client left is given away")
    func full() throws {
        let registry = registry(limit: 2)
        let first = registry.nameCarrier()
        _ = try open(registry, 1, carrier: first)
        _ = try open(registry, 2, carrier: registry.nameCarrier())
        let problem = #expect(throws: Problem.self) {
            _ = try open(registry, 3, carrier: registry.nameCarrier())
        }
        #expect(problem?.kind == .serverFull)
        #expect(problem?.title.contains("2 sessions") == true)
        registry.detach(first)
        let third = try registry.open(
            subject: subject(3), fingerprint: [3], carrier: registry.nameCarrier(),
            path: "tcp", authority: "192.0.2.5:80")
        #expect(third.evicted?.subject.name == "client 1")
        #expect(registry.reports.map(\.name).sorted() == ["client 2", "client 3"])
    }

    @Test("A session is found by its own certificate only")
    func fingerprint() throws {
        let registry = registry(limit: 2)
        let session = try open(registry, 1, carrier: registry.nameCarrier())
        let other = registry.nameCarrier()
        let id = session.id.description
        #expect(registry.attach(id, fingerprint: [9], carrier: other, path: "tcp") == nil)
        #expect(registry.attach("0", fingerprint: [1], carrier: other, path: "tcp") == nil)
        #expect(registry.attach(id, fingerprint: [1], carrier: other, path: "tcp") === session)
    }

    @Test("A session outlives its carriers, and ends with its subject's rights")
    func outlives() throws {
        let registry = registry(limit: 2)
        let carrier = registry.nameCarrier()
        let session = try open(registry, 1, carrier: carrier)
        registry.detach(carrier)
        let id = session.id.description
        #expect(registry.attach(id, fingerprint: [1], carrier: registry.nameCarrier(), path: "tcp") === session)
        #expect(registry.endAll(of: session.subject.id).count == 1)
        #expect(registry.attach(id, fingerprint: [1], carrier: registry.nameCarrier(), path: "tcp") == nil)
        #expect(registry.reports.isEmpty)
    }

    @Test("Events are read by cursor; a reader that fell too far behind is told so")
    func cursor() throws {
        var limits = RemoteSession.Limits()
        limits.events = 3
        let session = RemoteSession(
            id: try #require(SessionID("00112233445566778899aabbccddeeff")), subject: subject(1),
            authority: "192.0.2.5:80", limits: limits)
        for index in 0..<5 { session.record(.disappeared(udn: "uuid:\(index)"), size: 10) }
        guard case .entries(let entries, let next) = session.events(after: 3) else {
            Issue.record("the last events are gone")
            return
        }
        #expect(entries == [.disappeared(udn: "uuid:3"), .disappeared(udn: "uuid:4")])
        #expect(next == 5)
        guard case .lost = session.events(after: 1) else {
            Issue.record("an event was lost and nobody was told")
            return
        }
    }
}
