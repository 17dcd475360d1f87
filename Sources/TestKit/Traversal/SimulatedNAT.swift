package import NetworkTypes
package import Traversal

/// How a simulated NAT treats UDP, in the words of RFC 4787, with the names that people use.
package enum NATKind: String, Hashable, Sendable, CaseIterable {
    /// No NAT.
    case open
    /// One mapping for all peers, and everybody may come in by it.
    case endpointIndependent = "endpoint-independent"
    /// One mapping, for addresses that were sent to.
    case addressRestricted = "address-restricted"
    /// One mapping, for addresses and ports that were sent to.
    case portRestricted = "port-restricted"
    /// A mapping for each address and port, for those alone.
    case symmetric
    /// An endpoint-independent NAT behind a port-restricted one of the provider.
    case twice
    /// Nothing of UDP passes.
    case blocked

    /// The boxes between the host and the internet, from the inside.
    package var boxes: [(mapping: NATBehavior.Mapping, filtering: NATBehavior.Filtering)] {
        switch self {
        case .open, .blocked: []
        case .endpointIndependent: [(.endpointIndependent, .endpointIndependent)]
        case .addressRestricted: [(.endpointIndependent, .addressDependent)]
        case .portRestricted: [(.endpointIndependent, .addressAndPortDependent)]
        case .symmetric: [(.addressAndPortDependent, .addressAndPortDependent)]
        case .twice:
            [(.endpointIndependent, .endpointIndependent), (.endpointIndependent, .addressAndPortDependent)]
        }
    }
}

/// A box with one outside address, and what it remembers (RFC 4787). Mappings live as long as the box.
struct SimulatedNAT: Sendable {
    private struct Key: Hashable {
        let inside: SocketEndpoint
        let address: IPAddress?
        let port: UInt16?
    }

    private struct Mapping {
        let inside: SocketEndpoint
        var peers: Set<SocketEndpoint> = []
    }

    let outside: IPAddress
    let mapping: NATBehavior.Mapping
    let filtering: NATBehavior.Filtering
    /// The next box, towards the internet.
    let parent: Int?
    private var ports: [Key: UInt16] = [:]
    private var mappings: [UInt16: Mapping] = [:]

    init(
        outside: IPAddress, mapping: NATBehavior.Mapping, filtering: NATBehavior.Filtering, parent: Int?
    ) {
        self.outside = outside
        self.mapping = mapping
        self.filtering = filtering
        self.parent = parent
    }

    /// What a datagram from the inside looks like outside.
    mutating func translateOut(
        _ inside: SocketEndpoint, to peer: SocketEndpoint, using random: inout SeededGenerator
    ) -> SocketEndpoint {
        let key =
            switch mapping {
            case .none, .endpointIndependent: Key(inside: inside, address: nil, port: nil)
            case .addressDependent: Key(inside: inside, address: peer.address, port: nil)
            case .addressAndPortDependent: Key(inside: inside, address: peer.address, port: peer.port)
            }
        var port = ports[key] ?? 0
        while port == 0 {
            let drawn = UInt16.random(in: 20_000...59_999, using: &random)
            if mappings[drawn] == nil { port = drawn }
        }
        ports[key] = port
        mappings[port, default: Mapping(inside: inside)].peers.insert(peer)
        return SocketEndpoint(outside, port: port)
    }

    /// For whom a datagram from the outside is; nil where it is not let in.
    func translateIn(_ port: UInt16, from peer: SocketEndpoint) -> SocketEndpoint? {
        guard let mapping = mappings[port] else { return nil }
        let comesIn =
            switch filtering {
            case .endpointIndependent: true
            case .addressDependent: mapping.peers.contains { $0.address == peer.address }
            case .addressAndPortDependent: mapping.peers.contains(peer)
            }
        return comesIn ? mapping.inside : nil
    }

    /// Forgets everything, as after a restart.
    mutating func forget() { (ports, mappings) = ([:], [:]) }
}

/// Hosts and NATs on a datagram network: what a host sends passes its NATs, what arrives at a NAT's address is let in or
/// is lost. Nothing goes to private addresses of other networks.
package struct SimulatedInternet: Sendable {
    /// A datagram at its receiver.
    package struct Arrival: Sendable {
        package let source: SocketEndpoint
        package let destination: SocketEndpoint
        package let bytes: [UInt8]
    }

    /// What the links do.
    package var network: DatagramNetwork
    private var boxes: [SimulatedNAT] = []
    /// In front of which box a host, or a box's outside address, is.
    private var places: [IPAddress: Int] = [:]
    private var outsides: [IPAddress: Int] = [:]
    /// Hosts from and to which no UDP passes at the moment.
    package var silenced: Set<IPAddress> = []
    /// The addresses to which something was sent from inside, for tests of who is left alone.
    package private(set) var targets: Set<SocketEndpoint> = []
    private var random: SeededGenerator

    package init(seed: UInt64, start: ContinuousClock.Instant, conditions: LinkConditions = LinkConditions()) {
        network = DatagramNetwork(seed: seed, start: start, conditions: conditions)
        random = SeededGenerator(seed: seed ^ 0x4E41_5453)
    }

    /// Places a host behind NATs of a kind. A host that is `open` has its address on the internet.
    /// - Parameters:
    ///   - outside: The address that the internet sees; not used where there is no NAT.
    ///   - between: The address between two boxes.
    package mutating func place(_ host: IPAddress, behind kind: NATKind, outside: IPAddress, between: IPAddress) {
        if kind == .blocked { silenced.insert(host) }
        var place: Int?
        for (index, box) in kind.boxes.reversed().enumerated() {
            let own = index == 0 ? outside : between
            if let place { places[own] = place }
            boxes.append(
                SimulatedNAT(outside: own, mapping: box.mapping, filtering: box.filtering, parent: place))
            place = boxes.count - 1
            outsides[own] = place
        }
        places[host] = place
    }

    /// Places a host in the same network as another.
    package mutating func place(_ host: IPAddress, beside other: IPAddress) { places[host] = places[other] }

    /// Makes the NATs forget their mappings.
    package mutating func forgetMappings() {
        for index in boxes.indices { boxes[index].forget() }
    }

    package mutating func send(
        _ bytes: [UInt8], from source: SocketEndpoint, to destination: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        targets.insert(destination)
        guard !silenced.contains(source.address) else { return }
        var source = source
        var place = places[source.address]
        while let index = place, places[destination.address] != index {
            source = boxes[index].translateOut(source, to: destination, using: &random)
            // No hairpin: what a NAT sends to itself is lost.
            guard boxes[index].outside != destination.address else { return }
            place = boxes[index].parent
        }
        guard place != nil || ICEReach(of: destination.address) == .open else { return }
        network.attach(destination)
        network.send(bytes, from: source, to: destination, now: now)
    }

    /// When the next datagram arrives somewhere.
    package var nextArrival: ContinuousClock.Instant? { network.nextArrival }

    /// Takes the next datagram that has arrived at a host by `now`.
    package mutating func nextDelivery(by now: ContinuousClock.Instant) -> Arrival? {
        while let delivery = network.nextDelivery(by: now) {
            var destination: SocketEndpoint? = delivery.destination
            while let outer = destination, let index = outsides[outer.address] {
                destination = boxes[index].translateIn(outer.port, from: delivery.source)
            }
            guard let destination, !silenced.contains(destination.address) else { continue }
            return Arrival(source: delivery.source, destination: destination, bytes: delivery.bytes)
        }
        return nil
    }
}
