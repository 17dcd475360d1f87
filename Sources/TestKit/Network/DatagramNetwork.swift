package import NetworkTypes

/// A datagram network in virtual time: unicast and multicast, loss, copies, reordering, flipped bits and partitions
/// that heal. The same seed and the same sends give the same deliveries, byte for byte.
///
/// It knows addresses and bytes only. A test drives it: it sends, moves its clock to ``nextArrival`` and takes what
/// has arrived.
package struct DatagramNetwork: Sendable {
    /// One copy of a datagram at its receiver.
    package struct Delivery: Hashable, Sendable {
        /// Who sent it.
        package let source: SocketEndpoint
        /// Who receives it: never a group's address.
        package let destination: SocketEndpoint
        /// The address it was sent to: the receiver's own, or a group's.
        package let address: SocketEndpoint
        /// What arrives.
        package let bytes: [UInt8]
    }

    /// What the links do from here on.
    package var conditions: LinkConditions
    /// What happened so far.
    package private(set) var transcript: NetworkTranscript
    private var random: SeededGenerator
    private var queue = ArrivalQueue()
    private var nodes: Set<SocketEndpoint> = []
    private var groups: [SocketEndpoint: [SocketEndpoint]] = [:]
    private var island: Set<SocketEndpoint> = []

    /// Makes a network without nodes that started at `start`.
    package init(
        seed: UInt64, start: ContinuousClock.Instant, conditions: LinkConditions = LinkConditions(),
        keepsTranscript: Bool = false
    ) {
        self.conditions = conditions
        transcript = NetworkTranscript(start: start, keepsEntries: keepsTranscript)
        random = SeededGenerator(seed: seed)
    }

    /// Connects a node; connecting it twice changes nothing.
    package mutating func attach(_ node: SocketEndpoint) { nodes.insert(node) }

    /// Takes a node off the network, out of all groups too. What is on its way to it is lost.
    package mutating func detach(_ node: SocketEndpoint) {
        nodes.remove(node)
        for group in groups.keys { leave(group, node: node) }
    }

    /// Lets a node receive what is sent to a multicast address.
    package mutating func join(_ group: SocketEndpoint, node: SocketEndpoint) {
        guard groups[group]?.contains(node) != true else { return }
        groups[group, default: []].append(node)
    }

    /// Ends what ``join(_:node:)`` began.
    package mutating func leave(_ group: SocketEndpoint, node: SocketEndpoint) {
        groups[group]?.removeAll { $0 == node }
    }

    /// Cuts the nodes of `island` off from all others, until ``heal()``. What is under way across the cut is lost.
    package mutating func partition(_ island: Set<SocketEndpoint>) { self.island = island }

    /// Ends a partition.
    package mutating func heal() { island = [] }

    /// Sends a datagram to a node or to all members of a group but the sender.
    package mutating func send(
        _ bytes: [UInt8], from source: SocketEndpoint, to address: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        let receivers = groups[address] ?? [address]
        for receiver in receivers where receiver != source {
            var copies = 1
            while copies < LinkConditions.maximumCopies, chance(conditions.duplication) { copies += 1 }
            for _ in 0..<copies {
                dispatch(
                    Delivery(source: source, destination: receiver, address: address, bytes: bytes), now: now)
            }
        }
    }

    /// When the next copy arrives; nil when nothing is under way.
    package var nextArrival: ContinuousClock.Instant? { queue.next }

    /// Takes the next copy that has arrived by `now`.
    package mutating func nextDelivery(by now: ContinuousClock.Instant) -> Delivery? {
        while let (instant, delivery) = queue.popDue(now: now) {
            let severed = island.contains(delivery.source) != island.contains(delivery.destination)
            guard nodes.contains(delivery.destination), !severed else {
                transcript.record(.cut, delivery, at: instant)
                continue
            }
            transcript.record(.delivered, delivery, at: instant)
            return delivery
        }
        return nil
    }

    private mutating func dispatch(_ delivery: Delivery, now: ContinuousClock.Instant) {
        guard !chance(conditions.loss) else { return transcript.record(.lost, delivery, at: now) }
        var delivery = delivery
        if chance(conditions.corruption), let flipped = flippingABit(of: delivery.bytes) {
            delivery = Delivery(
                source: delivery.source, destination: delivery.destination, address: delivery.address,
                bytes: flipped)
            transcript.record(.corrupted, delivery, at: now)
        }
        let place = Int.random(in: 0..<max(1, conditions.shuffleWindow), using: &random)
        queue.add(delivery, at: now + conditions.latency + conditions.slot * place)
    }

    private mutating func flippingABit(of bytes: [UInt8]) -> [UInt8]? {
        guard !bytes.isEmpty else { return nil }
        let bit = Int.random(in: 0..<bytes.count * 8, using: &random)
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        return flipped
    }

    private mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &random) < probability
    }
}
