import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// Random histories of a whole group, beside a model that is only a set of names.
@Suite("Membership against a model")
struct MembershipModelTests {
    /// What may happen to a group.
    enum Command: Hashable, Sendable {
        case join(Int), leave(Int), evict(Int, isUrgent: Bool), refresh(Int), crash(Int)
        case registerAgain(Int)
        case restartKeyManager, restartForwarder, conflict, silence, pause
    }

    /// The model: who is a member, and who of them lies dead.
    private struct Model {
        var members: Set<Int> = []
        var dead: Set<Int> = []

        mutating func apply(_ command: Command) {
            switch command {
            case .join(let device), .registerAgain(let device):
                members.insert(device)
                dead.remove(device)
            case .leave(let device):
                guard !dead.contains(device) else { return }
                members.remove(device)
            case .evict(let device, _): members.remove(device)
            case .crash(let device): if members.contains(device) { dead.insert(device) }
            case .silence:
                members.subtract(dead)
                dead = []
            case .refresh, .restartKeyManager, .restartForwarder, .conflict, .pause: break
            }
        }
    }

    private static let devices = 6

    private func commands(seed: UInt64, count: Int) -> [Command] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let device = Int.random(in: 0..<Self.devices, using: &random)
            return switch Int.random(in: 0..<24, using: &random) {
            case 0..<8: .join(device)
            case 8..<11: .leave(device)
            case 11..<13: .evict(device, isUrgent: Bool.random(using: &random))
            case 13..<15: .refresh(device)
            case 15..<17: .crash(device)
            case 17..<19: .registerAgain(device)
            case 19: .restartKeyManager
            case 20: .restartForwarder
            case 21: .conflict
            case 22: .silence
            default: .pause
            }
        }
    }

    private func world(seed: UInt64) throws -> GroupWorld {
        var conditions = LinkConditions()
        conditions.duplication = 0.3
        conditions.shuffleWindow = 16
        let world = GroupWorld(seed: seed, conditions: conditions)
        world.adjustKeyManager = {
            $0.registrar.limits.deviceRunsPerMinute = 1_000
            $0.registrar.limits.sourceBurst = 1_000
            $0.limits.beaconInterval = .seconds(5)
            $0.journalLimit = 4
        }
        world.startForwarder()
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        for device in 0..<Self.devices {
            world.enroll("d\(device)", roles: device.isMultiple(of: 3) ? .client : .server)
        }
        world.run(for: .milliseconds(50))
        return world
    }

    private func perform(_ command: Command, in world: GroupWorld) throws {
        switch command {
        case .join(let device):
            let isDurable = world.store.state.member(of: KeyManagerTests.device("d\(device)")) != nil
            if isDurable, let node = world.members["d\(device)"], node.isAlive, node.isMember { return }
            add(device, to: world)
        case .registerAgain(let device): add(device, to: world)
        case .leave(let device): if let node = world.members["d\(device)"] { world.tell(node, .leave) }
        case .refresh(let device): if let node = world.members["d\(device)"] { world.tell(node, .refresh) }
        case .crash(let device): world.crash("d\(device)")
        case .evict(let device, let isUrgent):
            if let manager = world.keyManager {
                world.tell(manager, .evict(KeyManagerTests.device("d\(device)"), isUrgent: isUrgent))
            }
        case .restartKeyManager:
            if let manager = world.keyManager { world.kill(manager) }
            try world.startKeyManager()
        case .restartForwarder: world.startForwarder()
        case .conflict:
            let record = world.store.state.credentials[KeyManagerTests.device("d0")]
            if let record { _ = world.store.commit([.enrolled(record)], expected: world.store.revision) }
        case .silence: world.run(for: .seconds(125))
        case .pause: world.run(for: .seconds(5))
        }
    }

    private func add(_ device: Int, to world: GroupWorld) {
        world.crash("d\(device)")
        world.addMember("d\(device)", roles: device.isMultiple(of: 3) ? .client : .server)
    }

    /// What is wrong after a history; nil if nothing is.
    private func failure(of commands: [Command], seed: UInt64) throws -> String? {
        let world = try world(seed: seed)
        var model = Model()
        for (index, command) in commands.enumerated() {
            try perform(command, in: world)
            model.apply(command)
            let expected = Set(model.members.map { KeyManagerTests.device("d\($0)") })
            let holds = world.run(
                until: {
                    self.durable(world) == expected && KeyManagerTests.hasConverged(world)
                        && model.members.subtracting(model.dead).allSatisfy { self.isMember($0, in: world) }
                },
                limit: .seconds(25))
            if !holds {
                return "after command \(index), \(command): \(durable(world).map(\.description).sorted()), and the "
                    + "model has \(expected.map(\.description).sorted())"
            }
        }
        return nil
    }

    private func isMember(_ device: Int, in world: GroupWorld) -> Bool {
        world.members["d\(device)"]?.isMember ?? false
    }

    private func durable(_ world: GroupWorld) -> Set<DeviceID> {
        Set(world.store.state.members.values.map(\.device))
    }

    /// Leaves out every command without which the history still fails.
    private func shrunk(_ commands: [Command], seed: UInt64) throws -> [Command] {
        var commands = commands
        var index = 0
        while index < commands.count {
            var fewer = commands
            fewer.remove(at: index)
            if try failure(of: fewer, seed: seed) != nil { commands = fewer } else { index += 1 }
        }
        return commands
    }

    @Test("after every command the durable members are the model's, and they and nobody else have the epoch")
    func histories() throws {
        for seed in 1...UInt64(Histories.count(4)) {
            let commands = commands(seed: seed, count: 20)
            guard let failure = try failure(of: commands, seed: seed) else { continue }
            Issue.record("seed \(seed): \(failure); shortest: \(try shrunk(commands, seed: seed))")
        }
    }
}
