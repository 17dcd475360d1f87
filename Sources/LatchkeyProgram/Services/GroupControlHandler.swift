package import Foundation
import GroupKeys
import Groups
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
    private let now: @Sendable () -> Date

    /// `service`: the running gateway's; nil while no gateway runs.
    package init(
        store: SQLiteGatewayStore, service: GroupService? = nil, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.store = store
        self.service = service
        self.now = now
    }

    /// The controller, while it serves.
    private var controller: GroupController? { service?.controller }

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
        if let controller { try check(records, in: Set(controller.devices().map(\.id))) }
        // Before the devices themselves: one without an owner would outlive its owner's revocation.
        _ = try await store.groups.setOwners(
            Dictionary(uniqueKeysWithValues: zip(records.map(\.id), devices.map(\.owner))), now: now())
        if let controller {
            try await controller.enrol(records)
        } else {
            try await change { state in
                try check(records, in: Set(state.credentials.keys))
                return records.map { .enrolled($0) }
            }
        }
        return records.count
    }

    private func check(_ records: [CredentialRecord], in known: Set<DeviceID>) throws {
        guard let first = records.first(where: { known.contains($0.id) }) else { return }
        throw GroupControllerError.enrolledAlready(first.id)
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

extension DeviceEnrolment {
    /// A role by its name on the command line.
    static let roles: [String: DeviceRoles] = [
        "client": .client, "server": .server, "both": [.client, .server],
    ]

    /// Throws a sentence when patterns are none, or too many.
    package static func check(_ patterns: [String]) throws {
        guard patterns.count <= AccessList.maximumPatterns else {
            throw ProgramError.failure("a device is allowed at most \(AccessList.maximumPatterns) patterns of services")
        }
        guard let wrong = patterns.first(where: { ServicePattern($0) == nil }) else { return }
        throw ProgramError.failure(
            "“\(wrong)” is no pattern of services; a name such as urn:example:light is, or the beginning of names and "
                + "a * such as urn:example:*")
    }

    /// What the key manager keeps.
    func record() throws -> CredentialRecord {
        try Self.check(patterns)
        guard let device = DeviceID(id), let roles = Self.roles[role],
            let derivation = PasswordDerivation(rawValue: derivation),
            let verifier = w0.isEmpty ? nil : VerifierRecord(w0: SecretBytes(w0), l: Array(l)),
            let record = CredentialRecord(
                id: device, roles: roles, salt: Array(salt), secret: .hardened(derivation, verifier),
                servicePatterns: patterns)
        else { throw ProgramError.failure("“\(id)” cannot be enrolled: its record is not complete") }
        return record
    }
}

extension GroupDeviceReport {
    init(_ record: CredentialRecord, owner: String?, member: UInt32?) {
        self.init(
            id: "\(record.id)", role: record.roles.name, owner: owner, allows: record.servicePatterns, member: member)
    }
}

extension GroupMemberReport {
    init(_ record: MemberRecord, offers: [ServiceName]) {
        self.init(
            member: record.id, id: "\(record.device)", role: record.roles.name, offers: offers.map(\.description))
    }
}

extension DeviceRoles {
    /// `client`, `server` or `both`.
    var name: String { self == .client ? "client" : self == .server ? "server" : "both" }
}
