import NIOCore
import NetworkTypes
import SUPnP
import Testing

@testable import NIOSUPnP

@Suite("A machine on sockets", .timeLimit(.minutes(1)), .needsTestLinks)
struct MachineHostTests {
    /// Runs machines while `body` runs.
    static func with(_ ears: [Ear], _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for ear in ears { try await ear.run(in: &tasks) }
            try await body()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    @Test("A question is answered over IPv4, over IPv6 and over a link-local address", arguments: 0..<3)
    func unicast(family: Int) async throws {
        let link =
            switch family {
            case 0: try TestLinks.ipv4()
            case 1: try TestLinks.ipv6()
            default:
                try #require(
                    TestLinks.links(TestLinks.names[0], ipv4: false).last { $0.address.isLinkLocalIPv6 })
            }
        let asking = Ear(MachineSockets(links: [link]))
        let answering = Ear(MachineSockets(links: [link]), answers: true)
        try await Self.with([asking, answering]) {
            let there = try #require(answering.endpoints.first)
            // Discovery names addresses without zones: the link's is put in.
            asking.send("?one", to: SocketEndpoint(there.address, port: there.port))
            #expect(try await asking.hear("!one") == there)
        }
    }

    @Test("A multicast goes out once on each interface and is heard on those that were chosen alone")
    func links() async throws {
        let group = TestLinks.group()
        let first = try TestLinks.ipv4(0), second = try TestLinks.ipv4(1)
        let speaking = Ear(MachineSockets(links: [first, second], multicast: [group]))
        let one = Ear(MachineSockets(links: [first]))
        let both = Ear(MachineSockets(links: [first, second]))
        try await Self.with([speaking, one, both]) {
            for ear in [one, both] {
                ear.tell(.joinMulticast(group))
                try await ear.settle()
            }
            speaking.tell(.multicast(Array("all".utf8)))
            #expect(try await one.hear("all").address == first.address)
            let sources = try await [both.hear("all").address, both.hear("all").address]
            #expect(Set(sources) == [first.address, second.address])
            // What is behind it would come first, were there a second copy.
            speaking.send("end", to: try #require(one.endpoints.first))
            let next = await one.hear(1)
            #expect(next == [Array("end".utf8)])
        }
    }

    @Test("A multicast over IPv6 is heard, and after leaving the group no longer")
    func multicastIPv6() async throws {
        let group = TestLinks.group(ipv4: false)
        let link = try TestLinks.ipv6()
        let speaking = Ear(MachineSockets(links: [link], multicast: [group]))
        let hearing = Ear(MachineSockets(links: [link]))
        try await Self.with([speaking, hearing]) {
            hearing.tell(.joinMulticast(group))
            try await hearing.settle()
            speaking.tell(.multicast(Array("first".utf8)))
            try await hearing.hear("first")
            hearing.tell(.leaveMulticast(group))
            try await hearing.settle()
            speaking.tell(.multicast(Array("second".utf8)))
            speaking.send("end", to: try #require(hearing.endpoints.first))
            let next = await hearing.hear(1)
            #expect(next == [Array("end".utf8)])
        }
    }

    @Test("A datagram leaves with TTL 2 and hop limit 2, unicast and multicast", arguments: [true, false])
    func hopLimit(ipv4: Bool) async throws {
        let link = try ipv4 ? TestLinks.ipv4() : TestLinks.ipv6()
        let group = TestLinks.group(ipv4: ipv4)
        let receiver = try HopReceiver(link: link, group: group)
        let speaking = Ear(MachineSockets(links: [link], multicast: [group]))
        try await Self.with([speaking]) {
            speaking.tell(.multicast([1]))
            let multicastHops = try receiver.next()
            #expect(multicastHops == 2)
            speaking.tell(.transmit([1], to: link.endpoint(port: receiver.unicastPort)))
            let hops = try receiver.nextUnicast()
            #expect(hops == 2)
        }
    }

    @Test("What the system refuses to send is lost alone, and closes no socket")
    func refused() async throws {
        let link = try TestLinks.ipv4()
        let speaking = Ear(MachineSockets(links: [link]))
        let hearing = Ear(MachineSockets(links: [link]))
        try await Self.with([speaking, hearing]) {
            let here = speaking.endpoints
            let there = try #require(hearing.endpoints.first)
            let nowhere: [SocketEndpoint] = [
                SocketEndpoint(.v4(IPv4Address(255, 255, 255, 255)), port: 9),
                SocketEndpoint(.v4(IPv4Address(0, 0, 0, 0)), port: 9), SocketEndpoint(link.address, port: 0),
                // Nobody is there: the system says so with an ICMP error.
                SocketEndpoint(link.address, port: 9),
                SocketEndpoint(.v6(IPv6Address(high: 0x2001_0DB8 << 32, low: 1)), port: 9),
            ]
            for endpoint in nowhere { speaking.send("lost", to: endpoint) }
            speaking.tell(.transmit([UInt8](repeating: 0, count: 70_000), to: there))
            speaking.send("after", to: there)
            #expect(try await hearing.hear("after") == here.first)
        }
    }

    @Test("A burst of two hundred large datagrams arrives whole and in order, whatever their sizes")
    func burst() async throws {
        let link = try TestLinks.ipv4()
        let speaking = Ear(MachineSockets(links: [link]))
        let hearing = Ear(MachineSockets(links: [link]))
        try await Self.with([speaking, hearing]) {
            let there = try #require(hearing.endpoints.first)
            // Runs of one size, a shorter one at the end of a run, and longer ones after it.
            let sizes = (0..<200).map { $0 % 7 == 6 ? 300 : $0 < 150 ? 1_200 : 1_000 + $0 }
            let datagrams = sizes.enumerated().map { index, size in
                [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size)
            }
            speaking.host.tell(.actions(datagrams.map { .transmit($0, to: there) }))
            let heard = await hearing.hear(200)
            #expect(heard == datagrams)
        }
    }

    @Test("A flood that overruns the buffers stalls neither deadlines nor what comes after it")
    func flood() async throws {
        let link = try TestLinks.ipv4()
        var small = MachineSockets(links: [link])
        small.receiveBuffer = 1 << 16
        let speaking = Ear(MachineSockets(links: [link]))
        let hearing = Ear(small, answers: true)
        try await Self.with([speaking, hearing]) {
            let there = try #require(hearing.endpoints.first)
            let lot = (0..<64).map { _ in
                MachineAction<Ear.Machine.Effect>.transmit([UInt8](repeating: 7, count: 1_000), to: there)
            }
            hearing.tell(.wake(at: .now + .milliseconds(20)))
            for _ in 0..<300 { speaking.host.tell(.actions(lot)) }
            for await case .woken in hearing.effects { break }
            try await speaking.settle()
            // It may be lost while the buffer is full, as any may.
            let answered = try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await speaking.hear("!still there") }
                tasks.addTask {
                    while true {
                        speaking.send("?still there", to: there)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                try await tasks.next()
                tasks.cancelAll()
                return true
            }
            #expect(answered)
        }
    }

    @Test("Of several deadlines the earliest counts, and it comes once")
    func wake() async throws {
        let ear = Ear(MachineSockets(links: [try TestLinks.ipv4()]))
        try await Self.with([ear]) {
            let begin = ContinuousClock.now
            ear.tell(
                .wake(at: begin + .seconds(600)), .wake(at: begin + .milliseconds(30)), .wake(at: begin + .seconds(60)))
            for await case .woken in ear.effects { break }
            #expect(ContinuousClock.now - begin >= .milliseconds(30))
            #expect(ContinuousClock.now - begin < .seconds(30))
        }
    }

    @Test("Deadlines that follow each other closely are served together: there are 4 ms between two")
    func rest() async throws {
        let ear = Ear(MachineSockets(links: [try TestLinks.ipv4()]))
        try await Self.with([ear]) {
            let begin = ContinuousClock.now
            for _ in 0..<11 {
                ear.tell(.wake(at: .now))
                for await case .woken in ear.effects { break }
            }
            #expect(ContinuousClock.now - begin >= .milliseconds(40))
        }
    }

    @Test("A cancelled host has closed its sockets when it returns, and its machine is gone")
    func cancellation() async throws {
        let link = try TestLinks.ipv4()
        let ear = Ear(MachineSockets(links: [link]))
        try await Self.with([ear]) {}
        let port = try #require(ear.endpoints.first).port
        // The port is free: a socket that shares it with nobody gets it.
        try await Self.with([Ear(MachineSockets(links: [link], port: port))]) {}
        await #expect(throws: CancellationError.self) { try await ear.host.perform { _, _ in } }
    }

    @Test("A thousand machines on one loop hear the same multicast")
    func many() async throws {
        let group = TestLinks.group()
        let link = try TestLinks.ipv4()
        let speaking = Ear(MachineSockets(links: [link], multicast: [group]))
        let ears = (0..<1_000).map { _ in Ear(MachineSockets(links: [link])) }
        try await Self.with([speaking] + ears) {
            for ear in ears { ear.tell(.joinMulticast(group)) }
            for ear in ears { try await ear.settle() }
            speaking.tell(.multicast(Array("all".utf8)))
            for ear in ears { try await ear.hear("all") }
        }
    }
}
