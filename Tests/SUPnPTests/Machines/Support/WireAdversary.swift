import Crypto
import GroupKeys

@testable import SUPnP

/// Whoever has recorded every datagram, and computes everything that can be computed with what else it has got.
///
/// It opens every sealed datagram and every sealed element that one of its keys opens, takes the secrets out of what it
/// has opened, unwraps every record of every REKEY with every pad, and runs every derivation; and so on with what comes
/// out, until nothing more does. An AEAD says itself whether a key was right. A pad does not, nor does a derivation for
/// a wrong member: of what comes out of those, a value counts only if it was one at some time (the yardstick, `truth`).
final class WireAdversary {
    private struct Batch {
        let epoch: UInt32
        let salt: [UInt8]
        let records: [WireSecret]
    }

    /// A sealed path of REKEY_USR, as it stands inside the pairwise seal.
    private struct Envelope: Hashable {
        let process: WireRecord.Process
        let member: MemberID
        let share: [UInt8]
        let sealed: [UInt8]
    }

    private struct Opened {
        var found = WireKnowledge()
        var envelopes: Set<Envelope> = []
        var shares: Set<[UInt8]> = []
        var count = 0
    }

    private struct Attempt: Hashable {
        let envelope: Envelope
        let relay: WireSecret
        let own: WireSecret
        let memberShare: [UInt8]
    }

    /// A private half of the adversary's own: it opens something where an agreement does not count.
    private static let forged = WireSecret([UInt8](repeating: 0x42, count: 32))

    let record: WireRecord
    private let truth: WireTruth
    private let batches: [Batch]
    // What follows from a value alone is computed once.
    private var followed: [WireSecret: Set<WireSecret>] = [:]
    private var opened: [WireSecret: Opened] = [:]
    private var registered: [WireSecret: WireKnowledge] = [:]
    private var attempts: [Attempt: WireKnowledge] = [:]
    private var publicShares: [WireSecret: [UInt8]] = [:]
    private var agreed: [[WireSecret]: WireKnowledge] = [:]

    init(_ record: WireRecord, _ truth: WireTruth) {
        self.record = record
        self.truth = truth
        batches = truth.salts.map { epoch, salt in
            let packets = record.rekeys.filter { $0.epoch == epoch && $0.salt == salt }
            let records = Set(packets.flatMap(\.records).map { WireSecret($0.wrapped) })
            return Batch(epoch: epoch, salt: salt, records: Array(records))
        }
    }

    /// Everything that follows.
    func closure(of start: WireKnowledge) -> WireKnowledge {
        var known = start
        known.tree.formIntersection(truth.nodes.keys)
        var before = -1
        while known.count != before {
            before = known.count
            for master in known.masters.values { known.formUnion(following(master)) }
            for relay in known.relays { known.formUnion(following(relay: relay).found) }
            resync(&known)
            refresh(&known)
            climb(&known)
        }
        return known
    }

    /// How many pairwise datagrams, and how many sealed paths in them, are open to somebody with this RELAY.
    func opens(relay: WireSecret) -> (datagrams: Int, paths: Int) {
        let opened = following(relay: relay)
        return (opened.count, opened.envelopes.count)
    }

    /// The forwarders' keys that follow from what somebody knows, and the epochs whose broadcasts they open.
    func broadcasts(openTo known: WireKnowledge) -> (keys: Set<WireSecret>, epochs: Set<UInt32>) {
        var keys: Set<WireSecret> = []
        var epochs: Set<UInt32> = []
        for value in known.tree {
            for process in record.processes {
                let key = sender(process, value)
                keys.insert(WireSecret(key))
                for message in record.broadcasts
                where message.envelope.sender == .controller(process.controller)
                    && message.opened(with: key) != nil
                {
                    epochs.insert(message.envelope.epoch)
                }
            }
        }
        return (keys, epochs)
    }

    /// The forwarders' keys that follow from a secret, if it is that of an epoch.
    func senders(epochSecret: WireSecret) -> Set<WireSecret> {
        Set(record.processes.map { WireSecret(sender($0, epochSecret)) })
    }

    private func sender(_ process: WireRecord.Process, _ epochSecret: WireSecret) -> SecretBytes {
        ChannelKeys.groupSender(
            epochSecret: epochSecret.secret, controller: process.controller, boot: process.boot)
    }

    // MARK: Registration

    private func following(_ master: MasterSecret) -> WireKnowledge {
        let name = WireSecret(master.finishKey)
        if let found = registered[name] { return found }
        var found = truth.secrets(of: master)
        for done in record.dones {
            let seal = RegistrationSeal(key: master.finishKey, device: done.device, transcript: done.transcript)
            guard let text = seal.open(done.sealed, as: .registrationDone),
                let contents = DoneContents(decoding: text)
            else { continue }
            if let path = PathElements.path({ contents[$0] }) { found.add(path) }
        }
        registered[name] = found
        return found
    }

    // MARK: Pairwise messages

    private func following(relay: WireSecret) -> Opened {
        if let found = opened[relay] { return found }
        var found = Opened()
        for process in record.processes {
            for direction in Direction.allCases {
                let key = ChannelKeys.pairwise(
                    relay: relay.secret, controller: process.controller, boot: process.boot, direction: direction)
                open(with: key, direction, process, into: &found)
            }
        }
        opened[relay] = found
        return found
    }

