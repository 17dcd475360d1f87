import Synchronization
package import TrustCore

/// A store that forgets everything with the process.
package final class InMemoryDeviceProtectionStore: DeviceProtectionStore {
    private struct State {
        var lists: [String: StoredAccessControlList] = [:]
        var identities: [String: StoredDeviceIdentity] = [:]
    }

    private let state = Mutex(State())

    /// Makes an empty store.
    package init() {}

    package func accessControlList(of device: String) async throws -> StoredAccessControlList? {
        try Self.check(name: device)
        return state.withLock { $0.lists[device] }
    }

    package func replaceAccessControlList(
        _ acl: AccessControlList, of device: String, expecting revision: Int?
    ) async throws -> StoredAccessControlList {
        try Self.check(name: device)
        return try state.withLock { state throws(StoreError) in
            guard state.lists[device]?.revision == revision else { throw .changedACL }
            let stored = StoredAccessControlList(acl: acl, revision: (revision ?? 0) + 1)
            state.lists[device] = stored
            return stored
        }
    }

    package func removeAccessControlList(of device: String) async throws {
        _ = state.withLock { $0.lists.removeValue(forKey: device) }
    }

    package func deviceIdentity(
        named name: String, orStore fresh: @Sendable () throws -> StoredDeviceIdentity
    ) async throws -> StoredDeviceIdentity {
        try Self.check(name: name)
        if let known = state.withLock({ $0.identities[name] }) { return known }
        let made = try fresh()
        return state.withLock { state in
            if let known = state.identities[name] { return known }
            state.identities[name] = made
            return made
        }
    }

    package func removeDeviceIdentity(named name: String) async throws {
        _ = state.withLock { $0.identities.removeValue(forKey: name) }
    }
}

extension StoreError {
    /// Somebody else was first.
    package static var changedACL: StoreError {
        StoreError(.conflict, "the ACL was changed by somebody else meanwhile: try again")
    }
}
