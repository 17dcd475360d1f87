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
    /// What a member has at most one of.
    enum Single: Hashable, Sendable {
        case removal(UInt32)
        case offers(UInt32)
        case refreshConfirmed(UInt32)
    }

    /// Nil for what may wait several times.
    var single: Single? {
        switch self {
        case .removal(let member, _): .removal(member)
        case .offers(let member, _, _): .offers(member)
        case .refreshConfirmed(let member): .refreshConfirmed(member)
        case .admission, .refresh, .administrative: nil
        }
    }

    /// Whether it is bounded by what there is and not by who asks.
    var isAlwaysTaken: Bool {
        switch self {
        case .removal, .refreshConfirmed, .administrative: true
        case .admission, .refresh, .offers: false
        }
    }

    /// Whether it holds, and not the one of its kind that waits already.
    func replaces(_ waiting: WaitingChange) -> Bool {
        if case .removal(_, let departure) = self { departure == .evicted } else { true }
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
