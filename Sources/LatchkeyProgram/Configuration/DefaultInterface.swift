import Glibc

/// What the kernel says about one network interface.
package struct InterfaceFacts: Hashable, Sendable {
    package var name: String
    package var index: Int
    package var isUp: Bool
    package var isLoopback: Bool
    package var isPointToPoint: Bool
    package var supportsMulticast: Bool
    package var hasIPv4: Bool

    package init(
        name: String, index: Int, isUp: Bool = true, isLoopback: Bool = false, isPointToPoint: Bool = false,
        supportsMulticast: Bool = true, hasIPv4: Bool = true
    ) {
        self.name = name
        self.index = index
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.isPointToPoint = isPointToPoint
        self.supportsMulticast = supportsMulticast
        self.hasIPv4 = hasIPv4
    }

    /// Why UPnP cannot be spoken here; nil when it can.
    package var obstacle: String? {
        if !isUp { return "is down" }
        if isLoopback { return "is the loopback interface" }
        if isPointToPoint { return "is a point-to-point link" }
        if !supportsMulticast { return "cannot send multicast" }
        if !hasIPv4 { return "has no IPv4 address" }
        return nil
    }

    /// The interfaces of this host, in the kernel's order.
    package static func all() -> [InterfaceFacts] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var facts: [String: InterfaceFacts] = [:]
        var entry = first
        while let current = entry?.pointee {
            entry = current.ifa_next
            let name = String(cString: current.ifa_name)
            func has(_ flag: Int) -> Bool { Int(current.ifa_flags) & flag != 0 }
            let isIPv4 = current.ifa_addr?.pointee.sa_family == sa_family_t(AF_INET)
            facts[
                name,
                default: InterfaceFacts(
                    name: name,
                    index: Int(if_nametoindex(name)),
                    isUp: has(IFF_UP),
                    isLoopback: has(IFF_LOOPBACK),
                    isPointToPoint: has(IFF_POINTOPOINT),
                    supportsMulticast: has(IFF_MULTICAST),
                    hasIPv4: false
                )
            ].hasIPv4 = facts[name]?.hasIPv4 == true || isIPv4
        }
        return facts.values.sorted { $0.index < $1.index }
    }
}

/// Which interface UPnP is spoken on.
package enum DefaultInterface {
    /// The first that is up, sends multicast, has an IPv4 address, and is neither loopback nor
    /// point-to-point; nil when there is none.
    package static func choose(from interfaces: [InterfaceFacts]) -> InterfaceFacts? {
        interfaces.sorted { $0.index < $1.index }.first { $0.obstacle == nil }
    }

    /// The named interface, else the default one, or the sentence that says why there is none.
    package static func resolve(_ name: String?, from interfaces: [InterfaceFacts]) throws -> InterfaceFacts {
        guard let name else {
            if let chosen = choose(from: interfaces) { return chosen }
            throw ProgramError.failure(
                "no network interface can speak UPnP (one that is up, sends multicast and has an IPv4 address is needed)"
            )
        }
        guard let named = interfaces.first(where: { $0.name == name }) else {
            let names = interfaces.map(\.name).joined(separator: ", ")
            throw ProgramError.failure("there is no network interface \(name); this host has: \(names)")
        }
        if let obstacle = named.obstacle {
            throw ProgramError.failure("the network interface \(name) \(obstacle), so UPnP cannot be spoken there")
        }
        return named
    }
}
