import Foundation
import Logging
import Synchronization
import TestKit
import Testing
import TrustCore

@testable import RemoteAccess

@Suite("The writer of the audit log")
struct AuditWriterTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func store() async throws -> InMemoryGatewayStore {
        let store = InMemoryGatewayStore()
        _ = try await AuditStoreConformance.established(store)
        return store
    }

    @Test func `what was told is written in order, and beyond the queue it is counted`() async throws {
        let store = try await store()
        let writer = AuditWriter(store: store, limit: 10, logger: logger)
        for number in 0..<25 { writer.record(AuditEvent(.decision, .denied, action: "\(number)")) }
        await writer.flush()
        let events = try await store.auditEntries(AuditQuery()).dropFirst().map(\.event)
        #expect(events.prefix(10).map(\.action) == (0..<10).map { "\($0)" })
        #expect(events.dropFirst(10).map(\.kind) == [.dropped])
        #expect(events.last?.count == 15)
        writer.record(AuditEvent(.decision, .denied, action: "after"))
        await writer.flush()
        #expect(try await store.auditEntries(AuditQuery()).last?.event.action == "after")
    }

    @Test func `what a store does not take is counted as missing later`() async throws {
        let store = try await store()
        let refusing = RefusingAudit(store: store)
        let writer = AuditWriter(store: refusing, logger: logger)
        writer.record(AuditEvent(.decision, .denied, action: "lost"))
        await writer.flush()
        refusing.isOpen.withLock { $0 = true }
        writer.record(AuditEvent(.decision, .denied, action: "kept"))
        await writer.flush()
        let events = try await store.auditEntries(AuditQuery()).dropFirst().map(\.event)
        #expect(events.map(\.kind) == [.decision, .dropped])
        #expect(events.last?.count == 1)
    }

    @Test func `a writer that ends writes what waits and what it held back`() async throws {
        let store = try await store()
        let writer = AuditWriter(store: store, logger: logger)
        for _ in 0..<5 { writer.record(AuditEvent(.decision, .permitted, action: "Browse"), pace: .reads) }
        let run = Task { await writer.run() }
        run.cancel()
        await run.value
        let events = try await store.auditEntries(AuditQuery()).dropFirst().map(\.event)
        #expect(events.map(\.count) == [1, 4])
    }
}

/// A log that cannot be written while it is closed.
private final class RefusingAudit: AuditStore {
    let isOpen = Mutex(false)
    private let store: InMemoryGatewayStore

    init(store: InMemoryGatewayStore) { self.store = store }

    func audit(_ events: [AuditEvent], now: Date) async throws -> AuditCheckpoint? {
        guard isOpen.withLock({ $0 }) else { throw StoreError(.unavailable, "the disk is full") }
        return try await store.audit(events, now: now)
    }
    func auditCheckpoints() async throws -> [AuditCheckpoint] { try await store.auditCheckpoints() }
    func auditStub() async throws -> AuditStub? { try await store.auditStub() }
    func auditEntries(_ query: AuditQuery) async throws -> [AuditEntry] { try await store.auditEntries(query) }
}
