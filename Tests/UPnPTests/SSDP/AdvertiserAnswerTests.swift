import NetworkTypes
import TestKit
import Testing
import UPnP

@Suite struct `Advertiser, answers` {
    private func quiet(
        seed: UInt64 = 1, _ configuration: AdvertiserConfiguration = AdvertiserHarness.withoutByebye
    ) throws -> AdvertiserHarness {
        var harness = AdvertiserHarness(seed: seed, configuration)
        harness.add()
        try harness.run(for: .seconds(2))
        _ = harness.drain()
        return harness
    }

    @Test("With TCPPORT all answers come at once over TCP to the asker's own address, UDA 2.0 §1.3.3")
    func tcp() throws {
        var harness = try quiet()
        let asked = harness.clock.elapsed
        #expect(harness.search("ssdp:all", maximumWait: 5, tcpPort: 50_000) == .scheduled(8))
        try harness.run(for: .zero)
        #expect(harness.sent.count == 8 && harness.sent.answers.count == 8)
        #expect(harness.sent.allSatisfy { $0.isStream && $0.at == asked })
        let destination = SocketEndpoint(AdvertiserHarness.asker.address, port: 50_000)
        #expect(harness.sent.allSatisfy { $0.destination == destination })
        try harness.run(for: .seconds(10))
        #expect(harness.sent.count == 8)
    }

    @Test func `beyond the rate of connections answers are datagrams, and where TCP is not wanted too`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.streamBurst = 1
        configuration.streamRate = 0
        var harness = try quiet(configuration)
        harness.search("upnp:rootdevice", tcpPort: 50_000)
        harness.search("upnp:rootdevice", tcpPort: 50_000)
        try harness.run(for: .seconds(2))
        #expect(harness.sent.map(\.isStream) == [true, false])
        configuration.answersOverTCP = false
        harness = try quiet(configuration)
        harness.search("upnp:rootdevice", tcpPort: 50_000)
        try harness.run(for: .seconds(2))
        #expect(harness.sent.map(\.isStream) == [false])
        #expect(harness.sent.first?.destination == AdvertiserHarness.asker)
    }

    @Test func `nothing matches, nothing is connected to`() throws {
        var harness = try quiet()
        #expect(harness.search("urn:x:device:None:1", tcpPort: 50_000) == .scheduled(0))
        try harness.run(for: .seconds(2))
        #expect(harness.sent.isEmpty)
    }

    @Test func `the bytes that one search may cause are bounded, as datagrams and over TCP`() throws {
        for port in [nil, 50_000] as [UInt16?] {
            var configuration = AdvertiserHarness.withoutByebye
            configuration.answerBytesPerSearch = 1000
            var harness = try quiet(configuration)
            let outcome = harness.search("ssdp:all", tcpPort: port)
            try harness.run(for: .seconds(2))
            let bytes = harness.sent.map { $0.message.serialized().count }.reduce(0, +)
            #expect(bytes <= 1000 && bytes > 500)
            #expect(outcome == .limited(harness.sent.count))
        }
    }

    @Test func `a rate that is used up stops answers over TCP too`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.sourceBurst = 3
        configuration.sourceRate = 0
        var harness = try quiet(configuration)
        #expect(harness.search("ssdp:all", tcpPort: 50_000) == .limited(3))
        #expect(harness.search("ssdp:all", tcpPort: 50_000) == .limited(0))
    }

    @Test func `a kept answer says the date of its sending, and the port that the driver has meanwhile`() throws {
        var harness = try quiet()
        func answer() throws -> String {
            harness.search("upnp:rootdevice", maximumWait: nil, wasMulticast: false)
            harness.clock.advance(by: .seconds(1))
            let now = harness.clock.now
            var rng = harness.rng
            let due = harness.advertiser.tick(now: now, using: &rng)
            guard case .unicast(let bytes, _)? = due.first else { return "" }
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(try !answer().contains("DATE"))
        harness.advertiser.date = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(try answer().contains("\r\nDATE: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
        harness.advertiser.date = "Sun, 06 Nov 1994 08:49:38 GMT"
        let second = try answer()
        #expect(second.contains("\r\nDATE: Sun, 06 Nov 1994 08:49:38 GMT\r\n"))
        #expect(second.components(of: "DATE") == 2)
        harness.advertiser.searchPort = 50_123
        #expect(try answer().contains("\r\nSEARCHPORT.UPNP.ORG: 50123\r\n"))
    }

    @Test func `an answer that waits while the BOOTID changes says the BOOTID in force`() throws {
        var harness = try quiet()
        harness.search("upnp:rootdevice", maximumWait: 5)
        harness.update(AdvertiserHarness.advertisement(bootID: 2))
        try harness.run(for: .seconds(6))
        #expect(harness.sent.answers.map(\.bootID) == [2])
    }

    @Test func `an answer that waits is not sent when the device has another description by then`() throws {
        var harness = try quiet()
        harness.search("upnp:rootdevice", maximumWait: 5)
        harness.update(AdvertiserHarness.advertisement(configID: 2))
        try harness.run(for: .seconds(6))
        #expect(harness.sent.answers.isEmpty)
    }

    @Test func `the index finds what a look at every target finds`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var rng = SeededGenerator(seed: seed)
        let texts = [
            "ssdp:all", "upnp:rootdevice", "uuid:a", "uuid:b", "uuid:c", "urn:x:device:D:1", "urn:x:device:D:3",
            "urn:x:service:S:1", "urn:x:service:S:2", "urn:x:service:S:0", "urn:x:service:S", "urn:x:service:S:1x", "x",
        ]
        for round in 0..<200 {
            func device(_ name: String, inner: [AdvertisedDevice] = []) -> AdvertisedDevice {
                AdvertisedDevice(
                    udn: "uuid:\(name)", deviceType: "urn:x:device:D:\(Int.random(in: 1...3, using: &rng))",
                    serviceTypes: ["urn:x:service:S:\(Int.random(in: 1...3, using: &rng))", "urn:x:service:S"],
                    embedded: inner)
            }
            let root = device("a", inner: [device("b")])
            for text in texts {
                var harness = AdvertiserHarness(seed: seed)
                harness.add(AdvertiserHarness.advertisement(root))
                harness.search(text, maximumWait: nil, wasMulticast: false)
                try harness.run(for: .seconds(1))
                let expected = root.targets(matching: SearchTarget(text))
                let found = harness.sent.answers.map { AdvertisedTarget(notificationType: $0.target, usn: $0.usn) }
                #expect(
                    Set(found) == Set(expected) && found.count == expected.count, "seed \(seed) round \(round) \(text)")
            }
        }
    }
}

