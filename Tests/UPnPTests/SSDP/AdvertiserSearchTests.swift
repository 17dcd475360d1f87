import NetworkTypes
import TestKit
import Testing
import UPnP

@Suite struct `Advertiser, answering searches` {
    private func quiet(seed: UInt64, _ configuration: AdvertiserConfiguration = AdvertiserHarness.withoutByebye) throws
        -> AdvertiserHarness
    {
        var harness = AdvertiserHarness(seed: seed, configuration)
        harness.add()
        try harness.run(for: .seconds(2))
        _ = harness.drain()
        return harness
    }

    @Test("Answers are spread over MX and go to who asked, UDA 2.0 §1.3.3", arguments: 0..<20)
    func spread(seed: UInt64) throws {
        var harness = try quiet(seed: seed)
        let asked = harness.clock.elapsed
        #expect(harness.search("ssdp:all", maximumWait: 3) == .scheduled(8))
        try harness.run(for: .seconds(10))
        let waits = harness.sent.map { $0.at - asked }
        #expect(harness.sent.answers.count == 8)
        #expect(harness.sent.allSatisfy { $0.destination == AdvertiserHarness.asker })
        #expect(waits.allSatisfy { $0 < .seconds(3) })
        // Those that are due within 10 ms of each other leave together.
        #expect(Set(waits).count > 4)
    }

    @Test("Answers that are due soon after each other leave together, none later than its time")
    func coalescing() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.answerCoalescing = .seconds(1)
        var harness = try quiet(seed: 1, configuration)
        let asked = harness.clock.elapsed
        harness.search("ssdp:all", maximumWait: 1)
        try harness.run(for: .seconds(2))
        #expect(harness.sent.answers.count == 8)
        #expect(Set(harness.sent.map(\.at)).count == 1)
        #expect(harness.sent.allSatisfy { $0.at - asked < .seconds(1) })
    }

    @Test func `answers fill the whole of MX over many searches`() throws {
        var harness = try quiet(seed: 1)
        var waits: [Duration] = []
        for _ in 0..<300 {
            let asked = harness.clock.elapsed
            harness.search("upnp:rootdevice", maximumWait: 2)
            try harness.run(for: .seconds(2))
            waits += harness.drain().filter { $0.destination != nil }.map { $0.at - asked }
        }
        #expect(waits.count == 300)
        #expect((waits.min() ?? .zero) < .milliseconds(100) && (waits.max() ?? .zero) > .milliseconds(1900))
        let early = waits.count { $0 < .seconds(1) }
        #expect((100...200).contains(early))
    }

    @Test("MX counts as 5 at most, and a multicast search without it is dropped, UDA 2.0 §1.3.3")
    func waits() throws {
        for (wait, limit) in [(120, Duration.seconds(5)), (1 << 40, .seconds(5)), (0, .milliseconds(100))] {
            var harness = try quiet(seed: 2)
            let asked = harness.clock.elapsed
            harness.search("ssdp:all", maximumWait: wait)
            try harness.run(for: .seconds(20))
            #expect(harness.sent.count == 8)
            #expect(harness.sent.allSatisfy { $0.at - asked < limit })
        }
        var harness = try quiet(seed: 3)
        #expect(harness.search("ssdp:all", maximumWait: nil) == .malformed)
        try harness.run(for: .seconds(20))
        #expect(harness.sent.isEmpty)
    }

    @Test("A unicast search is answered within a second, UDA 2.0 §1.3.3")
    func unicast() throws {
        var harness = try quiet(seed: 4)
        #expect(harness.search("ssdp:all", maximumWait: nil, wasMulticast: false) == .scheduled(8))
        try harness.run(for: .seconds(1))
        #expect(harness.sent.answers.count == 8)
    }

    @Test func `an older version is echoed in ST and USN of the answer`() throws {
        var harness = try quiet(seed: 5)
        harness.search("urn:schemas-upnp-org:service:S:1")
        try harness.run(for: .seconds(2))
        #expect(Set(harness.sent.answers.map(\.target)) == ["urn:schemas-upnp-org:service:S:1"])
        #expect(
            Set(harness.sent.answers.map(\.usn.description)) == [
                "uuid:root::urn:schemas-upnp-org:service:S:1", "uuid:inner::urn:schemas-upnp-org:service:S:1",
            ]
        )
    }

    @Test func `who is not accepted, has no port or is no host gets nothing`() throws {
        var harness = try quiet(seed: 6)
        #expect(harness.search("ssdp:all", accepts: false) == .notAccepted)
        let impossible = ["192.0.2.9:0", "239.255.255.250:1900", "255.255.255.255:9", "0.0.0.0:9"]
        for source in impossible.compactMap({ SocketEndpoint($0) }) {
            #expect(harness.search("ssdp:all", from: source) == .malformed)
        }
        try harness.run(for: .seconds(10))
        #expect(harness.sent.isEmpty)
    }

    @Test func `a repeated search adds nothing while its answers wait, and is answered again after them`() throws {
        var harness = try quiet(seed: 7)
        #expect(harness.search("upnp:rootdevice", maximumWait: 1) == .scheduled(1))
        #expect(harness.search("upnp:rootdevice", maximumWait: 1) == .scheduled(0))
        try harness.run(for: .seconds(1))
        #expect(harness.drain().answers.count == 1)
        #expect(harness.search("upnp:rootdevice", maximumWait: 1) == .scheduled(1))
    }

    @Test func `one address gets no more than its rate, and others keep being answered`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.sourceBurst = 16
        configuration.sourceRate = 8
        var harness = try quiet(seed: 8, configuration)
        for port in UInt16(1)...200 {
            let asker = SocketEndpoint(AdvertiserHarness.asker.address, port: port)
            harness.search("ssdp:all", from: asker)
        }
        let other = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 51)), port: 9)
        #expect(harness.search("ssdp:all", from: other) == .scheduled(8))
        try harness.run(for: .seconds(1))
        #expect(harness.drain().answers.count == 16 + 8)
        #expect(harness.advertiser.answersLimited > 100)
        #expect(harness.search("ssdp:all", from: AdvertiserHarness.asker) == .scheduled(8))
    }

    @Test func `all addresses together get no more than the global rate and the queue allow`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.globalBurst = 100
        configuration.globalRate = 1
        configuration.pendingAnswers = 40
        configuration.maximumSources = 64
        var harness = try quiet(seed: 9, configuration)
        for host in 0..<1000 {
            let address = IPAddress.v4(IPv4Address(rawValue: 0x0A00_0001 + UInt32(host)))
            harness.search("ssdp:all", maximumWait: 5, from: SocketEndpoint(address, port: 9))
        }
        try harness.run(for: .seconds(6))
        #expect(harness.drain().answers.count == 40)
    }

    @Test func `searches for anything else cost nothing`() throws {
        var harness = try quiet(seed: 10)
        for target in ["", "urn:", "uuid:", "urn:a:device:A:18446744073709551616", String(repeating: "a", count: 256)] {
            #expect(harness.search(target) == .scheduled(0))
        }
        let wake = try #require(harness.advertiser.nextWake)
        #expect(wake - harness.clock.now > .seconds(400))
    }
}
