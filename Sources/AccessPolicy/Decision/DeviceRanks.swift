import Synchronization

/// What a policy's rules say of one device by its UDN, names, rooms and types alone: the costly part of a decision, and
/// the same for every request about the device.
final class DeviceRanks: Sendable {
    let device: DeviceForms
    /// By the rule's number: how specifically it names the device, or `none`.
    private let ranks: [UInt8]
    /// The rules that speak of the device, a bit for each.
    let speaking: [UInt64]

    private static let none: UInt8 = .max

    init(_ device: DeviceForms, rules: [CompiledRule], udns: [String: Int32]) {
        self.device = device
        let udn = udns[device.udn] ?? -1
        var speaking = [UInt64](repeating: 0, count: (rules.count + 63) / 64)
        ranks = rules.enumerated().map { number, rule in
            guard let rank = rule.deviceRank(device, udn: udn) else { return Self.none }
            speaking[number / 64] |= 1 << UInt64(number % 64)
            return UInt8(truncatingIfNeeded: rank)
        }
        self.speaking = speaking
    }

    /// How specifically the rule of this number names the device; nil where it does not speak of it.
    subscript(number: Int) -> Int? {
        let rank = ranks[number]
        return rank == Self.none ? nil : Int(rank)
    }
}

/// The ranks of the devices that a policy was asked about last. Only a saving: they follow from the rules and the device.
final class DeviceRankCache: Sendable {
    /// Bytes of ranks at most, but for the sixteen devices that are always kept.
    private static let maximumBytes = 4 << 20
    private static let fewest = 16
    private static let most = 1024

    private let rules: [CompiledRule]
    private let udns: [String: Int32]
    private let maximumCount: Int
    /// By the identity of the forms, which an entry keeps alive, so that no other device takes it.
    private let held = Mutex<[ObjectIdentifier: DeviceRanks]>([:])

    init(rules: [CompiledRule], udns: [String: Int32]) {
        self.rules = rules
        self.udns = udns
        maximumCount = min(max(Self.maximumBytes / max(rules.count, 1), Self.fewest), Self.most)
    }

    /// The ranks of a device, found out where they are not known.
    func ranks(_ device: DeviceForms) -> DeviceRanks {
        let key = ObjectIdentifier(device)
        if let known = held.withLock({ $0[key] }) { return known }
        let ranks = DeviceRanks(device, rules: rules, udns: udns)
        held.withLock { held in
            // A home has fewer devices than are kept; who has more begins anew now and then.
            if held.count >= maximumCount { held.removeAll(keepingCapacity: true) }
            held[key] = ranks
        }
        return ranks
    }
}
