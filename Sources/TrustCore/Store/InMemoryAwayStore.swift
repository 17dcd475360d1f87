import Synchronization

/// An away client's store that lasts as long as the process.
package final class InMemoryAwayStore: AwayStore {
    private struct State {
        var gateways: [PairedGateway] = []
        var secrets: [String: [UInt8]] = [:]
        var heads: [GatewayID: [AuditCheckpoint]] = [:]
        var revision = StoreRevision(0)
    }

    private let state = Mutex(State())
    private let watchers = RevisionWatchers()
    private let limits: StoreLimits

    /// Makes an empty store.
    package init(limits: StoreLimits = .init()) {
        self.limits = limits
        watchers.announce(StoreRevision(0))
    }

    package func gateways() async throws -> [PairedGateway] { state.withLock { $0.gateways } }

    package func save(_ gateway: PairedGateway) async throws {
        try gateway.check()
        try change { state throws(StoreError) in
            if let index = state.gateways.firstIndex(where: { $0.id == gateway.id }) {
                state.gateways[index] = gateway
            } else {
                guard state.gateways.count < limits.gateways else { throw .tooManyGateways(limits.gateways) }
                state.gateways.append(gateway)
            }
        }
    }

    package func update(
        _ id: GatewayID, name: String?, addresses: [GatewayAddress]?, pins: [KeyPin]?
    ) async throws {
        try change { state throws(StoreError) in
            guard let index = state.gateways.firstIndex(where: { $0.id == id }) else { throw .gatewayNotFound }
            let updated = state.gateways[index].updated(name: name, addresses: addresses, pins: pins)
            try updated.check()
            state.gateways[index] = updated
        }
    }

    package func remove(_ id: GatewayID) async throws {
        change { state in
            state.gateways.removeAll { $0.id == id }
            state.heads[id] = nil
        }
    }

    package func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try StoreError.checkSecret(fresh)
        return state.withLock { state in
            if let stored = state.secrets[name] { return stored }
            state.secrets[name] = fresh
            return fresh
        }
    }

    package func auditHeads(of gateway: GatewayID) async throws -> [AuditCheckpoint] {
        state.withLock { $0.heads[gateway] ?? [] }
    }

    package func keepAuditHead(_ checkpoint: AuditCheckpoint) async throws {
        try state.withLock { state throws(StoreError) in
            guard state.gateways.contains(where: { $0.id == checkpoint.gateway }) else { throw .gatewayNotFound }
            let heads = (state.heads[checkpoint.gateway] ?? []) + [checkpoint]
            state.heads[checkpoint.gateway] = heads.suffix(AuditCheckpoint.heldByClients)
        }
    }

    package func revision() async throws -> StoreRevision { state.withLock { $0.revision } }

    package func changes() -> AsyncStream<StoreRevision> { watchers.watch() }

    private func change<Failure: Error>(_ body: (inout State) throws(Failure) -> Void) throws(Failure) {
        let revision = try state.withLock { state throws(Failure) in
            let before = state.gateways
            try body(&state)
            if state.gateways != before { state.revision = state.revision.next }
            return state.revision
        }
        watchers.announce(revision)
    }
}

extension PairedGateway {
    /// The record with what was announced; nil leaves a field alone.
    package func updated(name: String?, addresses: [GatewayAddress]?, pins: [KeyPin]?) -> PairedGateway {
        var updated = self
        updated.name = name ?? updated.name
        updated.addresses = addresses ?? updated.addresses
        updated.pins = pins ?? updated.pins
        return updated
    }

    /// Throws `invalid` for a record that could not be used.
    package func check() throws(StoreError) {
        guard (1...8).contains(pins.count) else {
            throw StoreError(.invalid, "a gateway must have 1 to 8 pins")
        }
        guard addresses.count <= 16 else { throw StoreError(.invalid, "a gateway may have at most 16 addresses") }
        guard (1...256).contains(name.utf8.count) else {
            throw StoreError(.invalid, "a gateway's name must have 1 to 256 bytes")
        }
        guard (1...8).contains(chain.count), chain.first?.pin == key.pin else {
            throw StoreError(.invalid, "the certificate does not belong to the client's key")
        }
    }
}

extension StoreError {
    /// What `update` throws for a gateway that is not paired.
    package static let gatewayNotFound = StoreError(.notFound, "this client is not paired with such a gateway")

    /// What `save` throws when the store is full.
    package static func tooManyGateways(_ limit: Int) -> StoreError {
        StoreError(.full, "this client is paired with \(limit) gateways, which is the limit: remove one")
    }
}
