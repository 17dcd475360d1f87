package import NetworkTypes
package import Traversal

/// How a router is asked for a mapping.
package enum MappingMethod: String, Hashable, Sendable, Codable, CaseIterable {
    case pcp
    case natpmp
    case igd

    /// As people write it.
    package var name: String {
        switch self {
        case .pcp: "PCP"
        case .natpmp: "NAT-PMP"
        case .igd: "UPnP IGD"
        }
    }
}

/// What one way of asking has to tell.
package enum MappingNews: Sendable, Hashable {
    /// A mapping is there.
    case granted(MappingGrant)
    /// It does not work, at least for some time; a sentence says why.
    case failed(String)
    /// The router has understood, and does not map; a sentence says why.
    case denied(String, MappingDenial)
    /// What was granted is gone.
    case lost(String)
    /// The router does not map one of the targets that follow the first, or does not any more; the others stay.
    case refused(MappingTarget, String)
    /// Something that a later start needs.
    case remember(MappingMemory.Entry)
}

/// Why a router that was understood does not map.
package enum MappingDenial: String, Hashable, Sendable, Codable {
    /// It does not want to.
    case unwilling
    /// It has no public address itself: it is not connected, or stands behind another NAT.
    case noPublicAddress
}

/// One way of asking, at work until its task is cancelled.
///
/// The first of its targets is what counts: without it there is no mapping. The others are asked for when it is granted, with
/// its external port, and are done without where the router does not want to.
package protocol MappingWorker: Sendable {
    var method: MappingMethod { get }
    /// Asks, keeps what it gets, and tells of it. Returns when it cannot work here, or when the task is cancelled; what
    /// it has mapped it leaves alone.
    func run(_ tell: @escaping @Sendable (MappingNews) -> Void) async
    /// Removes what it has mapped; takes two seconds at most.
    func remove() async
    /// Removes what an earlier start has made. For a worker that does not run.
    func discard(_ entries: [MappingMemory.Entry]) async
}

/// What was tried with what result.
package struct MappingAttempt: Hashable, Sendable, Codable {
    package let method: MappingMethod
    /// A sentence without a full stop.
    package var result: String
    package var works: Bool
    /// Set where the router has said no itself, so that it is known and not only guessed that nothing comes in.
    package var denial: MappingDenial?
    /// From the beginning of the race to the first answer of either kind.
    package var milliseconds: Int?

    package init(
        method: MappingMethod, result: String, works: Bool, denial: MappingDenial? = nil, milliseconds: Int? = nil
    ) {
        self.method = method
        self.result = result
        self.works = works
        self.denial = denial
        self.milliseconds = milliseconds
    }
}

/// How things stand with mappings.
package struct MappingStatus: Hashable, Sendable {
    /// The way that works; nil while none does.
    package var method: MappingMethod?
    /// What is mapped, in the order of the targets' ports.
    package var grants: [MappingGrant] = []
    /// The last attempt of each way.
    package var attempts: [MappingAttempt] = []
    /// Why a target that follows the first is not mapped, in a sentence without a full stop.
    package var refusals: [MappingTarget: String] = [:]

    package init() {}

    /// Where the tunnel is reached by TCP, as the router says.
    package var external: SocketEndpoint? { grants.first { $0.target.transport == .tcp }?.external }
    /// Where it is reached by UDP, which is QUIC's; clients are told one port, so it serves them only where it is TCP's.
    package var externalUDP: SocketEndpoint? { grants.first { $0.target.transport == .udp }?.external }
}
