import GroupKeys
import NetworkTypes

/// A device that has proven itself, and becomes a member once that is durable.
struct Admission: Sendable {
    let record: MemberRecord
    /// LEAF_0 of a hardened server.
    let leafSecret: SecretBytes?
    /// The run of the registrar that waits for it.
    let registration: RegistrationID
    /// Where the device is.
    let source: SocketEndpoint
}

/// A member's new pairwise secrets.
struct RefreshStep: Sendable {
    let member: UInt32
    let generation: UInt32
    let relay: SecretBytes
    let refresh: SecretBytes
    /// The new secret of a server's leaf.
    let leafSecret: SecretBytes?
    let pending: PendingRefresh

    var change: StateChange {
        .refreshed(member, generation: generation, relay: relay, refresh: refresh, pending)
    }
}

/// A change that waits for a commit and needs no rekey.
enum WaitingChange: Sendable {
    case admission(Admission)
    case removal(UInt32, LinkBook.Departure)
    case refresh(RefreshStep)
    case offers(UInt32, [ServiceOffer], correlation: UInt32)
    case administrative(StateChange)
    case refreshConfirmed(UInt32)
}

extension WaitingChange {
    /// Whether a device or a member wants it, and so could want it without end.
    var isMembersWish: Bool {
        switch self {
        case .admission, .refresh, .offers: true
        case .removal, .administrative, .refreshConfirmed: false
        }
    }

    /// Whether it says anew what another has said for the same member.
    func replaces(_ other: WaitingChange) -> Bool {
        switch (self, other) {
        case (.removal(let member, _), .removal(let old, _)): member == old
        case (.offers(let member, _, _), .offers(let old, _, _)): member == old
        case (.refreshConfirmed(let member), .refreshConfirmed(let old)): member == old
        default: false
        }
    }
}

/// What a key manager makes durable in one commit, and what it does once it is.
struct KeyManagerStep {
    /// What the step was made of, for another one if the commit conflicts and the key manager leads all the same.
    enum Origin {
        case none
        case batch(WaitingMembership.Batch)
        case classic(WaitingMembership.ClassicWork)
        case changes([WaitingChange])
    }

    var origin = Origin.none
    var changes: [StateChange] = []
    var staged: StagedRekey?
    var classic: [StagedClassicRekey] = []
    var isUrgent = false
    var leads = false
    var admissions: [Admission] = []
    var refreshes: [RefreshStep] = []
    var removals: [(member: UInt32, departure: LinkBook.Departure)] = []
    /// Messages for members that only say that something is durable.
    var replies: [(member: UInt32, message: ControlMessage)] = []
}
