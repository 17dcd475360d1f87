import NetworkTypes
import TestKit
import Testing
import UPnP

@Suite struct `Device directory` {
    @Test func `a device appears with its root's message, and its parts prolong its life`() {
        var link = DirectoryHarness()
        #expect(link.alive("a", target: "uuid:a").isEmpty)
        #expect(link.alive("a", maxAge: 100).map(\.name) == ["appeared a"])
        link.clock.advance(by: .seconds(80))
        #expect(link.alive("inner", target: "urn:x:device:I:1", maxAge: 100).isEmpty)
        #expect(link.directory["uuid:a"]?.embedded == ["uuid:inner"])
        link.clock.advance(by: .seconds(99))
        #expect(link.wait(.zero).isEmpty)
        #expect(link.wait(.seconds(1)).map(\.name) == ["expired a"])
        #expect(link.directory.devices.isEmpty && link.directory.nextWake == nil)
    }

    @Test func `a root's byebye ends it, an embedded device's does not`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.alive("inner", target: "uuid:inner")
        #expect(link.byebye("inner").map(\.name) == ["embedded a inner"])
        #expect(link.directory["uuid:a"]?.embedded == [])
        #expect(link.byebye("unknown").isEmpty)
        #expect(link.byebye("a").map(\.name) == ["byebye a"])
    }

    @Test func `an alive that the byebye overtook does not bring the device back, and the device is asked`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.byebye("a")
        link.clock.advance(by: .milliseconds(900))
        #expect(link.alive("a").isEmpty)
        #expect(link.searches.isEmpty)
        #expect(link.wait(.milliseconds(100)).isEmpty)
        #expect(link.searches == ["uuid:a"])
        #expect(link.alive("a", isAnswer: true).map(\.name) == ["appeared a"])
    }

    @Test func `the answer to the question after a byebye names the UDN, and brings a root device back`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.byebye("a")
        #expect(link.wait(.seconds(1)).isEmpty)
        #expect(link.alive("a", target: "uuid:a", isAnswer: true).map(\.name) == ["appeared a"])
        _ = link.byebye("a")
        #expect(link.wait(.seconds(4)).isEmpty)
        #expect(link.alive("a", target: "uuid:a", isAnswer: true).isEmpty)
    }

    @Test func `an alive right after an unknown device's byebye is listed, and taken back if nobody answers`() {
        for answers in [true, false] {
            var link = DirectoryHarness()
            #expect(link.byebye("a").isEmpty)
            #expect(link.alive("a").map(\.name) == ["appeared a"])
            #expect(link.wait(.seconds(1)).isEmpty)
            #expect(link.searches == ["uuid:a"])
            if answers { _ = link.alive("a", isAnswer: true) }
            #expect(link.wait(.seconds(30)).map(\.name) == (answers ? [] : ["byebye a"]))
        }
    }

    @Test("Another BOOTID is a reboot, UDA 2.0 §1.2.2; a stale one right after it is not")
    func reboot() {
        var link = DirectoryHarness()
        _ = link.alive("a", bootID: 5)
        link.clock.advance(by: .seconds(10))
        #expect(link.alive("a", bootID: 6, port: 81).map(\.name) == ["rebooted a"])
        #expect(link.directory["uuid:a"]?.location == "http://192.0.2.1:81/d.xml")
        #expect(link.alive("a", bootID: 5).isEmpty)
        #expect(link.directory["uuid:a"]?.bootID == 6)
        #expect(link.wait(.seconds(1)).isEmpty)
        #expect(link.searches == ["uuid:a"])
        #expect(link.alive("a", bootID: 1, isAnswer: true).map(\.name) == ["rebooted a"])
    }

    @Test("ssdp:update announces the next BOOTID, which is then no reboot, UDA 2.0 §1.2.4")
    func update() {
        var link = DirectoryHarness()
        _ = link.alive("a", bootID: 5)
        #expect(link.update("a", bootID: 5, next: 6).isEmpty)
        #expect(link.update("a", bootID: 5, next: 6).isEmpty)
        link.clock.advance(by: .seconds(10))
        #expect(link.alive("a", bootID: 6).isEmpty)
        #expect(link.update("a", bootID: 4, next: 9).isEmpty)
        #expect(link.alive("a", bootID: 7).map(\.name) == ["rebooted a"])
    }

    @Test func `a byebye of an earlier run does not end the present one`() {
        var link = DirectoryHarness()
        _ = link.alive("a", bootID: 6)
        #expect(link.byebye("a", bootID: 5).isEmpty)
        #expect(link.byebye("a", bootID: 6).map(\.name) == ["byebye a"])
    }

    @Test func `another CONFIGID means another description, an absent one nothing`() {
        var link = DirectoryHarness()
        _ = link.alive("a", configID: 1)
        link.clock.advance(by: .seconds(2))
        #expect(link.alive("a").isEmpty)
        #expect(link.alive("a", configID: 2).map(\.name) == ["reconfigured a"])
        #expect(link.directory["uuid:a"]?.configID == 2)
    }

    @Test func `another port of the same host is a relocation`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        link.clock.advance(by: .seconds(2))
        #expect(link.alive("a", port: 81).map(\.name) == ["relocated a"])
        #expect(link.alive("a", port: 80).isEmpty)
        #expect(link.directory["uuid:a"]?.location == "http://192.0.2.1:81/d.xml")
    }

    @Test func `a claim from another address is decided by asking: the device answers, it stays`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        link.clock.advance(by: .seconds(60))
        #expect(link.alive("a", host: 9).isEmpty)
        #expect(link.wait(.seconds(1)).isEmpty)
        #expect(link.searches == ["uuid:a"])
        #expect(link.alive("a", isAnswer: true).isEmpty)
        #expect(link.alive("a", host: 9, isAnswer: true).isEmpty)
        #expect(link.wait(.seconds(20)).isEmpty)
        #expect(link.directory["uuid:a"]?.source == DirectoryHarness.address(1))
    }

    @Test func `a claim from another address is decided by asking: nobody answers, the device has moved`() {
        var link = DirectoryHarness()
        _ = link.alive("a", bootID: 1)
        link.clock.advance(by: .seconds(60))
        #expect(link.alive("a", bootID: 2, host: 9).isEmpty)
        #expect(link.alive("a", bootID: 1).isEmpty)
        #expect(link.wait(.milliseconds(2999)).isEmpty)
        #expect(link.wait(.milliseconds(1)).map(\.name) == ["rebooted a"])
        #expect(link.directory["uuid:a"]?.source == DirectoryHarness.address(9))
    }

    @Test func `a forged byebye from another address ends nothing that answers, and the silent`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.alive("b", host: 2)
        link.clock.advance(by: .seconds(5))
        #expect(link.byebye("a", host: 66).isEmpty)
        #expect(link.byebye("b", host: 66).isEmpty)
        #expect(link.wait(.seconds(1)).isEmpty)
        #expect(link.searches == ["uuid:a", "uuid:b"])
        _ = link.alive("a", isAnswer: true)
        #expect(link.wait(.seconds(5)).map(\.name) == ["byebye b"])
        #expect(link.directory.devices.map(\.udn) == ["uuid:a"])
    }

    @Test func `a mirror takes over when the device itself expires, and its byebye ends only its own claim`() {
        var link = DirectoryHarness()
        _ = link.alive("a", maxAge: 100)
        _ = link.alive("a", maxAge: 1000, host: 9)
        link.clock.advance(by: .seconds(2))
        _ = link.alive("a", maxAge: 100)
        #expect(link.wait(.seconds(100)).map(\.name) == ["relocated a"])
        _ = link.alive("a", maxAge: 1000, host: 1)
        #expect(link.byebye("a", host: 1).isEmpty)
        #expect(link.wait(.seconds(2)).isEmpty)
        _ = link.alive("a", maxAge: 1000, host: 9, isAnswer: true)
        #expect(link.wait(.seconds(10)).isEmpty)
        #expect(link.directory["uuid:a"]?.source == DirectoryHarness.address(9))
    }

    @Test func `a claim refused of late is taken up again later, not at once`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.alive("a", host: 9)
        link.clock.advance(by: .milliseconds(1500))
        _ = link.alive("a")
        link.searches = []
        for _ in 0..<20 {
            _ = link.alive("a", host: 9)
            #expect(link.wait(.seconds(1)).isEmpty)
        }
        #expect(link.searches.isEmpty)
        #expect(link.wait(.seconds(20)).map(\.name) == ["relocated a"])
        #expect(link.searches.first == "uuid:a")
    }

    @Test func `who is not on the link, or has no web address, is not listed`() {
        var link = DirectoryHarness()
        let far = SSDPAnnouncement(
            target: "upnp:rootdevice", usn: USN(udn: "uuid:a", target: "upnp:rootdevice"), location: "http://x/")
        let source = SocketEndpoint(.v4(IPv4Address(198, 51, 100, 1)), port: 1)
        #expect(
            link.directory.handle(.alive(far), from: source, on: DirectoryHarness.interface, now: link.clock.now)
                .isEmpty)
        for location in ["ftp://192.0.2.1/", "", "javascript:1", "http:/192.0.2.1"] {
            #expect(link.alive("b", location: location).isEmpty)
        }
        #expect(link.alive("b", location: "HTTPS://192.0.2.1/").map(\.name) == ["appeared b"])
    }

    @Test func `devices are bounded in all, and for one address`() {
        var limits = DeviceDirectoryLimits()
        limits.devices = 20
        limits.devicesPerSource = 8
        var link = DirectoryHarness(limits: limits)
        for number in 0..<1000 { _ = link.alive("x\(number)") }
        #expect(link.directory.devices.count == 8)
        for number in 0..<1000 { _ = link.alive("y\(number)", host: UInt8(number % 200 + 2)) }
        #expect(link.directory.devices.count == 20)
        #expect(link.directory.refused == 1980)
        for number in 0..<1000 { _ = link.alive("e\(number)", target: "uuid:e") }
        #expect(link.directory["uuid:x0"].map { $0.embedded.count } ?? 99 <= 32)
    }

    @Test func `a lost interface empties the list`() {
        var link = DirectoryHarness()
        _ = link.alive("a")
        _ = link.alive("b", host: 2)
        #expect(
            link.directory.removeAll() == [
                .disappeared(udn: "uuid:a", reason: .interfaceLost),
                .disappeared(udn: "uuid:b", reason: .interfaceLost),
            ]
        )
        #expect(link.directory.devices.isEmpty)
    }
}
