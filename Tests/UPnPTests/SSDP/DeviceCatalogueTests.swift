import NetworkTypes
import TestKit
import Testing
import UPnP

/// A catalogue with an IPv4 and an IPv6 link in virtual time.
private struct CatalogueHarness {
    var catalogue = DeviceCatalogue()
    var clock = VirtualClock()
    var searches: [String] = []

    static let v4 = CatalogueWorld.links[0]
    static let v6 = CatalogueWorld.links[1]

    init() {
        catalogue.linkGained(Self.v6)
        catalogue.linkGained(Self.v4)
    }

    static func location(on link: InterfaceAddress, port: Int = 80) -> String {
        link == v4 ? "http://192.0.2.1:\(port)/d.xml" : "http://[fe80::1]:\(port)/d.xml"
    }

    mutating func hear(_ message: SSDPMessage, on link: InterfaceAddress) -> [String] {
        guard let source = IPAddress(link == Self.v4 ? "192.0.2.1" : "fe80::1") else { return [] }
        return catalogue.handle(message, from: SocketEndpoint(source, port: 50_000), on: link, now: clock.now)
            .map(\.name)
    }

    mutating func alive(
        on link: InterfaceAddress, bootID: UInt32? = 1, configID: UInt32? = 1, maxAge: Int = 1800, port: Int = 80
    ) -> [String] {
        let announcement = SSDPAnnouncement(
            target: "upnp:rootdevice", usn: USN(udn: "uuid:a", target: "upnp:rootdevice"),
            location: Self.location(on: link, port: port), maxAge: maxAge, bootID: bootID, configID: configID,
            secureLocation: "https://x/")
        return hear(.alive(announcement), on: link)
    }

    mutating func byebye(on link: InterfaceAddress) -> [String] {
        hear(.byebye(SSDPByebye(target: "uuid:a", usn: USN(udn: "uuid:a"), bootID: 1)), on: link)
    }

    mutating func update(on link: InterfaceAddress, bootID: UInt32, next: UInt32) -> [String] {
        let update = SSDPUpdate(
            target: "uuid:a", usn: USN(udn: "uuid:a"), location: Self.location(on: link), bootID: bootID,
            nextBootID: next)
        return hear(.update(update), on: link)
    }

    mutating func wait(_ duration: Duration) -> [String] {
        let end = clock.now + duration
        var changes: [String] = []
        while let wake = catalogue.nextWake, wake <= end {
            clock.advance(to: wake)
            changes += catalogue.expire(now: clock.now).map(\.name)
            searches += catalogue.dueSearches(now: clock.now).map { "\($0.udn) on \($0.link.address)" }
        }
        clock.advance(to: end)
        return changes
    }
}

@Suite struct `Device catalogue` {
    private let v4 = CatalogueHarness.v4
    private let v6 = CatalogueHarness.v6

    @Test("One USN and BOOTID over both families is one device with two paths, UDA 2.0 annex A")
    func families() throws {
        var home = CatalogueHarness()
        #expect(home.alive(on: v4) == ["appeared a"])
        #expect(home.alive(on: v6).isEmpty)
        let device = try #require(home.catalogue["uuid:a"])
        #expect(device.paths.map(\.interface) == [v4, v6])
        #expect(device.paths.map(\.location) == ["http://192.0.2.1:80/d.xml", "http://[fe80::1]:80/d.xml"])
        #expect(device.interface == v4 && device.secureLocation == "https://x/")
        #expect(home.catalogue.devices.count == 1)
    }

    @Test func `the path in use stays in use while it lives, also when a preferred one comes`() throws {
        var home = CatalogueHarness()
        _ = home.alive(on: v6)
        #expect(home.alive(on: v4).isEmpty)
        #expect(home.catalogue["uuid:a"]?.interface == v6)
        #expect(home.catalogue["uuid:a"]?.paths.map(\.interface) == [v6, v4])
    }

