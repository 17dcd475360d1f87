import NetworkTypes
import TestKit
import Testing
import UPnP

@Suite struct `Advertiser, announcing` {
    @Test("A set goes out within 100 ms and three times in all, UDA 2.0 §1.2.2", arguments: 0..<50)
    func initialSets(seed: UInt64) throws {
        var harness = AdvertiserHarness(seed: seed)
        harness.add()
        try harness.run(for: .seconds(2))
        let times = Set(harness.sent.map(\.at)).sorted()
        #expect(harness.sent.count == 24 && harness.sent.alives.count == 24)
        #expect(times.count == 3)
        #expect(times[0] < .milliseconds(100))
        #expect(times[1] - times[0] == .milliseconds(300) && times[2] - times[1] == .milliseconds(300))
        #expect(Set(harness.sent.prefix(8).map(\.message.usn)).count == 8)
    }

    @Test("It is refreshed at random times in less than half of max-age, UDA 2.0 §1.2.2", arguments: 0..<20)
    func refresh(seed: UInt64) throws {
        var harness = AdvertiserHarness(seed: seed)
        harness.add()
        try harness.run(for: .seconds(2))
        var last = harness.drain().last?.at ?? .zero
        var gaps: Set<Duration> = []
        try harness.run(for: .seconds(20_000))
        for time in Set(harness.drain().map(\.at)).sorted() {
            gaps.insert(time - last)
            last = time
        }
        #expect(gaps.count > 20)
        #expect(gaps.allSatisfy { $0 >= .seconds(450) && $0 < .seconds(900) })
    }

    @Test func `an alive says what the advertisement says, and the search port of the driver`() throws {
        var harness = AdvertiserHarness(seed: 1)
        harness.advertiser.searchPort = 50_001
        harness.add(AdvertiserHarness.advertisement(bootID: 5, configID: 6, maxAge: 1900))
        try harness.run(for: .milliseconds(100))
        #expect(
            harness.sent.first?.message
                == .alive(
                    SSDPAnnouncement(
                        target: "upnp:rootdevice", usn: USN(udn: "uuid:root", target: "upnp:rootdevice"),
                        location: "http://192.0.2.1:80/d.xml", maxAge: 1900, server: "Linux/6 UPnP/2.0 Test/1",
                        bootID: 5, configID: 6, searchPort: 50_001)
                )
        )
    }

    @Test func `removed with byebye, the whole set leaves at once and once more, and nothing after it`() throws {
        var harness = AdvertiserHarness(seed: 2)
        harness.add()
        try harness.run(for: .milliseconds(150))
        _ = harness.drain()
        let removedAt = harness.clock.elapsed
        harness.advertiser.remove(udn: "uuid:root", announceByebye: true, now: harness.clock.now)
        try harness.run(for: .seconds(5000))
        #expect(harness.sent.byebyes.count == 16 && harness.sent.count == 16)
        #expect(harness.sent.first?.at == removedAt)
        #expect(harness.sent.last?.at == removedAt + .milliseconds(300))
        #expect(harness.advertiser.nextWake == nil)
    }

    @Test func `removed silently, not even a waiting answer leaves`() throws {
        var harness = AdvertiserHarness(seed: 3)
        harness.add()
        try harness.run(for: .seconds(1))
        harness.search("ssdp:all", maximumWait: 5)
        _ = harness.drain()
        harness.advertiser.remove(udn: "uuid:root", announceByebye: false, now: harness.clock.now)
        try harness.run(for: .seconds(5000))
        #expect(harness.sent.isEmpty)
    }

    @Test func `a device added again before the second byebye is not taken back by it`() throws {
        var harness = AdvertiserHarness(seed: 4)
        harness.add()
        try harness.run(for: .seconds(1))
        _ = harness.drain()
        harness.advertiser.remove(udn: "uuid:root", announceByebye: true, now: harness.clock.now)
        harness.add()
        try harness.run(for: .seconds(2))
        #expect(harness.sent.byebyes.count == 8)
        #expect(harness.sent.suffix(24).alives.count == 24)
    }

    @Test func `byebyes precede the first set when an earlier run may be remembered`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.byebyeFirst = true
        var harness = AdvertiserHarness(seed: 5, configuration)
        harness.add()
        try harness.run(for: .seconds(2))
        #expect(harness.sent.prefix(8).byebyes.count == 8)
        #expect(harness.sent.dropFirst(8).count == 24 && harness.sent.alives.count == 24)
    }

    @Test("A larger BOOTID is announced by ssdp:update before it is used, UDA 2.0 §1.2.4")
    func update() throws {
        var harness = AdvertiserHarness(seed: 6)
        harness.add()
        try harness.run(for: .seconds(2))
        _ = harness.drain()
        harness.update(AdvertiserHarness.advertisement(bootID: 2, location: "http://192.0.2.1:81/d.xml"))
        try harness.run(for: .seconds(2))
        #expect(harness.sent.prefix(8).updates.count == 8)
        guard case .update(let update)? = harness.sent.first?.message else {
            Issue.record("no update")
            return
        }
        #expect(update.bootID == 1 && update.nextBootID == 2 && update.location == "http://192.0.2.1:81/d.xml")
        #expect(harness.sent.byebyes.isEmpty && harness.sent.alives.count == 24)
    }

    @Test func `another CONFIGID or other types say byebye before the new set`() throws {
        var smaller = `Advertisement sets`.device
        smaller.embedded = []
        let changes = [
            (AdvertiserHarness.advertisement(configID: 2), 24), (AdvertiserHarness.advertisement(smaller), 12),
        ]
        for (changed, alives) in changes {
            var harness = AdvertiserHarness(seed: 7)
            harness.add()
            try harness.run(for: .seconds(2))
            _ = harness.drain()
            harness.update(changed)
            try harness.run(for: .seconds(2))
            #expect(harness.sent.prefix(8).byebyes.count == 8)
            #expect(harness.sent.dropFirst(8).count == alives && harness.sent.alives.count == alives)
        }
    }

    @Test func `an update that changes nothing says nothing`() throws {
        var harness = AdvertiserHarness(seed: 8)
        harness.add()
        try harness.run(for: .seconds(2))
        _ = harness.drain()
        harness.update(AdvertiserHarness.advertisement())
        try harness.run(for: .seconds(2))
        #expect(harness.sent.isEmpty)
    }

    @Test func `the number of devices and the size of a set are bounded`() throws {
        var configuration = AdvertiserHarness.withoutByebye
        configuration.maximumDevices = 2
        configuration.maximumTargets = 5
        configuration.repetitions = 1
        var harness = AdvertiserHarness(seed: 9, configuration)
        for name in ["a", "b", "c"] {
            harness.add(
                AdvertiserHarness.advertisement(
                    AdvertisedDevice(
                        udn: "uuid:\(name)", deviceType: "urn:x:device:D:1",
                        serviceTypes: (0..<1000).map { "urn:x:service:S\($0):1" }
                    )
                )
            )
        }
        try harness.run(for: .seconds(1))
        #expect(harness.sent.count == 10)
        #expect(harness.advertiser.udns == ["uuid:a", "uuid:b"])
    }
}
