package import Foundation
import GroupKeys
package import Groups
import NetworkTypes
package import SQLiteStore
import SUPnP
package import TrustCore

/// Answers what `latchkey group …` asks: by the running controller where there is one, else by the store alone.
///
/// What the store does without a controller holds from the controller's next start on.
package struct GroupControlHandler: Sendable {
    private let store: SQLiteGatewayStore
    private let service: GroupService?
    private let serving: @Sendable () -> GroupController?
    private let now: @Sendable () -> Date
    private let enrolling = EnrolmentGate()

    /// `service`: the running gateway's; nil while no gateway runs.
    package init(
        store: SQLiteGatewayStore, service: GroupService? = nil, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.init(store: store, service: service, serving: { service?.controller }, now: now)
    }

    /// `serving`: the controller, while it serves.
    package init(
        store: SQLiteGatewayStore, service: GroupService? = nil, serving: @escaping @Sendable () -> GroupController?,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.store = store
        self.service = service
        self.serving = serving
        self.now = now
    }

    /// The controller, while it serves.
    private var controller: GroupController? { serving() }

    package func handle(_ request: GroupControlRequest) async throws -> GroupControlReply {
        switch request {
        case .open: .opened(GroupOpening(groupID: try await open().groupID.hexadecimal))
        case .enrol(let devices): .enrolled(count: try await enrol(devices))
        case .devices: .devices(try await devices())
        case .members: .members(try await members())
        case .allow(let id, let patterns): .allowed(try await allow(device(id), patterns))
        case .status: .status(try await status())
        case .evict(let id, let mayReturn): .evicted(try await evict(device(id), mayReturn: mayReturn))
        }
    }

    // MARK: The group

    private func open() async throws -> GroupIdentity {
        if let known = try await store.groups.identity() { return known }
        var random = SystemRandomNumberGenerator()
        let fresh = GroupIdentity(createdAt: Int64(now().timeIntervalSince1970), using: &random)
        let identity = try await store.groups.establish(fresh)
        service?.groupExists()
        return identity
    }

    private func identity() async throws -> GroupIdentity {
        guard let identity = try await store.groups.identity() else {
            throw ProgramError.failure("there is no group yet; the first “latchkey group enrol ID” makes it")
        }
        return identity
    }

    private func status() async throws -> GroupStatusReport {
        let identity = try await identity()
        if let status = controller?.status() {
            return GroupStatusReport(
                groupID: identity.groupID.hexadecimal, state: "serving", epoch: status.epoch, members: status.members,
                servers: status.servers, devices: status.devices, offers: status.offers,
                addresses: status.addresses.map(\.description))
        }
        let (state, _) = try await store.groups.load()
        return GroupStatusReport(
            groupID: identity.groupID.hexadecimal, state: service?.obstacle ?? "the gateway is not running",
            epoch: state.epoch, members: state.members.count, servers: state.members.values.count { $0.isServer },
            devices: state.credentials.count, offers: state.directory.count, addresses: [])
    }

    /// What `gateway status` says of the group; nothing without one.
    package func details() async -> [String: String] {
        guard let status = try? await status() else { return [:] }
        return [
            "group": status.groupID, "group-state": status.state, "group-epoch": "\(status.epoch)",
            "group-members": "\(status.members)", "group-devices": "\(status.devices)",
        ]
    }

    // MARK: Devices

    private func device(_ id: String) throws -> DeviceID {
        guard let device = DeviceID(id) else { throw ProgramError.failure("a device's id has 1 to 64 bytes") }
        return device
    }

    private func enrol(_ devices: [DeviceEnrolment]) async throws -> Int {
        _ = try await identity()
        let records = try devices.map { try $0.record() }
        guard Set(records.map(\.id)).count == records.count else {
            throw ProgramError.failure("a device is named twice")
        }
        return try await enrolling.alone(with: records.map(\.id)) { try await enrol(records, devices) }
    }

    private func enrol(_ records: [CredentialRecord], _ devices: [DeviceEnrolment]) async throws -> Int {
        let again = Set(zip(records, devices).filter { $1.again }.map(\.0.id))
        // Before anything is written: what is refused must leave a device its owner.
        if let controller {
            try check(
                devices, known: controller.devices().map(\.id), members: controller.members().map(\.record.device))
        } else {
            let (state, _) = try await store.groups.load()
            try check(devices, in: state)
        }
        let owners = try await ownerNames()
        for (record, device) in zip(records, devices) where again.contains(record.id) {
            guard let owner = owners[record.id], owner != device.owner else { continue }
            throw ProgramError.failure(
                "“\(record.id)” is \(owner)'s: evict it first, or name its owner with --owner \(owner)")
        }
        // Before the devices themselves: one without an owner would outlive its owner's revocation.
        _ = try await store.groups.setOwners(
            Dictionary(uniqueKeysWithValues: zip(records.map(\.id), devices.map(\.owner))), now: now())
        if let controller {
            try await controller.enrol(records, replacing: again)
        } else {
            try await change { state in
                try check(devices, in: state)
                return records.map { .enrolled($0) }
            }
        }
        return records.count
    }

    private func check(_ devices: [DeviceEnrolment], in state: GroupState) throws {
        try check(devices, known: Array(state.credentials.keys), members: state.members.values.map(\.device))
    }

    /// Throws when a device is enrolled already, unless it is to be enrolled again and is no member.
    private func check(_ devices: [DeviceEnrolment], known: [DeviceID], members: [DeviceID]) throws {
        let (known, members) = (Set(known), Set(members))
        for enrolment in devices {
            let id = try device(enrolment.id)
            guard !known.contains(id) || (enrolment.again && !members.contains(id)) else {
                throw GroupControllerError.enrolledAlready(id)
            }
        }
    }

    private func devices() async throws -> [GroupDeviceReport] {
        _ = try await identity()
        let names = try await ownerNames()
        if let controller {
            let members = Dictionary(controller.members().map { ($0.record.device, $0.record.id) }) { first, _ in first
            }
            return controller.devices().map { GroupDeviceReport($0, owner: names[$0.id], member: members[$0.id]) }
        }
        let (state, _) = try await store.groups.load()
        return state.credentials.values.sorted { $0.id < $1.id }
            .map { GroupDeviceReport($0, owner: names[$0.id], member: state.member(of: $0.id)?.id) }
    }

    private func ownerNames() async throws -> [DeviceID: String] {
        let subjects = Dictionary(try await store.ledger().subjects.map { ($0.id, $0.name) }) { first, _ in first }
        return try await store.groups.owners().compactMapValues { subjects[$0] }
    }

    /// The devices of each subject, by name.
    package func devicesBySubject() async throws -> [SubjectID: [String]] {
        var devices: [SubjectID: [String]] = [:]
        for (device, subject) in try await store.groups.owners() { devices[subject, default: []].append("\(device)") }
        return devices.mapValues { $0.sorted() }
    }

    private func members() async throws -> [GroupMemberReport] {
        _ = try await identity()
        if let controller { return controller.members().map { GroupMemberReport($0.record, offers: $0.offers) } }
        let (state, _) = try await store.groups.load()
        return state.members.values.sorted { $0.id < $1.id }
            .map { GroupMemberReport($0, offers: state.directory.offers(of: $0.id).map(\.name)) }
    }

    private func allow(_ device: DeviceID, _ patterns: [String]) async throws -> GroupDeviceReport {
        _ = try await identity()
        try DeviceEnrolment.check(patterns)
        if let controller {
            try await controller.allow(device, patterns)
        } else {
            try await change { state in
                guard var record = state.credentials[device] else { throw GroupControllerError.unknownDevice(device) }
                record.servicePatterns = patterns
                return [.enrolled(record)]
            }
        }
        guard let report = try await devices().first(where: { $0.id == "\(device)" }) else {
            throw GroupControllerError.unknownDevice(device)
        }
        return report
    }

    // MARK: Evictions

    private func evict(_ device: DeviceID, mayReturn: Bool) async throws -> GroupEvictionReport {
        _ = try await identity()
        if mayReturn {
            guard let controller else {
                throw ProgramError.failure(
                    "the group is not served at the moment, so that no membership can be ended and the device kept; "
                        + "start the gateway, or leave out --may-return")
            }
            let done = try await controller.evict(device)
            return GroupEvictionReport(
                id: "\(device)", mayReturn: true, members: done.members, epoch: done.epoch, pending: 0)
        }
        if let controller {
            let isKnown =
                controller.devices().contains { $0.id == device }
                || controller.members().contains { $0.record.device == device }
            guard isKnown else { throw GroupControllerError.unknownDevice(device) }
        } else {
            let (state, _) = try await store.groups.load()
            guard state.credentials[device] != nil || state.member(of: device) != nil else {
                throw GroupControllerError.unknownDevice(device)
            }
        }
        let done = try await strikeOff([device])
        return GroupEvictionReport(
            id: "\(device)", mayReturn: false, members: done.evicted, epoch: done.epoch, pending: done.pending)
    }

    /// What became of a list of devices.
    struct Outcome: Hashable, Sendable {
        var evicted = 0
        var pending = 0
        var epoch: UInt32 = 0
    }

    /// Strikes devices off and evicts them, now or, without a controller, at its next start.
    func strikeOff(_ devices: [DeviceID]) async throws -> Outcome {
        if let controller {
            let done = try await controller.strikeOff(devices)
            return Outcome(evicted: done.members, epoch: done.epoch)
        }
        var outcome = Outcome()
        try await change { state in devices.filter { state.credentials[$0] != nil }.map { .struckOff($0) } }
        let (state, _) = try await store.groups.load()
        outcome.pending = devices.count { state.member(of: $0) != nil }
        outcome.epoch = state.epoch
        return outcome
    }

    /// How many members are a subject's.
    func memberCount(of subject: SubjectID) async throws -> Int {
        guard let controller else { return 0 }
        let devices = Set(try await store.groups.devices(of: subject))
        return controller.members().count { devices.contains($0.record.device) }
    }

    /// Strikes off a subject's devices. Its rights have ended already: whatever does not get done here, the controller
    /// does at its next start, or when it hears of it. Nil when it has none.
    func strikeOffDevices(of subject: SubjectID) async throws -> Outcome? {
        guard try await store.groups.identity() != nil else { return nil }
        let devices = try await store.groups.devices(of: subject)
        return devices.isEmpty ? nil : try await strikeOff(devices)
    }

    // MARK: The store

    /// Changes the stored state, whoever else changes it at the same time.
    private func change(_ decide: (GroupState) throws -> [StateChange]) async throws {
        for _ in 0..<8 {
            let (state, revision) = try await store.groups.load()
            let changes = try decide(state)
            if changes.isEmpty { return }
            if try await store.groups.commit(changes, expectedRevision: revision) != nil { return }
        }
        throw ProgramError.failure("the group's state is being changed by somebody else all the time; try again")
    }
}
