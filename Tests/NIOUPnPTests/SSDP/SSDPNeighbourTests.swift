import Foundation
import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

extension `SSDP driver` {
    /// Against another host, with plain sockets.
    @Suite(.timeLimit(.minutes(2))) struct `SSDP and a neighbour` {
        private static let offLink4 = IPAddress.v4(IPv4Address(203, 0, 113, 9))
        private static let offLink6 = IPAddress.v6(IPv6Address(high: 0x2001_0DB8_0BAD_0000, low: 9))

        private func configuration() -> SSDPConfiguration {
            var configuration = TestInterface.configuration()
            configuration.families = .both
            configuration.advertiser.byebyeFirst = false
            configuration.advertiser.repetitions = 1
            configuration.advertiser.byebyeRepetitions = 1
            return configuration
        }

        private func search(_ target: String, host: String, wait: Int? = 1, more: String = "") -> String {
            let mx = wait.map { "MX: \($0)\r\n" } ?? ""
            return "M-SEARCH * HTTP/1.1\r\nHOST: \(host)\r\nMAN: \"ssdp:discover\"\r\n\(mx)ST: \(target)\r\n\(more)\r\n"
        }

        private func advertiser(
            _ wire: TestWire, _ configuration: SSDPConfiguration, scope: AnnouncementScope = .link
        ) -> SSDPAdvertiser {
            SSDPAdvertiser(
                interfaces: .named([wire.name]), configuration: configuration, scope: scope,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        }

        /// What the wire's links have in common with the neighbour's side.
        private func pairs(_ wire: TestWire) -> [(own: IPAddress, far: IPAddress)] {
            [(wire.own4, wire.far4), (wire.ownLocal, wire.farLocal), (wire.own6, wire.far6)]
        }

        private func link(_ address: IPAddress, _ advertiser: SSDPAdvertiser) throws -> InterfaceAddress {
            try #require(advertiser.currentLinks.first { $0.address == address })
        }

        @Test func `each family's searches are answered in that family, to the group and to the host`() async throws {
            try await TestWire.with { wire in
                let configuration = configuration()
                let advertiser = advertiser(wire, configuration)
                try await withServices([advertiser.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    for (own, _) in pairs(wire) { advertiser.add(TestInterface.advertisement("light", host: own)) }
                    for (own, far) in pairs(wire) {
                        let group = configuration.group(of: try link(own, advertiser))
                        let port = configuration.group.port
                        let toGroup = search("upnp:rootdevice", host: group.description)
                        let toHost = search(
                            "uuid:light", host: SocketEndpoint(own, port: port).description, wait: nil)
                        let farName = wire.farName
                        let answers = try await wire.neighbour.perform {
                            let socket = try NeighbourSocket(on: SocketEndpoint(far, port: 0), interface: farName)
                            let index = Int(if_nametoindex(farName))
                            // A datagram may be lost, so each is asked again until it is answered (UDA 2.0 §1.3.2).
                            return [
                                (toGroup, SocketEndpoint(group.address, port: port, zone: index)),
                                (toHost, SocketEndpoint(own, port: port, zone: index)),
                            ].map { search, destination in
                                for _ in 0..<4 {
                                    socket.send(search, to: destination)
                                    let heard = socket.receive(for: .seconds(2)) { $0.count == 1 }
                                    if let answer = heard.first { return [answer] }
                                }
                                return []
                            }
                        }
                        #expect(answers.map(\.count) == [1, 1], "\(own)")
                        for answer in answers.joined() {
                            // Firewalls of control points expect answers from the group's port.
                            #expect(answer.source.address == own && answer.source.port == port)
                            let message = try SSDPMessage(parsing: Array(answer.text.utf8))
                            guard case .response(let response) = message else {
                                Issue.record("\(answer.text)")
                                continue
                            }
                            #expect(response.location == "http://\(own.uriHost):8080/light.xml")
                            #expect(!response.location.contains("%"))
                            #expect(answer.text.contains("DATE: "))
                            if case .v6 = own { #expect(response.networkLocalState == "1") }
                        }
                    }
                }
            }
        }

        @Test func `answers go over TCP to an asker's own port, and no further`() async throws {
            try await TestWire.with { wire in
                var configuration = configuration()
                configuration.advertiser.answersOverTCP = true
                let advertiser = advertiser(wire, configuration)
                let port = configuration.group.port
                try await withServices([advertiser.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    for (own, _) in pairs(wire) { advertiser.add(TestInterface.advertisement("light", host: own)) }
                    for (own, far) in pairs(wire) {
                        let farName = wire.farName
                        let (answer, source) = try await wire.neighbour.perform {
                            let zone = Int(if_nametoindex(farName))
                            let listener = try NeighbourListener(on: SocketEndpoint(far, port: 0, zone: zone))
                            let socket = try NeighbourSocket(on: SocketEndpoint(far, port: 0), interface: farName)
                            let text = search("ssdp:all", host: "x", more: "TCPPORT.UPNP.ORG: \(listener.port)\r\n")
                            socket.send(text, to: SocketEndpoint(own, port: port, zone: zone))
                            return try listener.receive()
                        }
                        #expect(source == own)
                        #expect(answer.split(separator: "HTTP/1.1 200 OK\r\n").count == 4)
                        #expect(answer.contains("LOCATION: http://\(own.uriHost):8080/light.xml\r\n"))
                    }
                }
            }
        }

        @Test(arguments: [AnnouncementScope.ownHost, .link])
        func `announcements for this host stay on it, in both families`(scope: AnnouncementScope) async throws {
            try await TestWire.with { wire in
                let configuration = configuration()
                let advertiser = advertiser(wire, configuration, scope: scope)
                var others = configuration
                others.ownTraffic = OwnTraffic()
                let discovery = SSDPDiscovery(
                    interfaces: .named([wire.name]), configuration: others,
                    eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
                try await withServices([advertiser.run, discovery.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    let groups = try pairs(wire).map { configuration.group(of: try link($0.own, advertiser)) }
                    let farName = wire.farName
                    let sockets = try await wire.neighbour.perform {
                        try groups.map {
                            try NeighbourSocket(
                                on: SocketEndpoint($0.address, port: $0.port, zone: Int(if_nametoindex(farName))),
                                group: $0.address, interface: farName)
                        }
                    }
                    let observations = discovery.observations
                    for (own, _) in pairs(wire) { advertiser.add(TestInterface.advertisement("light", host: own)) }
                    var local: Set<IPAddress> = []
                    for await observation in observations {
                        guard case .alive = observation.message else { continue }
                        local.insert(observation.interface.address)
                        if local.count == 3 { break }
                    }
                    #expect(local == Set(pairs(wire).map(\.own)))
                    for socket in sockets {
                        let heard = try await wire.neighbour.perform {
                            socket.receive(for: .milliseconds(500)).filter { $0.text.hasPrefix("NOTIFY") }
                        }
                        #expect(heard.isEmpty == (scope == .ownHost))
                    }
                }
            }
        }

        @Test func `who is not on the link is not answered, whoever routes the answer`() async throws {
            try await TestWire.with { wire in
                let configuration = configuration()
                let advertiser = advertiser(wire, configuration)
                let farName = wire.farName
                let port = configuration.group.port
                // The answer would find its way: only the rule keeps it.
                try TestInterface.ip("route", "add", "\(Self.offLink4)/32", "dev", wire.name)
                try TestInterface.ip("-6", "route", "add", "\(Self.offLink6)/128", "dev", wire.name)
                try await wire.neighbour.perform {
                    try TestInterface.ip("address", "add", "\(Self.offLink4)/32", "dev", farName)
                    try TestInterface.ip("-6", "address", "add", "\(Self.offLink6)/128", "dev", farName, "nodad")
                }
                try await withServices([advertiser.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    for (own, _) in pairs(wire) { advertiser.add(TestInterface.advertisement("light", host: own)) }
                    let heard = advertiser.observations
                    for (own, near, beyond) in [
                        (wire.own4, wire.far4, Self.offLink4), (wire.own6, wire.far6, Self.offLink6),
                    ] {
                        let group = configuration.group(of: try link(own, advertiser))
                        let text = search("ssdp:all", host: group.description)
                        let destinations = [SocketEndpoint(own, port: port), SocketEndpoint(group.address, port: port)]
                        let (refused, answered) = try await wire.neighbour.perform {
                            let outsider = try NeighbourSocket(on: SocketEndpoint(beyond, port: 0), interface: farName)
                            let insider = try NeighbourSocket(on: SocketEndpoint(near, port: 0), interface: farName)
                            for destination in destinations { outsider.send(text, to: destination) }
                            insider.send(text, to: destinations[1])
                            let answered = insider.receive(for: .seconds(10)) { $0.count == 4 }
                            // Both waited for the same second at most.
                            return (outsider.receive(for: .seconds(2)), answered)
                        }
                        #expect(answered.count == 4)
                        #expect(refused.isEmpty)
                        // It was heard, so it is the rule that kept it unanswered.
                        _ = try await heard.first("hears the outsider") { $0.source.address == beyond }
                    }
                }
            }
        }

        @Test func `a flood of searches is not multiplied, be it from one source or from many`() async throws {
            try await TestWire.with { wire in
                var configuration = configuration()
                configuration.advertiser.sourceBurst = 20
                configuration.advertiser.sourceRate = 10
                configuration.advertiser.globalBurst = 60
                configuration.advertiser.globalRate = 20
                configuration.advertiser.maximumSources = 16
                let advertiser = advertiser(wire, configuration)
                let farName = wire.farName
                let own = SocketEndpoint(wire.own4, port: configuration.group.port)
                let text = search("ssdp:all", host: own.description, wait: nil)
                let others = (10..<50).map { IPAddress.v4(IPv4Address(10, 77, wire.number, $0)) }
                try await wire.neighbour.perform {
                    for address in others { try TestInterface.ip("address", "add", "\(address)/24", "dev", farName) }
                }
                try await withServices([advertiser.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 3 }
                    for name in ["a", "b", "c"] { advertiser.add(TestInterface.advertisement(name, host: wire.own4)) }
                    // Answers that wait already are not asked for twice, so each search comes from another port.
                    let far4 = wire.far4
                    let (one, took) = try await wire.neighbour.perform {
                        try Self.flood(from: Array(repeating: far4, count: 100), text, to: own, interface: farName)
                    }
                    #expect(one > 0)
                    #expect(one <= 20 + Int(10 * took) + 1, "\(one) answers in \(took) s")
                    let (many, tookMany) = try await wire.neighbour.perform {
                        try Self.flood(from: others + others + others, text, to: own, interface: farName)
                    }
                    // From the beginning on: the first flood's answers count as well.
                    #expect(many <= 60 + Int(20 * (took + tookMany)) + 1, "\(many) answers in \(tookMany) s")
                    // It serves its neighbours again.
                    let recovered = try await wire.neighbour.perform {
                        var answers = 0
                        let end = ContinuousClock.now + .seconds(30)
                        while answers == 0, ContinuousClock.now < end {
                            answers = try Self.flood(from: [far4], text, to: own, interface: farName).answers
                        }
                        return answers
                    }
                    #expect(recovered > 0)
                }
            }
        }

        /// One search from a port of its own for each source; how many answers came, and in how many seconds.
        private static func flood(
            from sources: [IPAddress], _ text: String, to destination: SocketEndpoint, interface: String
        ) throws -> (answers: Int, seconds: Double) {
            let began = ContinuousClock.now
            let sockets = try sources.map { try NeighbourSocket(on: SocketEndpoint($0, port: 0), interface: interface) }
            for _ in 0..<20 {
                for socket in sockets { socket.send(text, to: destination) }
            }
            // The slowest answer waits for the unicast delay.
            var answers = sockets[0].receive(for: .milliseconds(700)).count
            for socket in sockets.dropFirst() { answers += socket.receive(for: .milliseconds(1)).count }
            return (answers, (ContinuousClock.now - began) / .seconds(1))
        }

        @Test func `a neighbour's device is believed from on the link only`() async throws {
            try await TestWire.with { wire in
                let configuration = configuration()
                let discovery = SSDPDiscovery(
                    interfaces: .named([wire.name]), configuration: configuration,
                    eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
                let farName = wire.farName
                try TestInterface.ip("route", "add", "\(Self.offLink4)/32", "dev", wire.name)
                try await wire.neighbour.perform {
                    try TestInterface.ip("address", "add", "\(Self.offLink4)/32", "dev", farName)
                }
                try await withServices([discovery.run]) {
                    let observations = discovery.observations
                    let changes = discovery.changes
                    while discovery.currentLinks.count < 3 { await Task.yield() }
                    for (name, source) in [("outside", Self.offLink4), ("inside", wire.far4)] {
                        let alive = SSDPMessage.alive(
                            SSDPAnnouncement(
                                target: "upnp:rootdevice", usn: USN(udn: "uuid:\(name)", target: "upnp:rootdevice"),
                                location: "http://\(source):80/"))
                        let text = String(
                            decoding: alive.serialized(host: configuration.group.description), as: UTF8.self)
                        try await wire.neighbour.perform {
                            let socket = try NeighbourSocket(on: SocketEndpoint(source, port: 0), interface: farName)
                            socket.send(text, to: configuration.group)
                        }
                        _ = try await observations.first("hears it") { $0.message.usn?.udn == "uuid:\(name)" }
                    }
                    let appeared = try await changes.first("appears") { _ in true }
                    #expect(appeared.udn == "uuid:inside")
                    #expect(discovery.devices.map(\.udn) == ["uuid:inside"])
                }
            }
        }

        @Test func `a unicast search asks one host, without MX and with the control point's names`() async throws {
            try await TestWire.with { wire in
                var configuration = configuration()
                configuration.friendlyName = "Living room"
                configuration.controlPointUUID = "uuid:control"
                let discovery = SSDPDiscovery(
                    interfaces: .named([wire.name]), configuration: configuration,
                    eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
                let farName = wire.farName
                let group = configuration.group
                try await withServices([discovery.run]) {
                    for far in [wire.far4, wire.farLocal, wire.far6] {
                        let socket = try await wire.neighbour.perform {
                            try NeighbourSocket(on: SocketEndpoint(far, port: 40_000), interface: farName)
                        }
                        let zone = try NetworkInterface.named(wire.name).index
                        discovery.search(.rootDevice, at: SocketEndpoint(far, port: 40_000, zone: zone))
                        let heard = try await wire.neighbour.perform {
                            socket.receive(for: .seconds(5)) { $0.count == 2 }
                        }
                        #expect(heard.count == 2)
                        guard
                            case .search(let search)? = try heard.first.map({
                                try SSDPMessage(parsing: Array($0.text.utf8))
                            })
                        else {
                            Issue.record("no search: \(heard)")
                            continue
                        }
                        #expect(search.maximumWait == nil && search.target == "upnp:rootdevice")
                        #expect(heard.first?.text.contains("HOST: \(far.uriHost):40000\r\n") == true)
                    }
                    let socket = try await wire.neighbour.perform {
                        try NeighbourSocket(on: group, group: group.address, interface: farName)
                    }
                    discovery.search(.all, maximumWait: 9)
                    let heard = try await wire.neighbour.perform {
                        socket.receive(for: .seconds(5)) { $0.last?.text.contains("ssdp:all") ?? false }
                    }
                    let text = try #require(heard.last?.text)
                    #expect(text.contains("MX: 5\r\n"))
                    #expect(text.contains("CPFN.UPNP.ORG: Living room\r\n"))
                    #expect(text.contains("CPUUID.UPNP.ORG: uuid:control\r\n"))
                }
            }
        }
    }
}
