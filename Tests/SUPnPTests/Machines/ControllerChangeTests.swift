import Crypto
import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("What changes at a key manager that goes on")
struct ControllerChangeTests {
    private static let short: UInt64 = 60

    /// A group whose key manager's certificate ends after a minute.
    private static func group(seed: UInt64) throws -> GroupWorld {
        try KeyManagerTests.group(4, seed: seed) { world in
            world.adjustKeyManager = { configuration in
                configuration.identity.certificate = certificate(
                    of: configuration.identity, notAfter: short, serial: 900, in: world)
            }
        }
    }

    private static func certificate(
        of identity: ControllerIdentity, notAfter: UInt64, serial: UInt32, in world: GroupWorld
    ) -> ControllerCertificate {
        GroupWorld.require(
            try? ControllerCertificate.issue(
                identity.id, roles: .keyManager, notAfter: notAfter, serial: serial,
                key: identity.signingKey.publicKey, group: world.group, root: world.root),
            "a certificate")
    }

    @Test(
        "a key manager is believed beyond the end of its certificate only if that was renewed",
        arguments: [true, false])
    func renewal(isRenewed: Bool) throws {
        let seed: UInt64 = 61
        let world = try Self.group(seed: seed)
        let manager = try #require(world.keyManager)
        world.run(for: .seconds(20))
        if isRenewed {
            let fresh = Self.certificate(
                of: manager.engine.configuration.identity, notAfter: 10 * Self.short, serial: 901, in: world)
            world.tell(manager, .certified(fresh))
        }
        world.run(for: .seconds(Int(Self.short)))
        for node in world.members.values {
            let time = try #require(node.engine.session?.beacons.time)
            #expect((time > Self.short) == isRenewed, "seed \(seed): \(time)")
        }
        // A device that comes now has the certificate of now.
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(100))
        let late = world.addMember("late", roles: .server)
        world.run(for: .seconds(3))
        world.tell(manager, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        world.run(for: .seconds(3))
        if isRenewed { #expect(late.path?.epoch == manager.engine.epoch, "seed \(seed)") }
    }

    @Test("a certificate for another key is passed over")
    func foreignCertificate() throws {
        let world = try Self.group(seed: 62)
        let manager = try #require(world.keyManager)
        let other = world.identity(1, roles: .keyManager)
        world.tell(manager, .certified(other.certificate))
        #expect(manager.engine.configuration.identity.certificate.serial == 900)
    }

    @Test(
        "a device that another program has struck off cannot register once the key manager has read the state again",
        arguments: [true, false])
    func struckOffElsewhere(isTold: Bool) throws {
        let world = try KeyManagerTests.group(2, seed: 63)
        let manager = try #require(world.keyManager)
        world.enroll("late", roles: .server)
        world.run(for: .milliseconds(100))
        _ = world.store.commit([.struckOff(KeyManagerTests.device("late"))], expected: world.store.revision)
        // Told or not: whatever it commits next, it finds out.
        if isTold { world.tell(manager, .outdated) } else { world.enroll("other", roles: .server) }
        world.run(for: .milliseconds(100))
        world.addMember("late", roles: .server)
        world.run(for: .seconds(5))
        #expect(world.members["late"]?.isMember == false)
        #expect(world.store.state.member(of: KeyManagerTests.device("late")) == nil)
        #expect(manager.isLeading)
        // It goes on to serve.
        world.enroll("another", roles: .server)
        world.run(for: .milliseconds(100))
        world.addMember("another", roles: .server)
        #expect(world.run(until: { world.members["another"]?.isMember == true }, limit: .seconds(3)))
        #expect(KeyManagerTests.hasConverged(world))
    }

    @Test("an eviction that was made although its commit's answer was lost is told to the member and to the group")
    func lostAnswer() throws {
        let seed: UInt64 = 64
        let world = try KeyManagerTests.group(4, seed: seed)
        let manager = try #require(world.keyManager)
        let epoch = manager.engine.epoch
        let node = try #require(world.members["s1"])
        world.run(for: .milliseconds(300))
        world.records = true
        world.tell(manager, .evict(KeyManagerTests.device("s1"), isUrgent: true))
        #expect(world.store.state.epoch == epoch + 1, "the commit is made")
        // Its answer is lost: the store has failed, as far as anybody knows.
        #expect(world.storeAnswers.popDue(now: world.now + .seconds(1)) != nil)
        world.tell(manager, .conflict)
        world.run(for: .milliseconds(200))
        #expect(node.events.last == .evicted)
        #expect(manager.engine.epoch == epoch + 1, "it is not done twice")
        let departed = manager.events.filter { event in
            if case .departed(KeyManagerTests.device("s1"), _) = event { true } else { false }
        }
        #expect(departed.count == 1)
        let packets = world.recorded.compactMap { try? UnverifiedRekeyPacket($0) }
        #expect(packets.contains { $0.fields.epoch == epoch + 1 })
        #expect(KeyManagerTests.hasConverged(world), "seed \(seed)")
    }
}