    private func open(
        with key: SecretBytes, _ direction: Direction, _ process: WireRecord.Process, into found: inout Opened
    ) {
        var pieces: [UInt16: [Int: ArraySlice<UInt8>]] = [:]
        for message in record.pairwise {
            switch message.envelope.sender {
            case .controller(let id): guard direction == .fromController, id == process.controller else { continue }
            case .member: guard direction == .toController else { continue }
            }
            guard let text = message.opened(with: key), let frame = try? Frame(text) else { continue }
            found.count += 1
            switch frame {
            case .whole(let body): take(Array(body), message, process, into: &found)
            case .segment(let segment):
                pieces[segment.message, default: [:]][segment.index] = segment.piece
                guard let all = pieces[segment.message], all.count == segment.count else { continue }
                take(all.sorted { $0.key < $1.key }.flatMap(\.value), message, process, into: &found)
            }
        }
    }

    private func take(
        _ body: [UInt8], _ message: UnverifiedMessage, _ process: WireRecord.Process, into found: inout Opened
    ) {
        guard message.header.flags.contains(.control), let control = try? ControlMessage.decode(body) else { return }
        if let path = PathElements.path({ control[$0] }) { found.found.add(path) }
        if let secret = control[.epochSecret] { found.found.tree.insert(WireSecret(secret)) }
        for bytes in [control[.path], control[.nodeKeys]].compactMap(\.self) {
            for start in stride(from: 0, to: bytes.count - 31, by: 4) {
                found.found.tree.insert(WireSecret(bytes[start..<start + 32]))
            }
        }
        found.found.tree.formIntersection(truth.nodes.keys)
        guard let share = control[.x25519] else { return }
        found.shares.insert(share)
        guard let sealed = control[.sealed] else { return }
        for member in truth.members(keyID: message.header.keyID) {
            found.envelopes.insert(Envelope(process: process, member: member, share: share, sealed: sealed))
        }
    }

    // MARK: X25519

    private func resync(_ known: inout WireKnowledge) {
        let envelopes = known.relays.reduce(into: Set()) { $0.formUnion(following(relay: $1).envelopes) }
        for own in known.privates {
            let share = share(of: own)
            for envelope in envelopes {
                for relay in known.relays {
                    let attempt = Attempt(envelope: envelope, relay: relay, own: own, memberShare: share)
                    known.formUnion(path(attempt))
                }
            }
        }
        for relay in known.relays {
            let opened = following(relay: relay)
            for envelope in opened.envelopes {
                for share in opened.shares {
                    let attempt = Attempt(envelope: envelope, relay: relay, own: Self.forged, memberShare: share)
                    known.formUnion(path(attempt))
                }
            }
        }
    }

    private func share(of own: WireSecret) -> [UInt8] {
        if let found = publicShares[own] { return found }
        let share = own.privateHalf.map { Array($0.publicKey.rawRepresentation) } ?? []
        publicShares[own] = share
        return share
    }

    private func path(_ attempt: Attempt) -> WireKnowledge {
        if let found = attempts[attempt] { return found }
        var found = WireKnowledge()
        let envelope = attempt.envelope
        let pairKey = ChannelKeys.pairwise(
            relay: attempt.relay.secret, controller: envelope.process.controller, boot: envelope.process.boot,
            direction: .fromController)
        if let own = attempt.own.privateHalf,
            let seal = ResyncSeal(
                own: own, peer: envelope.share, memberShare: attempt.memberShare,
                managerShare: envelope.share, pairKey: pairKey, member: envelope.member),
            let path = seal.open(envelope.sealed).flatMap({ PathElements.decode($0) })
        {
            found.add(path)
        }
        attempts[attempt] = found
        return found
    }

    private func refresh(_ known: inout WireKnowledge) {
        let shares = known.relays.reduce(into: Set()) { $0.formUnion(following(relay: $1).shares) }
        for share in shares {
            for old in known.refreshes {
                for own in known.privates.union([Self.forged]) {
                    let name = [WireSecret(share), old, own]
                    if agreed[name] == nil { agreed[name] = master(share: share, refresh: old, own: own) }
                    if let found = agreed[name] { known.formUnion(found) }
                }
            }
        }
    }

    private func master(share: [UInt8], refresh: WireSecret, own: WireSecret) -> WireKnowledge {
        guard let own = own.privateHalf, let agreement = KeyAgreement.secret(own, with: share) else {
            return WireKnowledge()
        }
        let master = MasterSecret(refresh: refresh.secret, agreement: agreement)
        return truth.secrets(of: master, members: truth.owners[refresh])
    }

    // MARK: The tree

    private func climb(_ known: inout WireKnowledge) {
        var pending = Array(known.tree)
        while let value = pending.popLast() {
            for next in following(value) where known.tree.insert(next).inserted { pending.append(next) }
        }
    }

    private func following(_ value: WireSecret) -> Set<WireSecret> {
        if let found = followed[value] { return found }
        var found: Set<WireSecret> = []
        var nodes = truth.nodes[value] ?? []
        for number in nodes {
            if let node = TreeNode(number: number), node.height < 12 { nodes.insert(node.parent.number) }
        }
        let key = value.secret
        for batch in batches {
            found.formUnion(unwrapped(batch, with: value))
            for node in nodes {
                for label in TreeLabel.allCases {
                    let next = WireSecret(
                        KeyDerivation.node(key, label, epoch: batch.epoch, node: node, salt: batch.salt))
                    if truth.nodes[next] != nil { found.insert(next) }
                    if label == .wrap { found.formUnion(unwrapped(batch, with: next)) }
                }
            }
        }
        followed[value] = found
        return found
    }

    private func unwrapped(_ batch: Batch, with pad: WireSecret) -> [WireSecret] {
        batch.records.map { pad ^ $0 }.filter { truth.nodes[$0] != nil }
    }
}
