import NIOPosix
import NetworkTypes
import SUPnP
import TestKit
import Testing

@testable import NIOSUPnP

/// Whatever somebody on the network sends who is nobody in the group: to every socket of it, while it works.
@Suite("A group among foreign datagrams", .timeLimit(.minutes(1)), .needsTestLinks)
struct ForeignDatagramTests {
    /// Datagrams that are nobody's: noise, plain UPnP, the paper's registration, and every type of control message with
    /// random contents or in a member's name.
    private static func foreign(seed: UInt64) -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0 ... .max, using: &random) } }
        var datagrams: [[UInt8]] = [0, 1, 11, 12, 13, 40, 600, 1_200, 1_472].map(noise)
        datagrams.append(Array("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\n\r\n".utf8))
        let suites: [Suite] = [.classic, .hardenedAESGCM, .hardenedChaChaPoly]
        let flags: [HeaderFlags] = [
            .control, [.control, .response], [.control, .broadcast, .server], [.control, .broadcast, .forwarder],
        ]
        for type in MessageType.allCases {
            for suite in suites {
                for flags in flags {
                    var message = ControlMessage(type)
                    message[.deviceID] = Array("server-1".utf8)
                    message[.groupID] = noise(16)
                    message[.epoch] = noise(4)
                    message[.sealed] = noise(64)
                    message[.signature] = noise(64)
                    datagrams.append(
                        message.datagram(flags: flags, suite: suite, nonce: .random(in: 0 ... .max, using: &random)))
                    let body =
                        [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF)]
                        + noise(Int.random(in: 0...300, using: &random))
                    datagrams.append(
                        Header(flags: flags, suite: suite, keyID: 0, nonce: 7, bodyCount: body.count).encoded + body)
                }
            }
        }
        // What looks sealed, for one and for the group.
        for suite in suites {
            for flags in [HeaderFlags.control, [], [.group], [.response]] {
                let body = noise(100)
                datagrams.append(
                    Header(
                        flags: flags.union(.encrypted), suite: suite, keyID: .random(in: 0 ... .max, using: &random),
                        nonce: .random(in: 0 ... .max, using: &random), bodyCount: body.count
                    ).encoded + body)
            }
        }
        return datagrams
    }

    @Test("nothing changes, and everything goes on", arguments: [true, false])
    func foreign(ipv4: Bool) async throws {
        let links = [ipv4 ? try TestLinks.ipv4() : try TestLinks.ipv6()]
        let multicast = TestLinks.group(ipv4: ipv4)
        let service = try #require(ServiceName(LiveGroupTests.lamp))
        let datagrams = Self.foreign(seed: 11)
        try await LiveGroup.run(links: links, multicast: multicast) { live in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                try live.enroll("server-1", roles: .server)
                let server = try live.member("server-1", roles: .server, offers: [ServiceOffer(service)])
                try await server.run(in: &tasks)
                try await server.register(at: live.keyManagerAddress)
                _ = try await server.first { $0 == .servicesRegistered ? true : nil }
                try live.enroll("client", roles: .client, services: [LiveGroupTests.lamp])
                let client = try live.member("client", roles: .client)
                try await client.run(in: &tasks)
                try await client.register(at: live.keyManagerAddress)
                _ = try await client.first { $0 == .directory(.appeared(service)) ? true : nil }
                #expect(try await client.ask(service, until: 1) == 1)
                let before = try await Self.standing(live, server, client)
                let rogue = Ear(MachineSockets(links: links, multicast: [multicast]))
                try await rogue.run(in: &tasks)
                let places = live.places([server, client])
                for _ in 0..<4 {
                    for datagram in datagrams {
                        rogue.tell(.multicast(datagram))
                        for place in places { rogue.tell(.transmit(datagram, to: place)) }
                    }
                    try await rogue.settle()
                    #expect(try await client.ask(service, until: 1) == 1)
                }
                #expect(try await Self.standing(live, server, client) == before)
                tasks.cancelAll()
            }
        }
    }

    /// What must be as it was: the key manager's members and epoch, and what the members hold.
    private static func standing(
        _ live: LiveGroup, _ server: LiveMember, _ client: LiveMember
    ) async throws -> [String] {
        let manager = try #require(live.keyManager)
        let group = try await manager.perform { machine, _ in "\(machine.epoch) \(machine.members.keys.sorted())" }
        let members = try await [server, client].asyncMap { member in
            try await member.host.perform { machine, _ in
                "\(String(describing: machine.id)) \(String(describing: machine.epoch)) \(machine.services)"
            }
        }
        return [group] + members
    }
}

extension [LiveMember] {
    fileprivate func asyncMap<Value>(_ body: (LiveMember) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for member in self { values.append(try await body(member)) }
        return values
    }
}
