import Foundation
import Groups
import NIOPosix
import NIOUPnP
import SUPnP
import Testing
import TrustCore

@Suite("A group's controller and its store", .needsTestInterface, .timeLimit(.minutes(2)))
struct ControllerStoreTests {
    static let board = "urn:example:board:1"

    /// A server and a client on sockets, enrolled in the store before anything runs.
    private static func pair(
        _ group: LiveGroup, subject: SubjectID? = nil
    ) throws -> (server: LiveMember, client: LiveMember) {
        let (server, serverCode) = try group.device("server", roles: .server)
        let (client, clientCode) = try group.device("client", roles: .client, allows: [board])
        group.store.change([.enrolled(server), .enrolled(client)])
        if let subject { group.store.own(server.id, subject) }
        return (
            try LiveMember("server", code: serverCode, roles: .server, offers: [board], links: group.links) {
                $0 + [1]
            },
            try LiveMember("client", code: clientCode, roles: .client, links: group.links)
        )
    }

    private static func serves(_ members: (server: LiveMember, client: LiveMember)) async throws {
        try await members.server.isRegistered()
        try await members.server.events.first("services") { $0 == .servicesRegistered }
        try await members.client.isRegistered()
        try await members.client.events.first("directory") { if case .directory = $0 { true } else { false } }
    }

    /// Asks until there is an answer: after a restart the client has to learn of the new processes.
    private static func isAnswered(_ client: LiveMember) async throws {
        for _ in 0..<20 where try await client.ask(board, [7], window: .milliseconds(300)) == [[7, 1]] { return }
        Issue.record("nobody has answered")
    }

    @Test("a controller that ends without a farewell and starts again has all members, who do not register again")
    func restart() async throws {
        let group = try await LiveGroup()
        let members = try Self.pair(group)
        let address = try group.address
        try await withRunning(
            [members.server, members.client].map { member in { try await member.run(controller: address) } }
        ) {
            try await group.withController { _, _ in
                try await Self.serves(members)
                try await Self.isAnswered(members.client)
            }
            let before = group.store.state
            for _ in 0..<2 {
                try await group.withController { controller, _ in
                    try await Self.isAnswered(members.client)
                    // The group goes on in the tree that it had: an eviction reaches whoever stays.
                    let (other, _) = try group.device("other-\(before.members.count)", roles: .server)
                    try await controller.enrol([other])
                    _ = try await controller.strikeOff([other.id])
                    #expect(controller.members().map(\.record.id).sorted() == before.members.keys.sorted())
                }
            }
            for member in [members.server, members.client] {
                let registrations = member.events.all.count { if case .registered = $0 { true } else { false } }
                #expect(registrations == 1, "\(member.name)")
            }
        }
    }

