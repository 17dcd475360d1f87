import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

@Suite struct `Interfaces for discovery` {
    @Test func `loopback is listed with its address and network`() throws {
        let loopback = try #require(
            try NetworkInterface.all().first { $0.addresses.contains { $0.address.isLoopback } })
        #expect(loopback.ipv4?.address == .v4(.loopback))
        #expect(loopback.ipv4?.prefix == IPPrefix("127.0.0.0/8"))
        #expect(try NetworkInterface.named(loopback.name) == loopback)
    }

    @Test func `an unknown interface and one without multicast are refused with a sentence`() async throws {
        let loopback = try #require(
            try NetworkInterface.all().first { $0.addresses.contains { $0.address.isLoopback } })
        for (name, sentence) in [
            ("nosuch0", "no network interface is called 'nosuch0'"), (loopback.name, "no multicast"),
        ]
        where name != loopback.name || !loopback.supportsMulticast {
            let discovery = SSDPDiscovery(
                interface: name, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
            let error = await #expect(throws: SSDPDriverError.self) { try await discovery.run() }
            #expect(error?.description.contains(sentence) == true)
            let advertiser = SSDPAdvertiser(
                interface: name, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
            await #expect(throws: SSDPDriverError.self) { try await advertiser.run() }
        }
    }

    @Test func `calls before and after a run neither block nor fail`() async throws {
        let advertiser = SSDPAdvertiser(
            interface: "nosuch0", eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        let advertisement = TestInterface.advertisement("a", host: .v4(.loopback))
        advertiser.add(advertisement)
        advertiser.update(advertisement)
        advertiser.search(.all)
        #expect(advertiser.udns == ["uuid:a"])
        await #expect(throws: SSDPDriverError.self) { try await advertiser.run() }
        #expect(advertiser.udns.isEmpty)
        for await _ in advertiser.observations { Issue.record("an observation after the run") }
        await #expect(throws: SSDPDriverError.alreadyRunning) { try await advertiser.run() }
    }
}
