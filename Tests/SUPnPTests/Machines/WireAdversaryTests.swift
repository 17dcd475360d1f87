import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// The adversary of the specification's test plan, against everything that the machines really send.
@Suite("The adversary with every datagram")
struct WireAdversaryTests {
    /// What happens to a group; each of it once in a history, in an order of the seed's.
    private enum Command: CaseIterable {
        case join, leave, evict, missTwoEpochs, refreshServer, refreshClient, restartKeyManager
        case restartForwarder, registerAgain
    }

    /// A history that is over.
    private struct Past {
        let world: GroupWorld
        let chronicle: WireChronicle
        let adversary: WireAdversary
        let truth: WireTruth

        /// Whether all who are outside an epoch, together, come to its secret or to a forwarder's key of it.
        func isOpenToOutsiders(_ epoch: UInt32) throws -> Bool {
            let secret = try #require(truth.epochs[epoch])
            let known = adversary.closure(of: chronicle.outside(epoch, truth))
            let senders = adversary.senders(epochSecret: secret)
            let broadcasts = adversary.broadcasts(openTo: known)
            return known.tree.contains(secret) || !broadcasts.keys.isDisjoint(with: senders)
                || broadcasts.epochs.contains(epoch)
        }
    }

    private static func past(seed: UInt64, ending: (GroupWorld) throws -> Void = { _ in }) throws -> Past {
        let world = GroupWorld(seed: seed)
        let chronicle = WireChronicle(world)
        world.startForwarder()
        world.tell(try world.startKeyManager(), .wake)
        world.run(for: .milliseconds(50))
        world.enroll("phone", roles: .client, services: ["urn:a:service:*"])
        for index in 0..<8 { world.enroll("s\(index)", roles: .server) }
        world.run(for: .milliseconds(50))
        world.addMember("phone", roles: .client)
        for index in 0..<5 { add("s\(index)", to: world) }
        try settle(world)
        // Some of what is sent is lost, and sent again: the record has all of it.
        world.network.conditions.loss = 0.1
        var random = SeededGenerator(seed: seed)
        for command in Command.allCases.shuffled(using: &random) {
            try perform(command, in: world, using: &random)
            try settle(world)
            if let phone = world.members["phone"] { world.request(phone, GroupWalkTests.light) }
            world.run(for: .milliseconds(700))
        }
        try ending(world)
        let (adversary, truth) = chronicle.close()
        return Past(world: world, chronicle: chronicle, adversary: adversary, truth: truth)
    }

    private static func add(_ name: String, to world: GroupWorld) {
        world.addMember(name, roles: .server, offers: [ServiceOffer(GroupWalkTests.light)])
    }

    private static func settle(_ world: GroupWorld) throws {
        world.run(for: .seconds(2))
        let holds = world.run(
            until: {
                KeyManagerTests.hasConverged(world)
                    && world.members.values.allSatisfy { $0.isMember || [.left, .evicted].contains($0.events.last) }
            }, limit: .seconds(40))
        try #require(holds, "seed \(world.seed)")
    }

