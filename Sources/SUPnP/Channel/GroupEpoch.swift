import GroupKeys

/// One process of a forwarder.
struct ForwarderProcess: Hashable {
    let controller: ControllerID
    let boot: BootID
}

/// The keys of one epoch at a member: one per forwarder process, made when it is first heard, and kept with its window
/// as long as the epoch lasts, so that a process that comes back finds its window as it was.
///
/// Once the epoch is over its secret goes, and only the keys of the forwarders that are known then stay for the grace.
final class GroupEpoch {
    /// Its number.
    let number: UInt32
    private let suite: Suite
    private let group: GroupID
    private var secret: SecretBytes?
    private let needsFloor: Bool
    private var keys: [ForwarderProcess: OpeningKey] = [:]

    /// How many processes one epoch knows.
    private static let processLimit = 256

    /// An epoch and its secret. With `needsFloor` no key exists before `raiseFloor`.
    init(number: UInt32, suite: Suite, group: GroupID, secret: SecretBytes, needsFloor: Bool) {
        self.number = number
        self.suite = suite
        self.group = group
        self.secret = secret
        self.needsFloor = needsFloor
    }

    /// The key of a forwarder's process.
    func key(of process: ForwarderProcess) throws(ChannelRefusal) -> OpeningKey {
        if let key = keys[process] { return key }
        guard !needsFloor else { throw .awaitingFloor }
        guard keys.count < Self.processLimit else { throw .unknownSender }
        guard let key = make(process, floor: 0) else { throw .epochOver }
        keys[process] = key
        return key
    }

    /// Refuses what a forwarder's process has sealed below `counter`.
    func raiseFloor(of process: ForwarderProcess, to counter: UInt64) {
        if let key = keys[process] {
            key.raiseFloor(to: counter)
        } else if keys.count < Self.processLimit {
            keys[process] = make(process, floor: counter)
        }
    }

    /// The epoch is over: makes the keys of these processes that are not made yet, and drops the secret.
    func close(for processes: some Sequence<ForwarderProcess>) {
        for process in processes { _ = try? key(of: process) }
        secret = nil
    }

    private func make(_ process: ForwarderProcess, floor: UInt64) -> OpeningKey? {
        guard let secret else { return nil }
        return try? OpeningKey(
            .group(suite: suite, group: group, controller: process.controller, epoch: number),
            key: ChannelKeys.groupSender(
                epochSecret: secret, controller: process.controller, boot: process.boot),
            floor: floor)
    }
}