    @Test func `a byebye on one link leaves the device on the other, byebyes on all end it`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        #expect(home.byebye(on: v4) == ["relocated a"])
        #expect(home.catalogue["uuid:a"]?.paths.map(\.interface) == [v6])
        #expect(home.byebye(on: v6) == ["byebye a"])
        #expect(home.catalogue.devices.isEmpty)
    }

    @Test func `after a byebye on one link the other is asked: a device that answers stays`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.byebye(on: v4)
        #expect(home.wait(.milliseconds(1500)).isEmpty)
        #expect(home.searches.contains("uuid:a on \(v6.address)"))
        #expect(home.alive(on: v6).isEmpty)
        #expect(home.wait(.seconds(20)).isEmpty)
        #expect(home.catalogue["uuid:a"]?.paths.map(\.interface) == [v6])
    }

    @Test func `after a byebye on one link the other is asked: a device that does not answer is gone`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.byebye(on: v4)
        #expect(home.wait(.seconds(5)) == ["byebye a"])
        #expect(home.catalogue.devices.isEmpty)
    }

    @Test func `a path that is not in use comes and goes without a change`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6, maxAge: 60)
        #expect(home.wait(.seconds(100)).isEmpty)
        #expect(home.catalogue["uuid:a"]?.paths.count == 1)
    }

    @Test func `a device that both links say has restarted, restarts once`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v6, bootID: 2) == ["rebooted a"])
        #expect(home.alive(on: v4, bootID: 2).isEmpty)
        #expect(home.wait(.seconds(20)).isEmpty)
        #expect(home.catalogue["uuid:a"]?.bootID == 2)
        #expect(home.catalogue["uuid:a"]?.paths.count == 2)
    }

    @Test func `a BOOTID that starts anew is a restart too, as cheap stacks do it`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4, bootID: 9)
        _ = home.alive(on: v6, bootID: 9)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v4, bootID: 1) == ["rebooted a"])
        #expect(home.alive(on: v6, bootID: 1).isEmpty)
    }

    @Test func `a link that has not heard of a restart is asked, and its path goes when nobody answers`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v6, bootID: 2) == ["rebooted a"])
        #expect(home.wait(.seconds(10)).isEmpty)
        #expect(home.searches.first == "uuid:a on \(v4.address)")
        #expect(home.catalogue["uuid:a"]?.paths.map(\.interface) == [v6])
    }

    @Test("A device that joins another link says so by ssdp:update and has not restarted, UDA 2.0 §1.2.4")
    func joining() {
        for isUpdateFirst in [true, false] {
            var home = CatalogueHarness()
            _ = home.alive(on: v4)
            _ = home.wait(.seconds(5))
            if isUpdateFirst { #expect(home.update(on: v4, bootID: 1, next: 2).isEmpty) }
            #expect(home.alive(on: v6, bootID: 2).isEmpty)
            if !isUpdateFirst { #expect(home.update(on: v4, bootID: 1, next: 2).isEmpty) }
            #expect(home.alive(on: v4, bootID: 2).isEmpty)
            #expect(home.wait(.seconds(20)).isEmpty)
            #expect(home.catalogue["uuid:a"]?.bootID == 2)
        }
    }

    @Test func `a larger BOOTID on a new link without an update is a restart after a moment`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v6, bootID: 2).isEmpty)
        #expect(home.wait(.milliseconds(999)).isEmpty)
        #expect(home.wait(.milliseconds(1)) == ["rebooted a"])
        #expect(home.catalogue["uuid:a"]?.interface == v6)
    }

    @Test func `another description is told once, whichever link says so first`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v6, configID: 2) == ["reconfigured a"])
        #expect(home.alive(on: v4, configID: 2).isEmpty)
        #expect(home.catalogue["uuid:a"]?.configID == 2)
    }

    @Test func `an address that changes on the path in use relocates the device, on another it does not`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        _ = home.wait(.seconds(5))
        #expect(home.alive(on: v6, port: 81).isEmpty)
        #expect(home.alive(on: v4, port: 81) == ["relocated a"])
        #expect(
            home.catalogue["uuid:a"]?.paths.map(\.location) == [
                "http://192.0.2.1:81/d.xml", "http://[fe80::1]:81/d.xml",
            ])
    }

    @Test func `a link that is lost takes its paths, and what arrives from it late is ignored`() {
        var home = CatalogueHarness()
        _ = home.alive(on: v4)
        _ = home.alive(on: v6)
        #expect(home.catalogue.linkLost(v4, now: home.clock.now).map(\.name) == ["relocated a"])
        #expect(home.alive(on: v4).isEmpty)
        #expect(home.catalogue["uuid:a"]?.paths.map(\.interface) == [v6])
        #expect(home.catalogue.linkLost(v6, now: home.clock.now).map(\.name) == ["lost a"])
        #expect(home.catalogue.linkLost(v6, now: home.clock.now).isEmpty)
        #expect(home.catalogue.devices.isEmpty && home.catalogue.nextWake == nil)
    }

    @Test func `the number of links is bounded`() {
        var catalogue = DeviceCatalogue()
        for host in 0..<DeviceCatalogue.maximumLinks {
            var link = v4
            link.address = DirectoryHarness.address(UInt8(host))
            #expect(catalogue.linkGained(link) == true)
        }
        #expect(catalogue.linkGained(v6) == false)
        #expect(catalogue.links.count == DeviceCatalogue.maximumLinks)
    }
}
