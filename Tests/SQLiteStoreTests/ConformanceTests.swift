import SQLiteStore
import TestKit
import Testing
import TrustCore

@Suite("The stores in SQLite")
struct ConformanceTests {
    @Test(arguments: GatewayStoreConformance.cases)
    func `a gateway's store keeps its promise`(promise: ConformanceCase<GatewayStoreConformance.Views>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        try await promise.run(.init(store, other))
        try store.close()
        try other.close()
    }

    @Test(arguments: PolicyStoreConformance.cases)
    func `a policy's store keeps its promise`(promise: ConformanceCase<PolicyStoreConformance.Views>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        try await promise.run(.init(store, other))
        try store.close()
        try other.close()
    }

    @Test(arguments: AuditStoreConformance.cases)
    func `an audit log keeps its promise`(promise: ConformanceCase<any GatewayStore>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path, audit: AuditStoreConformance.limits)
        try await promise.run(store)
        try store.close()
    }

    @Test(arguments: AwayStoreConformance.cases)
    func `an away client's store keeps its promise`(promise: ConformanceCase<any AwayStore>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteAwayStore(folder: folder.path)
        try await promise.run(store)
        try store.close()
    }
}
