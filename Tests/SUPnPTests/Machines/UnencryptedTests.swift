import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("Data in clear")
struct UnencryptedTests {
    private static let light = GroupWalkTests.light
    private static let stranger = SocketEndpoint(.v4(IPv4Address(10, 9, 9, 9)), port: 5_000)

    /// A world with a lamp that serves classic clients too, where the forwarder and the lamp have these settings.
    private static func world(
        forwarder: Bool, server: Bool, lowestSuite: UInt8 = 0
    ) throws -> (GroupWorld, lamp: MemberNode) {
        let world = GroupWorld(seed: 8)
        world.adjustForwarder = { $0.acceptsUnencrypted = forwarder }
        world.adjustMember = { $0.acceptsUnencrypted = server }
        world.startForwarder()
        try world.startKeyManager()
        world.tell(try #require(world.keyManager), .wake)
        world.run(for: .milliseconds(50))
        world.enroll("lamp", roles: .server)
        world.enroll("phone", roles: .client, services: ["*"])
        world.run(for: .milliseconds(50))
        let lamp = world.addMember(
            "lamp", roles: .server, offers: [ServiceOffer(light, lowestSuite: lowestSuite)])
        lamp.answer = { $0.payload.reversed() }
        world.addMember("phone", roles: .client)
        world.run(for: .seconds(4))
        try #require(lamp.isMember)
        world.network.attach(stranger)
        return (world, lamp)
    }

    private static func request(_ id: UInt64, from source: SocketEndpoint = stranger, in world: GroupWorld) throws {
        let request = DataPayload.Request(
            id: id, service: light.description, windowMilliseconds: 300, lowestSuite: .classic, payload: [1, 2, 3])
        let datagram = try #require(ClearData(.request(request)).datagram())
        world.network.attach(source)
        world.transmit(datagram, from: source, to: world.forwarders[0].address)
    }

    private static func heard(_ source: SocketEndpoint = stranger, in world: GroupWorld) -> [DataPayload] {
        (world.strangersHeard[source] ?? []).compactMap { ClearData($0)?.payload }
    }

    @Test(
        "is refused by a forwarder and by a server that were not told to take it",
        arguments: [(false, true), (true, false)])
    func refusedByDefault(forwarder: Bool, server: Bool) throws {
        let (world, lamp) = try Self.world(forwarder: forwarder, server: server)
        try Self.request(1, in: world)
        world.run(for: .seconds(1))
        #expect(lamp.requests.isEmpty)
        #expect(Self.heard(in: world).isEmpty == !forwarder, "a forwarder that takes it says so")
        let identity = world.forwarders[0].identity
        #expect(!ForwarderConfiguration(identity: identity, group: world.group, suite: world.suite).acceptsUnencrypted)
        #expect(
            !MemberConfiguration(device: DeviceEngine.Configuration(id: try #require(DeviceID("x")), code: nil))
                .acceptsUnencrypted)
    }

    @Test("is relayed where both were told to take it, and the application hears that it came so")
    func relayed() throws {
        let (world, lamp) = try Self.world(forwarder: true, server: true)
        try Self.request(1, in: world)
        world.run(for: .seconds(1))
        #expect(lamp.requests.map(\.isUnencrypted) == [true])
        #expect(lamp.requests.map(\.isFromHardened) == [false])
        let answer = DataPayload.Answer(id: 1, alias: 1, isLast: true, payload: [3, 2, 1])
        #expect(
            Self.heard(in: world) == [.accepted(id: 1), .deliver(answer), .complete(id: 1, answers: 1, reason: 0)])
    }

    @Test("reaches no service that serves hardened clients only")
    func hardenedOnly() throws {
        let (world, lamp) = try Self.world(forwarder: true, server: true, lowestSuite: 1)
        try Self.request(1, in: world)
        world.run(for: .seconds(1))
        #expect(lamp.requests.isEmpty)
    }

    @Test("never carries a sealed request or its answer, and no answer in clear counts for one")
    func sealedStaysSealed() throws {
        let (world, lamp) = try Self.world(forwarder: true, server: true)
        let phone = try #require(world.members["phone"])
        world.records = true
        lamp.answer = nil
        world.request(phone, Self.light, [7, 7, 7], window: .seconds(1))
        world.run(for: .milliseconds(50))
        let request = try #require(lamp.requests.first)
        #expect(!request.isUnencrypted && !request.id.isUnencrypted)
        let forged = DataPayload.Answer(id: request.id.rawValue, alias: 0, isLast: true, payload: [6])
        world.transmit(
            try #require(ClearData(.answer(forged)).datagram()), from: Self.stranger, to: world.forwarders[0].address)
        world.run(for: .milliseconds(50))
        #expect(phone.answers.isEmpty)
        // A broadcast in clear under the number of one that came sealed is no request.
        let again = DataPayload.Broadcast(
            id: request.id, alias: 1, service: Self.light.description, windowMilliseconds: 300, isFromHardened: false,
            payload: [8])
        let datagram = try #require(ClearData(.broadcast(again)).datagram())
        world.tell(lamp, .datagram(datagram, from: world.forwarders[0].address))
        #expect(lamp.requests.count == 1)
        world.tell(lamp, .answer(request.id, payload: [5], isLast: true))
        world.run(for: .seconds(2))
        #expect(phone.answers == [[5]])
        let clear = world.recorded.compactMap { ClearData($0) }
        #expect(clear == [ClearData(.answer(forged))], "nothing went in clear but what the stranger sent")
    }

    @Test("is no sign of life of a member, and tells nothing about where one is")
    func noLiveness() throws {
        let (world, lamp) = try Self.world(forwarder: true, server: true)
        world.crash("lamp")
        let start = world.now
        var id: UInt64 = 0
        while world.now < start + .seconds(95) {
            id += 1
            try Self.request(id, from: lamp.address, in: world)
            world.run(for: .seconds(2))
        }
        #expect(world.keyManager?.events.contains { if case .departed = $0 { true } else { false } } == true)
    }

    @Test("is bounded: each address has a rate and so many open requests, and all together too")
    func bounds() throws {
        let (world, lamp) = try Self.world(forwarder: true, server: true)
        lamp.answer = nil
        for id in 1...40 { try Self.request(UInt64(id), in: world) }
        world.run(for: .milliseconds(200))
        let limits = UnencryptedLimits()
        #expect(lamp.requests.count == limits.openPerSource)
        for host in 1...200 {
            let source = SocketEndpoint(.v4(IPv4Address(10, 8, 0, UInt8(host))), port: 5_000)
            try Self.request(1, from: source, in: world)
        }
        world.run(for: .milliseconds(100))
        #expect(lamp.requests.count <= limits.open)
        #expect(lamp.requests.count > limits.openPerSource)
        let phone = try #require(world.members["phone"])
        world.request(phone, Self.light)
        let before = lamp.requests.count
        #expect(world.run(until: { lamp.requests.count > before }, limit: .seconds(1)), "members are not held up")
    }

    @Test("has one form, and none that is thrown back or too long")
    func form() throws {
        let payloads: [DataPayload] = [
            .request(.init(id: 1, service: "urn:a", lowestSuite: .classic, payload: [1])), .accepted(id: 4),
            .answer(.init(id: 2, alias: 3, isLast: true, payload: [])),
        ]
        for payload in payloads {
            let datagram = try #require(ClearData(payload).datagram(nonce: 7))
            #expect(ClearData(datagram)?.payload == payload)
            #expect(DatagramClass(datagram) == .refused(.clearData))
            for flags in 0...UInt8.max {
                var header = try Header.decode(datagram)
                guard header.flags.rawValue != flags else { continue }
                header.flags = HeaderFlags(rawValue: flags)
                #expect(ClearData(header.encoded + datagram.dropFirst(12)) == nil)
            }
            for cut in 0..<datagram.count { #expect(ClearData(Array(datagram.prefix(cut))) == nil) }
        }
        let long = DataPayload.answer(
            .init(id: 1, alias: 0, isLast: true, payload: [UInt8](repeating: 0, count: 1_169)))
        #expect(ClearData(long).datagram() == nil)
    }
}
