import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

extension `SSDP driver` {
    @Suite(.timeLimit(.minutes(1))) struct `What SSDP listens on` {
        private let loops = MultiThreadedEventLoopGroup.singleton
        private let logger = Logger(label: "test")

        private func configuration(_ families: AddressFamilies) -> SSDPConfiguration {
            var configuration = TestInterface.configuration()
            configuration.families = families
            return configuration
        }

        @Test(arguments: [AddressFamilies.ipv4, .ipv6, .both])
        func `nothing listens on an address or in a family that was not asked for`(families: AddressFamilies)
            async throws
        {
            try await TestWire.with { wire in
                let configuration = configuration(families)
                let advertiser = SSDPAdvertiser(
                    interfaces: .named([wire.name]), configuration: configuration, eventLoopGroup: loops,
                    logger: logger)
                let discovery = SSDPDiscovery(
                    interfaces: .named([wire.name]), configuration: configuration, eventLoopGroup: loops,
                    logger: logger)
                let before = Set(try OwnSockets.all().map(\.inode))
                let own = [wire.own4, wire.ownLocal, wire.own6].filter { families.includes($0) }
                try await withServices([advertiser.run, discovery.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == own.count }
                    while discovery.currentLinks.count < own.count { await Task.yield() }
                    var groups = Set(advertiser.currentLinks.map { configuration.group(of: $0).address })
                    if families.contains(.ipv6) { groups.insert(.v6(configuration.globalGroup)) }
                    try check(before: before, own: own, groups: groups, port: configuration.group.port)
                }
                // Everything is closed with the run, in a moment of the event loop.
                while !(try OwnSockets.at(own).isEmpty) { await Task.yield() }
            }
        }

        private func check(before: Set<Int>, own: [IPAddress], groups: Set<IPAddress>, port: UInt16) throws {
            let sockets = try OwnSockets.all().filter { !before.contains($0.inode) }
            let shared = sockets.filter { $0.local.port == port }
            // The group's port: on each group and on the advertiser's own addresses, and nowhere else.
            #expect(Set(shared.map(\.local.address)) == groups.union(own))
            #expect(shared.filter { !$0.isUDP } == [])
            // What other tests of this process open meanwhile has other addresses.
            let ours = sockets.filter { own.contains($0.local.address) }
            #expect(ours.filter { !$0.isUDP || $0.isListening } == [])
            // Two to send from, for each of the two programs.
            #expect(ours.filter { $0.local.port != port }.count == 4 * own.count)
            #expect(sockets.filter { $0.isUDP && $0.local.address.isUnspecified } == [])
        }

        @Test func `two programs share an IPv6 port and both hear, and one that does not share leaves a search port`()
            async throws
        {
            try await TestWire.with { wire in
                for address in [wire.ownLocal, wire.own6] {
                    let configuration = configuration(.ipv6)
                    let link = try #require(
                        try NetworkInterface.named(wire.name).addresses.first { $0.address == address })
                    let (first, firstHears) = try await open(link, configuration)
                    let (second, secondHears) = try await open(link, configuration)
                    #expect(first.hearsGroup && second.hearsGroup && first.searchPort == nil)
                    first.multicast(Array("hello".utf8))
                    for stream in [firstHears, secondHears] {
                        let datagram = try await stream.first("hears") { $0.bytes == Array("hello".utf8) }
                        #expect(datagram.wasMulticast && datagram.source.address == address)
                    }
                    // Unicast to the shared port goes to one of them.
                    first.unicast(Array("you".utf8), to: link.endpoint(port: configuration.group.port))
                    let datagram = try await secondHears.first("hears") { $0.bytes == Array("you".utf8) }
                    #expect(!datagram.wasMulticast)
                    first.close()
                    second.close()
                    try await second.closed.get()
                    let alone = self.configuration(.ipv6)
                    let selfish = try await DatagramBootstrap(group: loops)
                        .bind(host: "::", port: Int(alone.group.port)).get()
                    let (third, hears) = try await open(link, alone)
                    let port = try #require(third.searchPort)
                    #expect(!third.hearsGroup && port >= 49_152)
                    let (sender, _) = try await open(link, self.configuration(.ipv6))
                    sender.unicast(Array("you".utf8), to: link.endpoint(port: port))
                    _ = try await hears.first("hears at the search port") { $0.bytes == Array("you".utf8) }
                    third.close()
                    sender.close()
                    try await selfish.close()
                }
            }
        }

        private func open(
            _ link: InterfaceAddress, _ configuration: SSDPConfiguration
        ) async throws -> (SSDPSocket, AsyncStream<SSDPDatagram>) {
            let (stream, continuation) = AsyncStream.makeStream(
                of: SSDPDatagram.self, bufferingPolicy: .bufferingNewest(64))
            let socket = try await SSDPSocket(
                interface: link, configuration: configuration, eventLoopGroup: loops, logger: logger
            ) { continuation.yield($0) }
            return (socket, stream)
        }
    }
}
