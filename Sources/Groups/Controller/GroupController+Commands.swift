package import SUPnP
import Synchronization

// What an administrator wants. Each returns when it is durable, and said: the forwarder knows it, and the members' new
// keys are on their way.
extension GroupController {
    /// What became of evictions.
    package struct Eviction: Hashable, Sendable {
        /// How many members there were to evict.
        package let members: Int
        /// The epoch in which they are out.
        package let epoch: UInt32
    }

    /// Lets devices register. One that is enrolled already keeps its record, and nothing is done; unless it is one of
    /// those to replace, and no member.
    package func enrol(_ records: [CredentialRecord], replacing: Set<DeviceID> = []) async throws {
        try await command { session in
            let known = self.ledger.read { state in
                records.first { record in
                    state.credentials[record.id] != nil
                        && !(replacing.contains(record.id) && state.member(of: record.id) == nil)
                }
            }
            if let known { throw GroupControllerError.enrolledAlready(known.id) }
            session.departing.withLock { departing in
                departing.subtract(records.map(\.id))
                for record in records { session.tell(.enroll(record)) }
            }
            try await self.ledger.wait { state in records.allSatisfy { state.credentials[$0.id] == $0 } }
        }
    }

    /// Gives a device another access list: what it may ask for from here on.
    package func allow(_ device: DeviceID, _ patterns: [String]) async throws {
        try await command { session in
            // Nobody is struck off between the look and the word: that would put the device back.
            let wanted = try session.departing.withLock { departing in
                guard !departing.contains(device), var record = self.ledger.read({ $0.credentials[device] }) else {
                    throw GroupControllerError.unknownDevice(device)
                }
                record.servicePatterns = patterns
                session.tell(.enroll(record))
                return record
            }
            try await self.ledger.wait { $0.credentials[device].map { $0 == wanted } ?? true }
            guard self.ledger.read({ $0.credentials[device] != nil }) else {
                throw GroupControllerError.unknownDevice(device)
            }
        }
    }

    /// Ends the devices' right to register, and their memberships, urgently. Devices that there are not are passed over.
    package func strikeOff(_ devices: [DeviceID]) async throws -> Eviction {
        try await command { session in
            let members = self.ledger.read { state in devices.count { state.member(of: $0) != nil } }
            session.departing.withLock { departing in
                departing.formUnion(devices)
                for device in devices { session.tell(.strikeOff(device)) }
            }
            try await self.ledger.wait { state in
                devices.allSatisfy { state.credentials[$0] == nil && state.member(of: $0) == nil }
            }
            return Eviction(members: members, epoch: self.ledger.read { $0.epoch })
        }
    }

    /// Ends a device's membership, urgently. It may register again.
    package func evict(_ device: DeviceID) async throws -> Eviction {
        try await command { session in
            guard let member = self.ledger.read({ $0.member(of: device)?.id }) else {
                let isKnown = self.ledger.read { $0.credentials[device] != nil }
                throw isKnown ? GroupControllerError.noMember(device) : .unknownDevice(device)
            }
            session.tell(.evict(device, isUrgent: true))
            try await self.ledger.wait { $0.members[member] == nil }
            return Eviction(members: 1, epoch: self.ledger.read { $0.epoch })
        }
    }

    /// A member, and what it offers.
    package struct MemberFacts: Sendable {
        /// The member.
        package let record: MemberRecord
        /// The names of its services.
        package let offers: [ServiceName]
    }

    /// The members, by number.
    package func members() -> [MemberFacts] {
        ledger.read { state in
            state.members.values.sorted { $0.id < $1.id }
                .map { MemberFacts(record: $0, offers: state.directory.offers(of: $0.id).map(\.name)) }
        }
    }

    /// The enrolled devices, by name.
    package func devices() -> [CredentialRecord] { ledger.read { $0.credentials.values.sorted { $0.id < $1.id } } }

    /// How the group is; nil while the controller does not serve.
    package func status() -> GroupControllerStatus? {
        guard let session = session.withLock({ $0 }) else { return nil }
        return ledger.read { state in
            GroupControllerStatus(
                epoch: state.epoch, members: state.members.count,
                servers: state.members.values.count { $0.isServer }, devices: state.credentials.count,
                offers: state.directory.count, addresses: session.addresses)
        }
    }

    /// Runs a command once the key manager leads, and gives it up after its time. What it has told the key manager by
    /// then stays told.
    private func command<Value: Sendable>(
        _ body: @escaping @Sendable (GroupSession) async throws -> Value
    ) async throws -> Value {
        guard let session = session.withLock({ $0 }) else { throw GroupControllerError.stopped }
        let limit = configuration.commandTime
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                let boot = session.boot
                try await self.ledger.wait { $0.leadership?.boot == boot }
                let value = try await body(session)
                try await session.settle()
                return value
            }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            guard let value = try await group.next() ?? nil else { throw GroupControllerError.notInTime(limit) }
            return value
        }
    }
}
