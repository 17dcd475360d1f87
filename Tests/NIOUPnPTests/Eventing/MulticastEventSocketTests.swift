import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

@Suite("Multicast events on a link", .needsTestInterface, .serialized, .timeLimit(.minutes(1)))
struct MulticastEventSocketTests {
    private typealias Heard = (received: MulticastEventReceiver.Received, source: SocketEndpoint)

    private func publisher(_ name: String) -> MulticastEventPublisher {
        MulticastEventPublisher(
            udn: "uuid:\(name)", serviceType: "urn:schemas-upnp-org:service:Alarm:1",
            serviceID: "urn:upnp-org:serviceId:Alarm", bootID: 1,
            configuration: MulticastEventConfiguration(
                copyInterval: .milliseconds(5), minimumInterval: .milliseconds(20)))
    }

    private func exchange(over link: InterfaceAddress) async throws {
        let loops = MultiThreadedEventLoopGroup.singleton
        let logger = Logger(label: "test")
        let (stream, continuation) = AsyncStream.makeStream(of: Heard.self, bufferingPolicy: .bufferingNewest(64))
        let listener = try await MulticastEventSocket(interface: link, eventLoopGroup: loops, logger: logger) {
            continuation.yield(($0, $1))
        }
        let sender = try await MulticastEventSocket(interface: link, eventLoopGroup: loops, logger: logger)
        let publishing = MulticastEventPublishing(publisher("alarm-\(link.address)"))
        await publishing.use([sender])
        for value in 0..<3 {
            await publishing.publish([EventProperty("Smoke", "\(value)")], level: .emergency)
            let heard = try await stream.first("the event is heard") { $0.received.event.level == .emergency }
            #expect(heard.received.event.sequence == UInt32(value) && heard.received.missed == 0)
            #expect(heard.received.event.properties["Smoke"] == "\(value)" && heard.source.address == link.address)
        }
        await publishing.end()
        listener.close()
        sender.close()
        try await sender.closed.get()
    }

    @Test func `An event is heard once over IPv4, though it is sent three times`() async throws {
        try await exchange(over: TestInterface.ipv4)
    }

    @Test func `An event is heard over IPv6, within the link and within the site`() async throws {
        let own = ["fe80::7:1", "fd00:7::1"]
        for address in own {
            try TestInterface.ip("-6", "address", "replace", "\(address)/64", "dev", TestInterface.name, "nodad")
        }
        let links = try NetworkInterface.named(TestInterface.name).addresses.filter { own.contains("\($0.address)") }
        #expect(links.count == 2)
        for link in links { try await exchange(over: link) }
    }
}