    @Test("commits that fail, made or not, are decided anew; commands come to their end")
    func failures() async throws {
        let group = try await LiveGroup { $0.storeAttempts = 20 }
        let members = try Self.pair(group)
        let address = try group.address
        try await group.withController { controller, _ in
            try await withRunning(
                [members.server, members.client].map { member in { try await member.run(controller: address) } }
            ) {
                try await Self.serves(members)
                for failures in 1...2 {
                    group.store.fail(failures)
                    let (other, _) = try group.device("other-\(failures)", roles: .server)
                    try await controller.enrol([other])
                    #expect(group.store.state.credentials[other.id] == other)
                }
                group.store.fail(3)
                let epoch = try await controller.evict(try #require(DeviceID("server"))).epoch
                #expect(group.store.state.epoch == epoch)
                try await members.server.events.first("eviction") { $0 == .evicted }
            }
        }
    }

    @Test("a store that fails again and again ends the controller, and a command that waits is told why")
    func failsForGood() async throws {
        let group = try await LiveGroup()
        let (device, _) = try group.device("server", roles: .server)
        let error = await #expect(throws: GroupControllerError.self) {
            try await group.withController { controller, _ in
                group.store.fail(1_000, makesSome: false)
                await #expect(throws: GroupControllerError.storeFailed("Failure()")) {
                    try await controller.enrol([device])
                }
                try await Task.sleep(for: .seconds(60))
            }
        }
        #expect(error == .storeFailed("Failure()"))
    }

    @Test("while a commit hangs, commands end in time, and the forwarder stops to speak for the group")
    func hangs() async throws {
        let group = try await LiveGroup { $0.commandTime = .milliseconds(500) }
        let members = try Self.pair(group)
        let address = try group.address
        try await group.withController { controller, _ in
            try await withRunning(
                [members.server, members.client].map { member in { try await member.run(controller: address) } }
            ) {
                try await Self.serves(members)
                try await Self.isAnswered(members.client)
                group.store.hang(true)
                let since = ContinuousClock.now
                let device = try #require(DeviceID("server"))
                await #expect(throws: GroupControllerError.notInTime(.milliseconds(500))) {
                    _ = try await controller.strikeOff([device])
                }
                var lastAccepted = since
                while true {
                    let start = ContinuousClock.now
                    if try await members.client.ask(Self.board, [7], window: .milliseconds(50)).isEmpty { break }
                    lastAccepted = start
                }
                #expect(lastAccepted - since < .milliseconds(2_600), "its lease is 2.4 s")
                #expect(lastAccepted > since, "it goes on until then")
                group.store.hang(false)
                try await members.server.events.first("eviction") { $0 == .evicted }
            }
        }
    }

    @Test("what another program writes is taken over, and the controller goes on")
    func outdated() async throws {
        let group = try await LiveGroup()
        let (first, _) = try group.device("first", roles: .server)
        let (second, _) = try group.device("second", roles: .server)
        try await group.withController { controller, _ in
            group.store.change([.enrolled(first)])
            while controller.devices().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            try await controller.enrol([second])
            #expect(controller.devices() == [first, second])
        }
    }

    @Test("whoever was struck off, or whose owner was revoked, while the controller did not run is out at its start")
    func reconciles() async throws {
        let group = try await LiveGroup()
        var random = SystemRandomNumberGenerator()
        let subject = SubjectID(using: &random)
        let members = try Self.pair(group, subject: subject)
        let address = try group.address
        try await withRunning(
            [members.server, members.client].map { member in { try await member.run(controller: address) } }
        ) {
            try await group.withController { _, _ in try await Self.serves(members) }
            group.store.change([.struckOff(try #require(DeviceID("client")))])
            group.store.revoke(subject)
            try await group.withController { _, events in
                for member in [members.server, members.client] {
                    try await member.events.first("eviction of \(member.name)") { $0 == .evicted }
                }
                #expect(group.store.state.members.isEmpty)
                #expect(group.store.state.credentials.isEmpty)
                try await events.first("epoch") { if case .epoch(_, 0, 0) = $0 { true } else { false } }
            }
        }
    }

    @Test("a revocation that the running controller hears of ends the subject's memberships")
    func hearsOfRevocation() async throws {
        let group = try await LiveGroup()
        var random = SystemRandomNumberGenerator()
        let subject = SubjectID(using: &random)
        let members = try Self.pair(group, subject: subject)
        let address = try group.address
        try await group.withController { controller, _ in
            try await withRunning(
                [members.server, members.client].map { member in { try await member.run(controller: address) } }
            ) {
                try await Self.serves(members)
                group.store.revoke(subject)
                controller.storeChanged()
                try await members.server.events.first("eviction") { $0 == .evicted }
                #expect(controller.members().map { "\($0.record.device)" } == ["client"])
            }
        }
    }

    @Test("what a device may ask for changes at once; unknown and enrolled devices are told apart")
    func allows() async throws {
        let group = try await LiveGroup()
        let members = try Self.pair(group)
        let address = try group.address
        try await group.withController { controller, _ in
            try await withRunning(
                [members.server, members.client].map { member in { try await member.run(controller: address) } }
            ) {
                try await Self.serves(members)
                try await Self.isAnswered(members.client)
                let client = try #require(DeviceID("client"))
                try await controller.allow(client, [])
                #expect(try await members.client.ask(Self.board, [7], window: .milliseconds(100)).isEmpty)
                #expect(
                    members.client.events.all.contains {
                        if case .refused(_, RequestRefusal.notAllowed.rawValue) = $0 { true } else { false }
                    })
                try await controller.allow(client, [Self.board])
                try await Self.isAnswered(members.client)
                let nobody = try #require(DeviceID("nobody"))
                await #expect(throws: GroupControllerError.unknownDevice(nobody)) {
                    try await controller.allow(nobody, [])
                }
                await #expect(throws: GroupControllerError.unknownDevice(nobody)) { try await controller.evict(nobody) }
                let again = try group.device("client", roles: .server).record
                await #expect(throws: GroupControllerError.enrolledAlready(client)) {
                    try await controller.enrol([again])
                }
            }
        }
        let controller = GroupController(
            group.configuration, store: group.store, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: ControllerNetwork.quiet)
        await #expect(throws: GroupControllerError.stopped) { try await controller.strikeOff([]) }
    }
}
