import Foundation
import GroupKeys
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import SUPnP
import Synchronization
import Testing
import TrustCore

@testable import Groups

@Suite("A group's controller while it starts, and what is left of one", .needsTestInterface, .timeLimit(.minutes(2)))
struct ControllerStartTests {
    /// Takes a port on every address.
    private static func occupied(_ port: UInt16) async throws -> any Channel {
        try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "0.0.0.0", port: Int(port)).get()
    }

    private static func controller(_ group: LiveGroup) -> GroupController {
        GroupController(
            group.configuration, store: group.store, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: ControllerNetwork.quiet)
    }

    @Test(
        "who is struck off while the controller starts is evicted, without anybody telling it",
        arguments: [AddressFamilies.ipv4])
    func struckOffWhileItStarts(families: AddressFamilies) async throws {
        let group = try await LiveGroup(families: families)
        let (record, code) = try group.device("server", roles: .server)
        let board = "urn:example:board:1"
        let member = try LiveMember("server", code: code, roles: .server, offers: [board], links: group.links) { $0 }
        group.store.change([.enrolled(record)])
        let address = try group.address
        try await withRunning([{ try await member.run(controller: address) }]) {
            try await group.withController { _, _ in try await member.isRegistered() }
            // Another program's change comes when the state has been read and nobody leads yet.
            group.store.afterNextLoad([.struckOff(record.id)])
            try await group.withController { _, _ in
                try await member.events.first("eviction", within: .seconds(8)) { $0 == .evicted }
                #expect(group.store.state.members.isEmpty)
            }
        }
    }

    @Test("a controller whose host's clock was set back by a month goes on with the members that it had")
    func clockSetBack() async throws {
        let shift = Shift(Mutex(30 * 86_400))
        let group = try await LiveGroup { $0.date = { Date().addingTimeInterval(shift.seconds) } }
        let (record, code) = try group.device("stays", roles: .server)
        let (other, otherCode) = try group.device("comes", roles: .server)
        let member = try LiveMember("stays", code: code, roles: .server, links: group.links)
        let second = try LiveMember("comes", code: otherCode, roles: .server, links: group.links)
        group.store.change([.enrolled(record), .enrolled(other)])
        let address = try group.address
        try await withRunning([{ try await member.run(controller: address) }]) {
            try await group.withController { _, _ in
                try await member.isRegistered()
                // A beacon.
                try await Task.sleep(for: .milliseconds(1_500))
            }
            shift.seconds = 0
            try await group.withController { _, _ in
                try await withRunning([{ try await second.run(controller: address) }]) {
                    try await second.isRegistered()
                    try await member.isInEpoch(2)
                    try await second.isInEpoch(2)
                }
            }
            #expect(member.events.all.count { if case .registered = $0 { true } else { false } } == 1)
            #expect(try await group.store.reachedTime() >= 30 * 86_400)
        }
    }

    /// How far the host's clock is off.
    private final class Shift: Sendable {
        private let value: Mutex<Double>

        init(_ value: consuming Mutex<Double>) { self.value = value }

        var seconds: Double {
            get { value.withLock { $0 } }
            set { value.withLock { $0 = newValue } }
        }
    }

    @Test("a device whose owner's rights ended just before it was enrolled does not stay")
    func enrolledTooLate() async throws {
        let group = try await LiveGroup()
        var random = SystemRandomNumberGenerator()
        let subject = SubjectID(using: &random)
        let (record, _) = try group.device("late", roles: .client)
        try await group.withController { controller, _ in
            // The first look is over.
            while group.store.state.leadership == nil { try await Task.sleep(for: .milliseconds(20)) }
            try await Task.sleep(for: .milliseconds(300))
            group.store.own(record.id, subject)
            group.store.revoke(subject)
            try await controller.enrol([record])
            for _ in 0..<400 where group.store.state.credentials[record.id] != nil {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(group.store.state.credentials[record.id] == nil)
        }
    }

    @Test("a device that is being struck off is not put back by a change of what it may ask for")
    func allowBesideStrikeOff() async throws {
        let group = try await LiveGroup()
        let (record, _) = try group.device("kiosk", roles: .client)
        try await group.withController { controller, _ in
            try await controller.enrol([record])
            let begun = group.store.commitsBegun
            group.store.hang(true)
            async let struckOff = controller.strikeOff([record.id])
            while group.store.commitsBegun == begun { try await Task.sleep(for: .milliseconds(10)) }
            async let allowed: Void = controller.allow(record.id, ["urn:example:*"])
            try await Task.sleep(for: .milliseconds(200))
            group.store.hang(false)
            _ = try await struckOff
            do {
                try await allowed
                Issue.record("a device that is being struck off was changed")
            } catch let error as GroupControllerError {
                #expect(error == .unknownDevice(record.id))
            }
            #expect(group.store.state.credentials[record.id] == nil)
            // Enrolled again, it may be changed again.
            try await controller.enrol([record])
            try await controller.allow(record.id, ["urn:example:*"])
        }
    }

    @Test("a controller that cannot have its port does not say that it serves, and says why it ends")
    func portTaken() async throws {
        let group = try await LiveGroup { $0.runsForwarder = false }
        let taken = try await Self.occupied(group.configuration.keyManagerPort)
        for _ in 0..<2 {
            let events = Happenings<GroupControllerEvent>()
            await #expect(throws: GroupControllerError.self) { try await Self.controller(group).run { events.add($0) } }
            #expect(events.all.isEmpty)
        }
        try await taken.close()
    }

    private final class Token: Sendable {}

    @Test("a run that has failed leaves nothing of itself behind", arguments: [false, true])
    func leavesNothing(opensForwarder: Bool) async throws {
        let group = try await LiveGroup()
        let taken = try await Self.occupied(
            opensForwarder ? group.configuration.keyManagerPort : group.configuration.forwarderPort)
        let controller = Self.controller(group)
        weak var left: Token?
        do {
            let token = Token()
            left = token
            await #expect(throws: GroupControllerError.self) {
                try await controller.run { [token] _ in withExtendedLifetime(token) {} }
            }
        }
        // What an event loop still has to let go, it lets go soon.
        for _ in 0..<200 where left != nil { try await Task.sleep(for: .milliseconds(10)) }
        #expect(left == nil)
        try await taken.close()
    }
}
