import GroupKeys

/// The keys of one epoch at a member: one per forwarder process, made when it is first heard.
///
/// Once the epoch is over its secret goes, and only the keys of the forwarders that are known then stay for the grace.
final class GroupEpoch {
    /// Its number.
    let number: UInt32
    private let suite: Suite
    private let group: GroupID
    private var secret: SecretBytes?
    private let needsFloor: Bool
    private var keys: [ControllerID: OpeningKey] = [:]

    /// An epoch and its secret. With `needsFloor` no key exists before `raiseFloor`.
    init(number: UInt32, suite: Suite, group: GroupID, secret: SecretBytes, needsFloor: Bool) {
        self.number = number
        self.suite = suite
        self.group = group
        self.secret = secret
        self.needsFloor = needsFloor
    }

    /// The key of a forwarder's process.
    func key(of controller: ControllerID, boot: BootID) throws(ChannelRefusal) -> OpeningKey {
        if let key = keys[controller] { return key }
        guard !needsFloor else { throw .awaitingFloor }
        guard let key = make(controller, boot: boot, floor: 0) else { throw .epochOver }
        keys[controller] = key
        return key
    }

    /// Refuses what a forwarder's process has sealed below `counter`.
    func raiseFloor(of controller: ControllerID, boot: BootID, to counter: UInt64) {
        if let key = keys[controller] {
            key.raiseFloor(to: counter)
        } else {
            keys[controller] = make(controller, boot: boot, floor: counter)
        }
    }

    /// Drops the key of a process that is gone.
    func forget(_ controller: ControllerID) { keys[controller] = nil }

    /// The epoch is over: makes the keys of these processes that are not made yet, and drops the secret.
    func close(for processes: [ControllerID: BootID]) {
        for (controller, boot) in processes { _ = try? key(of: controller, boot: boot) }
        secret = nil
    }

    private func make(_ controller: ControllerID, boot: BootID, floor: UInt64) -> OpeningKey? {
        guard let secret else { return nil }
        return try? OpeningKey(
            .group(suite: suite, group: group, controller: controller, epoch: number),
            key: ChannelKeys.groupSender(epochSecret: secret, controller: controller, boot: boot), floor: floor)
    }
}