@Suite struct `Advertiser, links and rules` {
    @Test("Byebyes precede the first set of a hosted device, unless it joins another link, UDA 2.0 §1.2.2")
    func byebyeFirst() throws {
        var harness = AdvertiserHarness(seed: 1, AdvertiserConfiguration())
        harness.add()
        try harness.run(for: .seconds(2))
        #expect(harness.sent.prefix(8).byebyes.count == 8 && harness.sent.alives.count == 24)
        var joining = AdvertiserHarness(seed: 1, AdvertiserConfiguration())
        joining.advertiser.add(
            AdvertiserHarness.advertisement(bootID: 2), byebyeFirst: false, now: joining.clock.now, using: &joining.rng)
        try joining.run(for: .seconds(2))
        #expect(joining.sent.byebyes.isEmpty && joining.sent.alives.count == 24)
    }

    @Test("A set goes out three times at most, whatever is configured, UDA 2.0 §1.2.2")
    func repetitions() throws {
        for (asked, sets) in [(-1, 1), (0, 1), (2, 2), (100, 3)] {
            var configuration = AdvertiserHarness.withoutByebye
            configuration.repetitions = asked
            var harness = AdvertiserHarness(seed: 1, configuration)
            harness.add()
            try harness.run(for: .seconds(60))
            #expect(harness.sent.count == 8 * sets)
        }
    }

    @Test("A device that gains a link: updates on the old ones, then a set on the new one, UDA 2.0 §1.2.4")
    func joining() throws {
        var old = AdvertiserHarness(seed: 2)
        old.add()
        try old.run(for: .seconds(2))
        _ = old.drain()
        var next = AdvertiserHarness.advertisement(bootID: 2)
        next.secureLocation = "https://192.0.2.1:443/d.xml"
        old.update(next)
        try old.run(for: .zero)
        #expect(old.sent.prefix(8).updates.count == 8)
        for sent in old.sent.prefix(8) {
            guard case .update(let update) = sent.message else { continue }
            #expect(update.bootID == 1 && update.nextBootID == 2 && update.configID == 1)
            #expect(update.secureLocation == "https://192.0.2.1:443/d.xml")
        }
        try old.run(for: .seconds(2))
        #expect(
            old.sent.dropFirst(8).allSatisfy {
                if case .alive(let alive) = $0.message { alive.bootID == 2 } else { false }
            })
        #expect(old.sent.byebyes.isEmpty)
    }

    @Test("An advertisement for an IPv6 link says its network's state everywhere, UDA 2.0 annex A")
    func networkLocalState() throws {
        var configuration = AdvertiserConfiguration()
        configuration.host = "[FF02::C]:1900"
        var harness = AdvertiserHarness(seed: 3, configuration)
        var advertisement = AdvertiserHarness.advertisement(location: "http://[fe80::1]/d.xml")
        advertisement.networkLocalState = "42"
        harness.add(advertisement)
        harness.search("upnp:rootdevice")
        try harness.run(for: .seconds(2))
        #expect(harness.sent.count == 8 + 24 + 1)
        for sent in harness.sent {
            switch sent.message {
            case .alive(let heard), .response(let heard): #expect(heard.networkLocalState == "42")
            case .byebye(let heard): #expect(heard.networkLocalState == "42")
            default: Issue.record("not expected")
            }
        }
    }
}

extension String {
    fileprivate func components(of separator: String) -> Int {
        split(separator: separator, omittingEmptySubsequences: false).count
    }
}
