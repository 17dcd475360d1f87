import Crypto
import GroupKeys
import TestKit

@testable import SUPnP

/// What was true: the yardstick, and not what the adversary has.
struct WireTruth {
    /// Every value that the tree ever had, with the nodes that it was of.
    private(set) var nodes: [WireSecret: Set<UInt32>] = [:]
    /// The public salt of each epoch.
    private(set) var salts: [UInt32: [UInt8]] = [:]
    /// Each epoch's secret.
    private(set) var epochs: [UInt32: WireSecret] = [:]
    /// Who was a server in each epoch.
    private(set) var membership: [UInt32: Set<UInt32>] = [:]
    /// All members that there ever were, servers and clients.
    private(set) var records: [UInt32: MemberRecord] = [:]
    /// When a member's leaf was renewed.
    private(set) var renewals: [UInt32: Set<UInt32>] = [:]
    /// RELAY of all members and generations.
    private(set) var relays: Set<WireSecret> = []
    /// Whose RFR it is.
    private(set) var owners: [WireSecret: [UInt32]] = [:]
    private var generations: UInt32 = 0

    init(_ witness: DerivationWitness, _ commits: [[StateChange]]) {
        for derivation in witness.derivations {
            let value = WireSecret(derivation.value)
            nodes[value, default: []].insert(derivation.node)
            salts[derivation.epoch] = derivation.salt
            if derivation.label == .epoch { epochs[derivation.epoch] = value }
        }
        var leaves: [UInt32: UInt32] = [:]
        for change in commits.joined() {
            switch change {
            case .admitted(let admitted):
                for record in admitted {
                    records[record.id] = record
                    relays.insert(WireSecret(record.relay))
                    if let refresh = record.refresh { owners[WireSecret(refresh)] = [record.id] }
                }
            case .refreshed(let member, let generation, let relay, let refresh, _):
                owners[WireSecret(refresh)] = [member]
                relays.insert(WireSecret(relay))
                generations = max(generations, generation)
            case .rekeyed(let diff): follow(diff, &leaves)
            default: continue
            }
        }
    }

    private mutating func follow(_ diff: KeyTreeDiff, _ leaves: inout [UInt32: UInt32]) {
        let before = Set(leaves.values)
        for leaf in diff.removed { leaves[leaf] = nil }
        for entry in diff.joined {
            leaves[entry.leaf] = entry.member
            nodes[WireSecret(entry.secret), default: []].insert(TreeNode.leaf(entry.leaf).number)
            if before.contains(entry.member) { renewals[entry.member, default: []].insert(diff.epoch) }
        }
        salts[diff.epoch] = diff.salt
        membership[diff.epoch] = Set(leaves.values)
    }

    func members(keyID: UInt16) -> [MemberID] {
        records.values.filter { $0.keyID == keyID }.compactMap { MemberID($0.id) }
    }

    /// What follows from an S-MASTER, for whichever member it is of; nothing if it is of none.
    func secrets(of master: MasterSecret, members: [UInt32]? = nil) -> WireKnowledge {
        var found = WireKnowledge()
        for member in members ?? Array(records.keys) {
            for generation in 0...generations {
                let secrets = master.memberSecrets(member: member, generation: generation)
                guard relays.contains(WireSecret(secrets.relay)) else { continue }
                found.relays.insert(WireSecret(secrets.relay))
                found.refreshes.insert(WireSecret(secrets.refresh))
                if nodes[WireSecret(secrets.leaf)] != nil { found.tree.insert(WireSecret(secrets.leaf)) }
            }
        }
        return found
    }
}

/// Writes down what each member has held at any time, while a world runs.
final class WireChronicle {
    private let world: GroupWorld
    private let witness = DerivationWitness()
    private var masters: [WireSecret: MasterSecret] = [:]
    /// By member: all that it held at any time.
    private(set) var held: [UInt32: WireKnowledge] = [:]
    /// By member and the epoch that it was in: its path, and the private halves that it had in that epoch.
    private(set) var states: [UInt32: [UInt32: WireKnowledge]] = [:]
    /// By member: S-MASTER of its registration alone.
    private(set) var registrations: [UInt32: WireKnowledge] = [:]

    init(_ world: GroupWorld) {
        self.world = world
        world.records = true
        world.treeWitness = witness
        world.memberObserver = { [weak self] node in self?.observe(node) }
    }

    private func observe(_ node: MemberNode) {
        if case .confirming(let confirming) = node.engine.registration.phase {
            masters[WireSecret(confirming.master.finishKey)] = confirming.master
        }
        guard let session = node.engine.session else { return }
        let id = session.id.rawValue
        var all = held[id] ?? WireKnowledge()
        all.relays.insert(WireSecret(session.controllers.relay))
        if let refresh = session.refreshSecret { all.refreshes.insert(WireSecret(refresh)) }
        var known = WireKnowledge()
        for own in [session.tasks.asker.own, session.tasks.refresh?.own].compactMap(\.self) {
            known.privates.insert(WireSecret(Array(own.rawRepresentation)))
        }
        let epoch = session.tree?.epoch ?? 0
        if let path = session.tree?.path, states[id]?[epoch]?.tree.isEmpty != false { known.add(path) }
        states[id, default: [:]][epoch, default: WireKnowledge()].formUnion(known)
        all.formUnion(known)
        held[id] = all
    }

    /// Ends the record, so that the adversary can be asked. A registration's S-MASTER is of the member whose RELAY
    /// follows from it.
    func close() -> (WireAdversary, WireTruth) {
        let truth = WireTruth(witness, world.store.commits)
        for master in masters.values {
            let relays = truth.secrets(of: master).relays
            for record in truth.records.values where relays.contains(WireSecret(record.relay)) {
                held[record.id, default: WireKnowledge()].add(master)
                registrations[record.id, default: WireKnowledge()].add(master)
            }
        }
        return (WireAdversary(WireRecord(world.recorded), truth), truth)
    }

    /// All that anybody held at any time who is no server in an epoch: those of before, those of later, and clients.
    func outside(_ epoch: UInt32, _ truth: WireTruth) -> WireKnowledge {
        let members = truth.membership[epoch] ?? []
        return held.filter { !members.contains($0.key) }.values.reduce(into: WireKnowledge()) { $0.formUnion($1) }
    }

    /// What outsiders have together with the states of all who were seized in later epochs: what they hold then of the
    /// tree, and every RELAY and RFR.
    func seizedAfter(_ epoch: UInt32, _ truth: WireTruth) -> WireKnowledge {
        var known = outside(epoch, truth)
        for (member, all) in held {
            known.relays.formUnion(all.relays)
            known.refreshes.formUnion(all.refreshes)
            for (later, state) in states[member] ?? [:] where later > epoch { known.formUnion(state) }
        }
        return known
    }
}