    private static func perform(
        _ command: Command, in world: GroupWorld, using random: inout SeededGenerator
    ) throws {
        let servers = world.members.filter { $0.key != "phone" && $0.value.isMember }.keys.sorted()
        let name = try #require(servers.randomElement(using: &random))
        let node = try #require(world.members[name])
        switch command {
        case .join: add("s5", to: world)
        case .leave: world.tell(node, .leave)
        case .evict: try evict(name, in: world)
        case .missTwoEpochs:
            world.network.partition([node.address])
            let other = try #require(servers.first { $0 != name })
            try evict(other, in: world)
            world.run(for: .seconds(1))
            add("s6", to: world)
            world.run(for: .seconds(2))
            add("s7", to: world)
            world.run(for: .seconds(2))
            world.network.heal()
        case .refreshServer: world.tell(node, .refresh)
        case .refreshClient: world.tell(try #require(world.members["phone"]), .refresh)
        case .restartKeyManager:
            world.kill(try #require(world.keyManager))
            world.tell(try world.startKeyManager(), .wake)
            world.run(for: .seconds(3))
        case .restartForwarder: world.startForwarder()
        case .registerAgain:
            world.crash(name)
            add(name, to: world)
        }
    }

    private static func evict(_ name: String, in world: GroupWorld) throws {
        world.tell(try #require(world.keyManager), .evict(KeyManagerTests.device(name), isUrgent: true))
    }

    private static let seeds = UInt64(1)...UInt64(Histories.count(2))

    @Test(
        "with all that outsiders of an epoch ever held, and all that is seized later, it comes to none of its secrets",
        arguments: seeds)
    func outsiders(seed: UInt64) throws {
        let past = try Self.past(seed: seed)
        #expect(past.truth.epochs.count >= Command.allCases.count - 2, "seed \(seed)")
        for epoch in past.truth.epochs.keys.sorted() {
            #expect(!past.chronicle.outside(epoch, past.truth).relays.isEmpty, "seed \(seed)")
            #expect(try !past.isOpenToOutsiders(epoch), "seed \(seed), epoch \(epoch)")
            let seized = past.adversary.closure(of: past.chronicle.seizedAfter(epoch, past.truth))
            let secret = try #require(past.truth.epochs[epoch])
            #expect(!seized.tree.contains(secret), "seed \(seed), epoch \(epoch), by seizure")
        }
        everything(past, seed: seed)
        try insiders(past, seed: seed)
        try resyncs(past, seed: seed)
        try refreshes(past, seed: seed)
    }

    /// The record is read to its end: with every RELAY each sealed unicast opens, under one key, and with every epoch's
    /// secret each broadcast's epoch.
    private func everything(_ past: Past, seed: UInt64) {
        let opened = past.truth.relays.map { past.adversary.opens(relay: $0).datagrams }.reduce(0, +)
        #expect(opened == past.adversary.record.pairwise.count && opened > 100, "seed \(seed)")
        var known = WireKnowledge()
        known.tree = Set(past.truth.epochs.values)
        let epochs = Set(past.adversary.record.broadcasts.map(\.envelope.epoch))
        #expect(past.adversary.broadcasts(openTo: known).epochs == epochs && epochs.count >= 5, "seed \(seed)")
    }

    /// With a member's registration alone the sealed REG_DONE opens, and the member's way through the epochs follows
    /// until its leaf is renewed; with its path of one epoch, the next.
    private func insiders(_ past: Past, seed: UInt64) throws {
        var registered = 0
        var broadcasts: Set<UInt32> = []
        for (member, start) in past.chronicle.registrations {
            let epochs = past.truth.membership.filter { $0.value.contains(member) }.keys.sorted()
            guard let joined = epochs.first else { continue }
            registered += 1
            let known = past.adversary.closure(of: start)
            let renewed = past.truth.renewals[member]?.min() ?? .max
            for epoch in epochs where epoch < renewed {
                let secret = try #require(past.truth.epochs[epoch])
                #expect(known.tree.contains(secret), "seed \(seed), member \(member), epoch \(epoch) after \(joined)")
            }
            broadcasts.formUnion(past.adversary.broadcasts(openTo: known).epochs)
            #expect(
                past.adversary.broadcasts(openTo: known).epochs.isSubset(of: epochs), "seed \(seed), member \(member)")
        }
        #expect(registered >= 6 && broadcasts.count >= 3, "seed \(seed)")
    }

    /// A REKEY_USR stays closed to RELAY, RFR and any X25519 half alone, and opens to RELAY with the half.
    private func resyncs(_ past: Past, seed: UInt64) throws {
        var opened: Set<UInt32> = []
        for (member, held) in past.chronicle.held {
            guard held.relays.contains(where: { past.adversary.opens(relay: $0).paths > 0 }) else { continue }
            var known = WireKnowledge()
            known.relays = held.relays
            known.refreshes = held.refreshes
            #expect(past.adversary.closure(of: known).tree.isEmpty, "seed \(seed), member \(member)")
            var halves = WireKnowledge()
            halves.privates = held.privates
            #expect(past.adversary.closure(of: halves).count == halves.count, "seed \(seed), member \(member)")
            known.privates = held.privates
            let whole = past.adversary.closure(of: known)
            let epochs = past.truth.epochs.filter { whole.tree.contains($0.value) }
            #expect(!epochs.isEmpty, "seed \(seed), member \(member)")
            for epoch in epochs.keys {
                #expect(past.truth.membership[epoch]?.contains(member) == true, "seed \(seed), epoch \(epoch)")
            }
            opened.insert(member)
        }
        #expect(!opened.isEmpty, "seed \(seed)")
    }

    /// What a member held before a refresh leads to the keys after it with the X25519 half, and without it does not.
    private func refreshes(_ past: Past, seed: UInt64) throws {
        var refreshed = 0
        for (member, held) in past.chronicle.held where held.relays.count > 1 {
            guard let start = past.chronicle.registrations[member] else { continue }
            let before = past.adversary.closure(of: start)
            #expect(before.relays.count == 1, "seed \(seed), member \(member)")
            var known = start
            known.privates = held.privates
            #expect(past.adversary.closure(of: known).relays == held.relays, "seed \(seed), member \(member)")
            refreshed += 1
        }
        #expect(refreshed == 2, "seed \(seed)")
    }

    // The engines cannot be copied, which #require would do.
    private func session(of node: MemberNode) -> MemberSession? { node.engine.session }
    private func epochSecret(of node: KeyManagerNode) -> SecretBytes? { node.engine.trees.hardened.epochSecret }

    @Test("sees an epoch's secret that is sent to somebody who was evicted, under the keys that it still has")
    func plantedLeak() throws {
        let past = try Self.past(seed: 7) { world in
            let name = try #require(
                world.members.filter { $0.key != "phone" && $0.value.isMember }.keys.min())
            let node = try #require(world.members[name])
            let session = try #require(self.session(of: node))
            let manager = try #require(world.keyManager)
            let boot = manager.identity.boot
            let parties = try #require(
                PairwiseParties(
                    suite: session.suite, group: session.group, member: session.id, keyID: session.controllers.keyID,
                    controller: manager.identity.id, boot: boot))
            let channel = try PairwiseChannel(
                parties, end: .controller, generation: session.controllers.generation,
                relay: session.controllers.relay)
            try Self.evict(name, in: world)
            try Self.settle(world)
            let secret = try #require(self.epochSecret(of: manager))
            let leak = ControlMessage(.pong, [.epochSecret: secret.exposed])
            world.recorded += try channel.seal(leak.encoded, .control)
        }
        let last = try #require(past.truth.epochs.keys.max())
        for epoch in past.truth.epochs.keys.sorted() {
            #expect(try past.isOpenToOutsiders(epoch) == (epoch == last), "epoch \(epoch) of \(last)")
        }
    }
}
