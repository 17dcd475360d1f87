import Crypto
import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The addresses of a controller")
struct ControllerAddressTests {
    private static func endpoint(_ text: String, zone: Int = 0) throws -> SocketEndpoint {
        let parsed = try #require(SocketEndpoint(text))
        return SocketEndpoint(parsed.address, port: parsed.port, zone: zone)
    }

    private static func entry(_ number: UInt32, _ addresses: [String]) throws -> ControllerEntry {
        var random = SeededGenerator(seed: UInt64(number))
        let id = try #require(ControllerID(number))
        let endpoints = try addresses.map { try endpoint($0) }
        return try #require(
            ControllerEntry(id: id, boot: BootID(using: &random), addresses: endpoints))
    }

    private static let two = ["192.0.2.1:58081", "[2001:db8::1]:58081"]

    @Test("come back as they were said, and no list has two encodings")
    func encoding() throws {
        let entries = [
            try Self.entry(1, Self.two), try Self.entry(9, ["192.0.2.1:58082"]),
            try Self.entry(3, ["10.0.0.1:1", "10.1.0.1:1", "[fe80::1]:1", "[2001:db8::1]:1"]),
        ]
        let list = entries.flatMap(\.encoded)
        let boots = entries.flatMap(\.encodedBoot)
        #expect(ControllerEntry.decode(list, boots: boots) == entries)
        #expect(entries.reduce(0) { $0 + $1.encodedSize } == list.count)
        let sizes = entries.flatMap { entry in entry.addresses.indices.map { entry.encodedSize(of: $0) } }
        let ends = Set(sizes.indices.map { sizes[...$0].reduce(0, +) })
        for cut in 1..<list.count {
            let isWholeController = cut == list.count
            let decoded = ControllerEntry.decode(Array(list.prefix(cut)), boots: boots)
            // The last controller with fewer addresses is a list too.
            let isShorter = ends.contains(cut) && cut > sizes[0] + sizes[1] + sizes[2]
            #expect((decoded != nil) == (isShorter || isWholeController), "cut at \(cut)")
        }
    }

    @Test("are refused in any other order, twice, with another weight, and beyond the bounds")
    func refused() throws {
        let (one, other) = (try Self.entry(1, Self.two), try Self.entry(2, ["192.0.2.2:58081"]))
        func decodes(_ entries: [[UInt8]], _ boots: [ControllerEntry]) -> Bool {
            ControllerEntry.decode(entries.flatMap(\.self), boots: boots.flatMap(\.encodedBoot)) != nil
        }
        let (first, second) = (one.at([0]).encoded, one.at([1]).encoded)
        #expect(decodes([first, second, other.encoded], [one, other]))
        #expect(!decodes([first, other.encoded, second], [one, other]), "apart")
        #expect(!decodes([first, other.encoded, second], [one, other, one]), "apart, with a boot for each")
        #expect(!decodes([first, second, other.encoded], [one, one, other]), "a boot for each address")
        #expect(!decodes([first, first, other.encoded], [one, other]), "an address twice")
        #expect(!decodes([first, second.dropLast() + [2]], [one]), "two weights")
        #expect(!decodes([first, [0, 0, 0, 1, 5, 1, 1, 1, 1, 0, 9, 1]], [one]), "an unknown family")
        let nine = (1...9).flatMap { number -> [UInt8] in [0, 0, 0, 1, 4, 10, 0, 0, UInt8(number), 0, 9, 1] }
        #expect(decodes([Array(nine.dropLast(12))], [one]))
        #expect(!decodes([nine], [one]), "nine addresses")
        let many = try (1...9).map { number in
            try Self.entry(UInt32(number), (1...4).map { "10.0.\(number).\($0):1" })
        }
        #expect(decodes(many.prefix(8).map(\.encoded), Array(many.prefix(8))))
        #expect(!decodes(many.prefix(8).map(\.encoded) + [many[8].at([0]).encoded], many), "33 addresses")
        #expect(ControllerEntry(id: one.id, boot: one.boot, addresses: []) == nil)
        let twice = ControllerEntry(id: one.id, boot: one.boot, addresses: one.addresses + one.addresses)
        #expect(twice == one)
    }

    @Test("are told from each other by family, scope and prefix")
    func nearest() throws {
        let entry = try Self.entry(1, ["10.0.0.1:1", "192.168.7.1:2", "[2001:db8:7::1]:3", "[fe80::1]:4"])
        func choice(_ peer: String, zone: Int = 0) throws -> SocketEndpoint {
            entry.address(near: try Self.endpoint(peer, zone: zone))
        }
        #expect(try choice("192.168.7.9:5") == Self.endpoint("192.168.7.1:2"))
        #expect(try choice("10.9.9.9:5") == Self.endpoint("10.0.0.1:1"))
        #expect(try choice("[2001:db8::9]:5") == Self.endpoint("[2001:db8:7::1]:3"))
        #expect(try choice("[fd00::1]:5") == Self.endpoint("[2001:db8:7::1]:3"), "link-local only for link-local")
        #expect(try choice("[fe80::9]:5", zone: 3) == Self.endpoint("[fe80::1]:4", zone: 3))
        #expect(entry.address(near: nil) == entry.addresses[0])
        let four = try Self.entry(1, ["10.0.0.1:1"])
        #expect(try four.address(near: Self.endpoint("[2001:db8::9]:5")) == four.addresses[0])
        let linkLocal = try Self.entry(1, ["10.0.0.1:1", "[fe80::1]:4"])
        #expect(
            try linkLocal.address(near: Self.endpoint("[2001:db8::9]:5")) == Self.endpoint("[fe80::1]:4"),
            "without a zone: that is the driver's")
        let two = try Self.entry(1, ["[fe80::a]:1", "[fe80::b]:1"])
        #expect(try two.address(near: Self.endpoint("[fe80::b]:9", zone: 2)) == Self.endpoint("[fe80::b]:1", zone: 2))
    }

    @Test("fit a beacon with sixteen controllers, and nobody is left out")
    func beacon() throws {
        var random = SeededGenerator(seed: 5)
        let group = GroupID(using: &random)
        let (root, key) = (GroupWorld.signingKey(&random), GroupWorld.signingKey(&random))
        let certificate = try ControllerCertificate.issue(
            try #require(ControllerID(1)), roles: .keyManager, notAfter: 1_000, serial: 5, key: key.publicKey,
            group: group, root: root)
        let all = try (1...16).map { number in
            try Self.entry(
                UInt32(number),
                ["10.0.0.\(number):1", "10.1.0.\(number):1", "[2001:db8::\(number)]:1", "[2001:db8:1::\(number)]:1"])
        }
        for count in [1, 2, 8, 14, 16] {
            let beacon = Beacon(
                epoch: 9, height: 3, memberCount: 5, confirmation: [UInt8](repeating: 7, count: 16), counter: 9,
                directoryVersion: 4, time: 100, revoked: Array(101...116), controllers: Array(all.prefix(count)),
                certificate: certificate.bytes)
            let datagram = try #require(beacon.datagram(suite: .hardenedAESGCM, group: group, key: key))
            #expect(datagram.count <= WireSizes.defaultDatagram)
            let read = try #require(
                Beacon(verifying: datagram, group: group, after: 0) { bytes, time in
                    try? UnverifiedCertificate(bytes).verified(
                        root: root.publicKey, group: group, time: time, revoked: [])
                })
            #expect(read.controllers.map(\.id) == beacon.controllers.map(\.id))
            #expect(read.controllers.map(\.boot) == beacon.controllers.map(\.boot))
            if count <= 8 { #expect(read.controllers == beacon.controllers) }
            if count <= 14 {
                let families = read.controllers.map { Set($0.addresses.map { $0.address.isIPv6 }) }
                #expect(families.allSatisfy { $0 == [false, true] }, "each in both families, of \(count)")
            }
        }
    }

    @Test("leave REG_DONE before controllers do, those of the device's own family last")
    func registration() throws {
        let device = try #require(DeviceID("kiosk-17"))
        let elements: [SUPnP.Tag: [UInt8]] = [
            .memberID: [0, 1, 0, 0], .keyID: [0, 1], .multicast: [UInt8](repeating: 1, count: 19), .lease: [0, 90],
            .path: [UInt8](repeating: 4, count: 32 * 8),
        ]
        let certificates = (0..<2).map { [UInt8](repeating: UInt8($0), count: 114) }
        let all = try (1...12).map { number in
            try Self.entry(UInt32(number), ["10.0.0.\(number):1", "10.1.0.\(number):1", "[2001:db8::\(number)]:1"])
        }
        for (peer, isIPv6) in [("10.1.0.99:7", false), ("[2001:db8::99]:7", true)] {
            let peer = try Self.endpoint(peer)
            var counts: [Int] = []
            for count in 1...12 {
                let fitted = DoneElements.fitted(
                    elements, controllers: Array(all.prefix(count)), certificates: certificates, device: device,
                    near: peer)
                #expect(DoneElements.datagramSize(fitted, device: device) <= WireSizes.defaultDatagram)
                let read = try #require(
                    ControllerEntry.decode(fitted[.controllers] ?? [], boots: fitted[.boots] ?? []))
                #expect(read.map(\.id) == all.prefix(count).map(\.id))
                #expect(read.allSatisfy { $0.addresses.contains { $0.address.isIPv6 == isIPv6 } })
                if !isIPv6 {
                    for (entry, whole) in zip(read, all) { #expect(entry.addresses.contains(whole.addresses[1])) }
                }
                counts.append(read.reduce(0) { $0 + $1.addresses.count })
            }
            #expect(counts[0] == 3 && counts[11] < 36, "the test has a list that is cut")
        }
    }

    @Test("of a family that a list does not have any more stay, until the process is another")
    func cutList() throws {
        var random = SeededGenerator(seed: 1)
        var book = ControllerBook(
            suite: .hardenedAESGCM, group: GroupID(using: &random), member: try #require(MemberID(0x1_0000)), keyID: 1,
            relay: SecretBytes(count: 32, using: &random), near: try Self.endpoint("[2001:db8::7]:1"))
        let whole = try Self.entry(1, Self.two)
        _ = book.set([whole], using: &random)
        #expect(book.address(whole.id) == whole.addresses[1])
        #expect(book.set([whole.at([0])], using: &random) == .none)
        #expect(book.address(whole.id) == whole.addresses[1], "a list that had no room for it")
        let moved = try Self.entry(1, ["192.0.2.1:58081", "[2001:db8::5]:58081"])
        #expect(book.set([moved], using: &random) == .none)
        #expect(book.address(whole.id) == moved.addresses[1])
        let other = ControllerEntry(id: whole.id, boot: BootID(using: &random), address: whole.addresses[0])
        #expect(book.set([other], using: &random) == .process)
        #expect(book.address(whole.id) == whole.addresses[0])
    }

    @Test("serve members of both families in one group, each in its own")
    func bothFamilies() throws {
        let world = GroupWorld(seed: 12)
        world.hasBothFamilies = true
        world.membersKeepKeys = true
        world.startForwarder()
        try world.startKeyManager()
        let manager = try #require(world.keyManager)
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        for name in ["lamp4", "lamp6"] { world.enroll(name, roles: .server) }
        for name in ["phone4", "phone6"] { world.enroll(name, roles: .client, services: ["urn:a:service:*"]) }
        world.run(for: .milliseconds(50))
        let offers = [ServiceOffer(GroupWalkTests.light)]
        for name in ["lamp4", "lamp6"] {
            world.addMember(name, roles: .server, offers: offers, isIPv6: name.hasSuffix("6")).answer = {
                $0.payload + Array(name.utf8)
            }
        }
        for name in ["phone4", "phone6"] { world.addMember(name, roles: .client, isIPv6: name.hasSuffix("6")) }
        #expect(world.run { world.members.values.allSatisfy { $0.isMember } })
        func everybodyIsAnswered() throws {
            for name in ["phone4", "phone6"] {
                let phone = try #require(world.members[name])
                let before = phone.answers.count
                #expect(world.run(for: phone, before + 2), "\(name)")
                #expect(Set(phone.answers.suffix(2)) == [[9] + Array("lamp4".utf8), [9] + Array("lamp6".utf8)])
            }
        }
        world.run(for: .seconds(2))
        try everybodyIsAnswered()
        for (name, kept) in world.keptMembers {
            #expect(kept.multicast == (name.hasSuffix("6") ? GroupWorld.multicast6 : GroupWorld.multicast))
            #expect(kept.channels.allSatisfy { $0.controller.addresses.count == 2 })
        }
        // What is kept leads a restarted member to the same family again.
        for name in ["lamp6", "lamp4"] {
            world.crash(name)
            world.run(for: .milliseconds(100))
            #expect(world.resumeMember(name) != nil)
            world.run(for: .seconds(2))
        }
        try everybodyIsAnswered()
        // The key manager's host gets another address in each family: the members hear of it and follow.
        for address in manager.addresses { world.network.detach(address) }
        manager.addresses = world.addresses(77, port: 58_081)
        for address in manager.addresses { world.network.attach(address) }
        world.tell(manager, .addresses(manager.addresses))
        world.run(for: .seconds(95))
        #expect(world.members.values.allSatisfy { $0.isMember && !$0.events.contains(.lost) })
        try everybodyIsAnswered()
    }
}

extension GroupWorld {
    /// Asks for the light until so many answers are there.
    fileprivate func run(for phone: MemberNode, _ answers: Int) -> Bool {
        request(phone, GroupWalkTests.light, [9])
        return run(until: { phone.answers.count >= answers }, limit: .seconds(2))
    }
}
