import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import UPnP

extension `SSDP driver` {
    /// Both families, and links that come and go.
    @Suite(.timeLimit(.minutes(1))) struct `SSDP on several links` {
        private func configuration() -> SSDPConfiguration {
            var configuration = TestInterface.configuration()
            configuration.families = .both
            configuration.addressPollInterval = .seconds(3600)
            return configuration
        }

        private func advertiser(_ names: String..., configuration: SSDPConfiguration) -> SSDPAdvertiser {
            SSDPAdvertiser(
                interfaces: .named(names), configuration: configuration,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        }

        private func discovery(_ names: String..., configuration: SSDPConfiguration) -> SSDPDiscovery {
            var configuration = configuration
            configuration.ownTraffic = OwnTraffic()
            return SSDPDiscovery(
                interfaces: .named(names), configuration: configuration,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        }

        @Test func `a device with three addresses is one device with three paths, and the loss of one relocates it`()
            async throws
        {
            try await TestWire.with { wire in
                let configuration = configuration()
                let advertiser = advertiser(wire.name, configuration: configuration)
                let discovery = discovery(wire.name, configuration: configuration)
                let hosts = [wire.own4, wire.ownLocal, wire.own6]
                try await withServices([advertiser.run, discovery.run]) {
                    let changes = discovery.changes
                    advertiser.add(TestInterface.advertisement("light", host: wire.own4))
                    _ = try await discovery.changes.first("appears") { $0.udn == "uuid:light" }
                    for host in hosts.dropFirst() { advertiser.add(TestInterface.advertisement("light", host: host)) }
                    // A message is observed before it counts, so the last observation may come too early to ask.
                    while discovery.devices.first?.paths.count != 3 { try await Task.sleep(for: .milliseconds(5)) }
                    let device = try #require(discovery.devices.first)
                    #expect(device.paths.map(\.interface.address) == hosts)
                    #expect(device.paths.map(\.location) == hosts.map { "http://\($0.uriHost):8080/light.xml" })
                    #expect(device.paths.map(\.source) == hosts)
                    try wire.unaddressIPv4()
                    _ = try await changes.first("moves to the next path") { change in
                        if case .disappeared = change { Issue.record("\(change)") }
                        guard case .relocated(let device) = change else { return false }
                        return device.source == wire.ownLocal
                    }
                    #expect(Set(advertiser.currentLinks.map(\.address)) == [wire.ownLocal, wire.own6])
                    #expect(advertiser.udns == ["uuid:light"])
                    let observations = discovery.observations
                    try wire.addressIPv4()
                    // Nobody adds it again.
                    _ = try await observations.first("is heard on the link that returned") {
                        $0.message.usn?.udn == "uuid:light" && $0.interface.address == wire.own4
                    }
                    #expect(discovery.devices.count == 1)
                }
            }
        }

        @Test func `a device's first sets leave on all links at one moment`() async throws {
            try await TestWire.with { wire in
                var configuration = configuration()
                configuration.advertiser.initialDelay = .seconds(2)
                configuration.advertiser.byebyeFirst = false
                configuration.advertiser.repetitions = 1
                let advertiser = advertiser(wire.name, configuration: configuration)
                let discovery = discovery(wire.name, configuration: configuration)
                let names = (0..<8).map { "light\($0)" }
                try await withServices([advertiser.run, discovery.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    let observations = discovery.observations
                    for name in names {
                        for link in advertiser.currentLinks {
                            advertiser.add(TestInterface.advertisement(name, host: link.address))
                        }
                    }
                    var heard: [String: [ContinuousClock.Instant]] = [:]
                    for await observation in observations {
                        guard case .alive(let alive) = observation.message, alive.target == "upnp:rootdevice" else {
                            continue
                        }
                        heard[alive.usn.udn, default: []].append(.now)
                        if heard.count == names.count, heard.values.allSatisfy({ $0.count == 3 }) { break }
                    }
                    // Drawn apart, eight times three delays of up to two seconds would not all agree.
                    for (udn, times) in heard {
                        let spread = try #require(times.max()) - #require(times.min())
                        #expect(spread < .milliseconds(500), "\(udn): \(spread)")
                    }
                    #expect(Set(heard.values.map { $0[0] }).count > 1)
                }
            }
        }

        @Test func `an interface that appears is worked on, and one that goes leaves the others undisturbed`()
            async throws
        {
            try await TestWire.with { wire in
                let late = "lkl\(wire.number)"
                let lateHost = IPAddress.v4(IPv4Address(10, 78, wire.number, 1))
                let configuration = configuration()
                let advertiser = advertiser(wire.name, late, configuration: configuration)
                let discovery = discovery(wire.name, late, configuration: configuration)
                try await withServices([advertiser.run, discovery.run]) {
                    let changes = discovery.changes
                    let observations = discovery.observations
                    advertiser.add(TestInterface.advertisement("stays", host: wire.own4))
                    // Its link is not there yet.
                    advertiser.add(TestInterface.advertisement("late", host: lateHost))
                    _ = try await discovery.changes.first("appears") { $0.udn == "uuid:stays" }
                    #expect(advertiser.currentLinks.count == 3)
                    #expect(Set(advertiser.udns) == ["uuid:stays", "uuid:late"])
                    try TestInterface.ip("link", "add", late, "type", "veth", "peer", "name", "lkm\(wire.number)")
                    try TestInterface.quietAddresses(late)
                    try TestInterface.ip("link", "set", "lkm\(wire.number)", "up")
                    try TestInterface.ip("link", "set", late, "up")
                    try TestInterface.address("add", "\(lateHost)/24", late)
                    _ = try await changes.first("appears late") {
                        if case .appeared(let device) = $0 { device.udn == "uuid:late" } else { false }
                    }
                    try TestInterface.ip("link", "del", late)
                    _ = try await changes.first("is lost") {
                        $0 == .disappeared(udn: "uuid:late", reason: .interfaceLost)
                    }
                    #expect(discovery.devices.map(\.udn) == ["uuid:stays"])
                    advertiser.remove(udn: "uuid:stays", announceByebye: true)
                    var said: [String] = []
                    for await observation in observations {
                        if case .byebye(let byebye) = observation.message { said.append(byebye.usn.udn) }
                        // The ones before its first set, then those of its end.
                        if said.filter({ $0 == "uuid:stays" }).count == 8 { break }
                    }
                    // A link that is gone cannot say byebye, and the others have no reason to.
                    #expect(said.filter { $0 == "uuid:late" }.count <= 4)
                }
            }
        }

        @Test func `another address in place of a lost one drops what named that, of the same family alone`()
            async throws
        {
            try await TestWire.with { wire in
                let configuration = configuration()
                let advertiser = advertiser(wire.name, configuration: configuration)
                let other = IPAddress.v4(IPv4Address(10, 79, wire.number, 1))
                try await withServices([advertiser.run]) {
                    for host in [wire.own4, wire.own6] {
                        advertiser.add(TestInterface.advertisement("at-\(host)", host: host))
                    }
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    try wire.unaddressIPv4()
                    _ = try await advertiser.links.first("has lost IPv4") { $0.count == 2 }
                    #expect(advertiser.udns.count == 2)
                    try TestInterface.address("add", "\(other)/24", wire.name)
                    _ = try await advertiser.links.first("has another") { $0.contains { $0.address == other } }
                    #expect(advertiser.udns == ["uuid:at-\(wire.own6)"])
                    let link = try #require(advertiser.currentLinks.first { $0.address == wire.own6 })
                    advertiser.remove(udn: "uuid:at-\(wire.own6)", on: link, announceByebye: true)
                    #expect(advertiser.udns.isEmpty)
                }
            }
        }
    }
}
