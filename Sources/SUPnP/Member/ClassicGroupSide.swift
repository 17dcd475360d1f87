import GroupKeys

/// A classic server's part in the group: the paper's keys, and the channel under the traffic key.
struct ClassicGroupSide {
    private static let grace: Duration = .seconds(2)
    private var keys: ClassicMemberKeys
    private var current: ClassicOpeningKey
    private var previous: (key: ClassicOpeningKey, until: ContinuousClock.Instant)?

    init(_ path: ClassicPath) throws(ChannelFault) {
        keys = ClassicMemberKeys(path: path)
        current = try Self.opening(path)
    }

    /// The number of the traffic key.
    var trafficKeyID: UInt16 { keys.path.trafficKeyID }

    /// The member's leaf.
    var leaf: UInt32 { keys.path.leaf }

    /// What a rekey did.
    enum Outcome: Hashable, Sendable { case advanced, nothing, lacking }

    /// Follows a change of the tree.
    mutating func apply(_ rekey: ClassicRekey, now: ContinuousClock.Instant) -> Outcome {
        switch keys.apply(rekey) {
        case .advanced:
            replaceKey(now: now)
            return .advanced
        case .behind: return .lacking
        case .past, .served, .unusable: return .nothing
        }
    }

    /// Takes over the keys that the key manager sent.
    mutating func install(_ path: ClassicPath, now: ContinuousClock.Instant) {
        guard path.leaf == keys.path.leaf, path.trafficKeyID != keys.path.trafficKeyID else { return }
        keys.install(path)
        replaceKey(now: now)
    }

    /// Opens a broadcast; nil says that a later traffic key has sealed it, or that it is nobody's.
    mutating func open(_ datagram: [UInt8], now: ContinuousClock.Instant) -> ClassicOpeningKey.Opened? {
        if let previous, previous.until <= now { self.previous = nil }
        guard let message = try? UnverifiedClassicMessage(datagram) else { return nil }
        if let previous, previous.key.scope.keyID == message.header.keyID { return try? previous.key.open(message) }
        return try? current.open(message)
    }

    private mutating func replaceKey(now: ContinuousClock.Instant) {
        guard let next = try? Self.opening(keys.path) else { return }
        previous = (current, now + Self.grace)
        current = next
    }

    private static func opening(_ path: ClassicPath) throws(ChannelFault) -> ClassicOpeningKey {
        let scope = ClassicScope(keyID: path.trafficKeyID, isGroupKey: true, direction: .group)
        return try ClassicOpeningKey(scope, key: path.trafficKey)
    }
}
