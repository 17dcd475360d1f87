package import NetworkTypes

extension ControllerEntry {
    /// Its addresses, by how likely they are to be reached from where `peer` is an address: of the same family first,
    /// then of the same scope (link-local or not), then with the longest common prefix. Without a peer, as they are.
    func preference(near peer: SocketEndpoint?) -> [Int] {
        guard let peer else { return Array(addresses.indices) }
        return addresses.indices.sorted { left, right in
            let (one, other) = (Nearness(addresses[left], peer), Nearness(addresses[right], peer))
            return one == other ? left < right : one > other
        }
    }

    /// The address at which a member reaches it that reached the key manager at `peer`.
    ///
    /// A link-local address is meant on the link on which the key manager was reached, if that was by a link-local
    /// address too; otherwise the member's driver adds its link's zone.
    package func address(near peer: SocketEndpoint?) -> SocketEndpoint {
        let chosen = addresses[preference(near: peer).first ?? 0]
        guard let peer, peer.zone != 0 else { return chosen }
        return SocketEndpoint(chosen.address, port: chosen.port, zone: peer.zone)
    }

    /// Whether it has an address of the family of `peer`'s.
    func isReachable(from peer: SocketEndpoint) -> Bool {
        addresses.contains { $0.address.isIPv6 == peer.address.isIPv6 }
    }
}

/// How near an address seems to another.
private struct Nearness: Comparable {
    let sameFamily: Bool
    let sameScope: Bool
    let commonPrefix: Int

    init(_ endpoint: SocketEndpoint, _ peer: SocketEndpoint) {
        sameFamily = endpoint.address.isIPv6 == peer.address.isIPv6
        sameScope = endpoint.address.isLinkLocal == peer.address.isLinkLocal
        commonPrefix =
            switch (endpoint.address, peer.address) {
            case (.v4(let one), .v4(let other)): (one.rawValue ^ other.rawValue).leadingZeroBitCount
            case (.v6(let one), .v6(let other)) where one.high == other.high:
                64 + (one.low ^ other.low).leadingZeroBitCount
            case (.v6(let one), .v6(let other)): (one.high ^ other.high).leadingZeroBitCount
            default: 0
            }
    }

    private var order: (Int, Int, Int) { (sameFamily ? 1 : 0, sameScope ? 1 : 0, commonPrefix) }
    static func < (left: Nearness, right: Nearness) -> Bool { left.order < right.order }
}

extension IPAddress {
    /// Which family it is of.
    var isIPv6: Bool { if case .v6 = self { true } else { false } }
}

/// Which addresses of which controllers a message has room for.
enum ControllerList {
    /// The controllers with as many of their addresses as take at most `room` bytes of CONTROLLERS and number at most
    /// ``ControllerEntry/maximumAddressesInAll``.
    ///
    /// Each has one address whatever the room is, the one that is nearest to `peer`. Then each gets one of the other
    /// family, as far as there is room, and then the others.
    static func fitted(
        _ controllers: [ControllerEntry], near peer: SocketEndpoint?, room: Int = .max
    ) -> [ControllerEntry] {
        let named = controllers.prefix(ControllerEntry.maximumCount)
        let orders = named.map { rounds(of: $0, near: peer) }
        var chosen = orders.map { [$0[0]] }
        var used = zip(named, orders).reduce(0) { $0 + $1.0.encodedSize(of: $1.1[0]) }
        var total = named.count
        for round in 1..<ControllerEntry.maximumAddresses {
            for (index, entry) in named.enumerated() where orders[index].count > round {
                let size = entry.encodedSize(of: orders[index][round])
                guard used + size <= room, total < ControllerEntry.maximumAddressesInAll else { continue }
                chosen[index].append(orders[index][round])
                used += size
                total += 1
            }
        }
        return zip(named, chosen).map { $0.at($1.sorted()) }
    }

    /// A controller's addresses in the order in which they are worth saying.
    private static func rounds(of entry: ControllerEntry, near peer: SocketEndpoint?) -> [Int] {
        var order = entry.preference(near: peer)
        let first = entry.addresses[order[0]].address.isIPv6
        if let other = order.firstIndex(where: { entry.addresses[$0].address.isIPv6 != first }) {
            order.insert(order.remove(at: other), at: 1)
        }
        return order
    }
}
