import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import UPnP

/// Everything that multicasts, one test at a time: one of them changes the interface's address.
@Suite(.needsTestInterface, .serialized) enum `SSDP driver` {}

extension `SSDP driver` {
    @Suite(.timeLimit(.minutes(1))) struct `SSDP on an interface` {
        @Test func `another program sees a device come, and its byebye within a second`() async throws {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let advertiser = TestInterface.advertiser(configuration)
            let discovery = TestInterface.discovery(configuration)
            try await withServices([advertiser.run, discovery.run]) {
                let changes = discovery.changes
                advertiser.add(TestInterface.advertisement("light", host: host))
                let appeared = try await changes.first("appears") {
                    if case .appeared(let device) = $0 { device.udn == "uuid:light" } else { false }
                }
                guard case .appeared(let device) = appeared else { return }
                #expect(device.location == "http://\(host):8080/light.xml")
                #expect(device.source == host)
                let removed = ContinuousClock.now
                advertiser.remove(udn: "uuid:light", announceByebye: true)
                let gone = try await changes.first("goes") { $0.isDisappearance }
                #expect(gone == .disappeared(udn: "uuid:light", reason: .byebye))
                #expect(ContinuousClock.now - removed < .seconds(1))
            }
        }

        @Test func `a search finds what was announced before anybody listened`() async throws {
            let configuration = TestInterface.configuration()
            let advertiser = TestInterface.advertiser(configuration)
            let host = try TestInterface.ipv4.address
            try await withServices([advertiser.run]) {
                advertiser.add(TestInterface.advertisement("light", host: host))
                _ = try await advertiser.links.first("is up") { !$0.isEmpty }
                let discovery = TestInterface.discovery(configuration)
                try await withServices([discovery.run]) {
                    let answer = try await discovery.observations.first("answers") {
                        if case .response = $0.message { true } else { false }
                    }
                    #expect(answer.message.usn?.udn == "uuid:light")
                    #expect(!answer.wasMulticast)
                    // Firewalls of control points expect answers from the group's port.
                    #expect(answer.source == SocketEndpoint(host, port: configuration.group.port))
                    let observations = discovery.observations
                    discovery.search(SearchTarget("urn:schemas-upnp-org:service:SwitchPower:1"), maximumWait: 1)
                    let typed = try await observations.first("answers the type") {
                        if case .response(let answer) = $0.message { answer.target.hasPrefix("urn:") } else { false }
                    }
                    #expect(typed.message.usn?.target == "urn:schemas-upnp-org:service:SwitchPower:1")
                }
            }
        }

        @Test func `a process does not discover what it announces itself, but hears others say the same`() async throws
        {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let advertiser = TestInterface.advertiser(configuration)
            let own = SSDPDiscovery(
                interface: TestInterface.name, configuration: configuration,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
            var others = configuration
            others.ownTraffic = OwnTraffic()
            let other = TestInterface.advertiser(others)
            try await withServices([advertiser.run, own.run, other.run]) {
                let seen = own.observations
                let heard = advertiser.observations
                advertiser.add(TestInterface.advertisement("mine", host: host))
                _ = try await advertiser.links.first("is up") { !$0.isEmpty }
                own.search(.all, maximumWait: 1)
                other.add(TestInterface.advertisement("theirs", host: host))
                // The answers to the search are all in before the second one is: MX 1.
                own.search(.rootDevice, maximumWait: 1)
                var answers = 0
                for await observation in seen {
                    #expect(observation.message.usn?.udn != "uuid:mine")
                    if case .response = observation.message { answers += 1 }
                    if answers == 5 { break }
                }
                let rival = try await heard.first("hears the other") { $0.message.usn?.udn == "uuid:theirs" }
                #expect(rival.source.address == host)
                other.add(TestInterface.advertisement("mine", host: host))
                _ = try await heard.first("hears its own UDN from another") { $0.message.usn?.udn == "uuid:mine" }
            }
        }

        @Test func `a silent removal says nothing`() async throws {
            var configuration = TestInterface.configuration()
            configuration.advertiser.byebyeFirst = false
            let host = try TestInterface.ipv4.address
            let advertiser = TestInterface.advertiser(configuration)
            let discovery = TestInterface.discovery(configuration)
            try await withServices([advertiser.run, discovery.run]) {
                let observations = discovery.observations
                for name in ["silent", "loud"] { advertiser.add(TestInterface.advertisement(name, host: host)) }
                for name in ["silent", "loud"] {
                    _ = try await discovery.changes.first("appears") {
                        if case .appeared(let device) = $0 { device.udn == "uuid:\(name)" } else { false }
                    }
                }
                advertiser.remove(udn: "uuid:silent", announceByebye: false)
                advertiser.remove(udn: "uuid:loud", announceByebye: true)
                for await observation in observations {
                    guard case .byebye(let byebye) = observation.message else { continue }
                    #expect(byebye.usn.udn == "uuid:loud")
                    break
                }
                #expect(discovery.devices.map(\.udn) == ["uuid:silent"] || discovery.devices.count == 2)
            }
        }

        @Test func `the end of a run says byebye for what is left`() async throws {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let discovery = TestInterface.discovery(configuration)
            try await withServices([discovery.run]) {
                let changes = discovery.changes
                let advertiser = TestInterface.advertiser(configuration)
                try await withServices([advertiser.run]) {
                    advertiser.add(TestInterface.advertisement("light", host: host))
                    _ = try await discovery.changes.first("appears") { !$0.isDisappearance }
                }
                let gone = try await changes.first("goes") { $0.isDisappearance }
                #expect(gone == .disappeared(udn: "uuid:light", reason: .byebye))
            }
        }

        @Test func `only who is accepted is answered`() async throws {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let asked = Mutex<Set<SocketEndpoint>>([])
            let advertiser = TestInterface.advertiser(configuration) { source in
                asked.withLock { _ = $0.insert(source) }
                return false
            }
            let discovery = TestInterface.discovery(configuration)
            try await withServices([advertiser.run, discovery.run]) {
                let observations = discovery.observations
                _ = try await advertiser.links.first("is up") { !$0.isEmpty }
                let searches = advertiser.observations
                advertiser.add(TestInterface.advertisement("light", host: host))
                discovery.search(.all, maximumWait: 1)
                _ = try await searches.first("hears the search") {
                    if case .search = $0.message { true } else { false }
                }
                advertiser.removeAll(announceByebye: true)
                for await observation in observations {
                    if case .response = observation.message { Issue.record("answered whom it should not") }
                    if case .byebye = observation.message { break }
                }
                #expect(asked.withLock { $0.contains { $0.address == host } })
            }
        }

        @Test func `announcements for this host are heard here and answered here`() async throws {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let advertiser = TestInterface.advertiser(configuration, scope: .ownHost)
            let discovery = TestInterface.discovery(configuration)
            try await withServices([advertiser.run, discovery.run]) {
                let observations = discovery.observations
                _ = try await advertiser.links.first("is up") { !$0.isEmpty }
                advertiser.add(TestInterface.advertisement("light", host: host))
                _ = try await observations.first("is heard") {
                    if case .alive = $0.message { true } else { false }
                }
                discovery.search(.rootDevice, maximumWait: 1)
                _ = try await observations.first("is answered") {
                    if case .response = $0.message { true } else { false }
                }
            }
        }
    }
}

extension DeviceDirectory.Change {
    var isDisappearance: Bool { if case .disappeared = self { true } else { false } }
}
