import SQLiteStore
import TestKit
import Testing

@Suite("A group's stores")
struct GroupConformanceTests {
    @Test(arguments: GroupStoreConformance.cases)
    func `the one in SQLite keeps its promise`(promise: ConformanceCase<GroupStoreConformance.Views>) async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        let other = try SQLiteGatewayStore(folder: folder.path)
        try await promise.run(
            .init(store.groups, other.groups) { FreshGroupStore(try SQLiteGatewayStore(folder: folder.path)) })
        try store.close()
        try other.close()
    }

    @Test(arguments: GroupStoreConformance.cases)
    func `the one in memory keeps its promise`(promise: ConformanceCase<GroupStoreConformance.Views>) async throws {
        let store = MemoryGroupStore()
        try await promise.run(.init(store, store) { store })
    }
}
