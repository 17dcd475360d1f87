import SQLiteStore
import SUPnP

/// A group's store of a process that has just started: its files are closed with its last reference.
final class FreshGroupStore: GroupStore {
    private let gateway: SQLiteGatewayStore

    init(_ gateway: SQLiteGatewayStore) { self.gateway = gateway }

    deinit { try? gateway.close() }

    func load() async throws -> (state: GroupState, revision: UInt64) { try await gateway.groups.load() }

    func revision() async throws -> UInt64 { try await gateway.groups.revision() }

    func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64? {
        try await gateway.groups.commit(changes, expectedRevision: expectedRevision)
    }
}
