import Foundation
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

extension `SSDP driver` {
    @Suite("Rules 7 and 8: discovery does not multiply traffic", .timeLimit(.minutes(1)))
    struct AmplificationTests {
        /// A host on the test interface's link, and what its neighbours do there.
        private struct Link: Sendable {
            let own: IPv4Address
            let group: SocketEndpoint

            /// A neighbour of the host.
            func neighbour(_ number: UInt32) -> IPv4Address {
                IPv4Address(rawValue: own.rawValue & 0xFFFF_FF00 | number)
            }

            func search(_ target: String, extra: String = "MX: 1\r\n", man: String = "MAN: \"ssdp:discover\"\r\n")
                -> [UInt8]
            {
                Array("M-SEARCH * HTTP/1.1\r\nHOST: \(group)\r\n\(man)\(extra)ST: \(target)\r\n\r\n".utf8)
            }
        }

        private func withHost(_ body: @Sendable @escaping (Link, PacketTap) async throws -> Void) async throws {
            let ssdp = TestInterface.configuration()
            let host = DeviceHost(
                configuration: DeviceHostConfiguration(interface: TestInterface.name, ssdp: ssdp),
                devices: [HostedTestDevice.device(HostedTestDevice.power())], eventLoopGroup: HTTPTestSupport.group,
                logger: HTTPTestSupport.logger)
            guard case .v4(let own) = try TestInterface.ipv4.address else { return }
            let link = Link(own: own, group: ssdp.group)
            // Neighbours that answer to their address, so that the host's kernel lets go of what is for them.
            for number in [50, 51] as [UInt32] {
                try TestInterface.ip(
                    "neigh", "replace", "\(link.neighbour(number))", "lladdr", "02:00:00:00:00:09", "dev",
                    TestInterface.name, "nud", "permanent")
            }
            let serving = Event<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await host.run { _ in serving.set() } }
                await serving.value
                let tap = try PacketTap(near: TestInterface.name)
                try await body(link, tap)
                // The host still answers a neighbour.
                try tap.send(
                    link.search("upnp:rootdevice"), from: SocketEndpoint(.v4(link.neighbour(51)), port: 4000),
                    to: link.group)
                let answers = await tap.receive(for: 5000) {
                    $0.destination == link.neighbour(51) && $0.port == 4000
                }
                #expect(answers.last?.port == 4000)
                group.cancelAll()
                try await group.waitForAll()
            }
        }

        @Test("answers nobody who is not a neighbour, by the group or directly")
        func offLink() async throws {
            try await withHost { link, tap in
                let strangers = [
                    IPv4Address(203, 0, 113, 5), IPv4Address(8, 8, 8, 8), IPv4Address(10, 0, 0, 1),
                    IPv4Address(127, 0, 0, 1),
                    IPv4Address(224, 0, 0, 1), IPv4Address(255, 255, 255, 255), IPv4Address(0, 0, 0, 0),
                    link.neighbour(0),
                    link.neighbour(255), link.own,
                ]
                for stranger in strangers {
                    for port in [1900, 53] as [UInt16] {
                        let source = SocketEndpoint(.v4(stranger), port: port)
                        try tap.send(link.search("ssdp:all"), from: source, to: link.group)
                        try tap.send(
                            link.search("ssdp:all", extra: ""), from: source,
                            to: SocketEndpoint(.v4(link.own), port: link.group.port))
                    }
                }
                // Other tests multicast here.
                let sent = await tap.receive(for: 1200).filter { !IPAddress.v4($0.destination).isMulticast }
                #expect(sent.isEmpty, "\(sent.map { "\($0.destination):\($0.port)" })")
            }
        }

        @Test("a flood in a neighbour's name brings it a bounded number of answers")
        func flood() async throws {
            try await withHost { link, tap in
                let victim = SocketEndpoint(.v4(link.neighbour(50)), port: 1900)
                let search = link.search("ssdp:all")
                let clock = ContinuousClock()
                let start = clock.now
                for _ in 0..<1000 { try tap.send(search, from: victim, to: link.group) }
                let answers = await tap.receive(for: 1800).filter { $0.destination == link.neighbour(50) }
                let seconds = Int((clock.now - start) / .seconds(1)) + 1
                let limits = AdvertiserConfiguration()
                #expect(!answers.isEmpty)
                #expect(answers.count <= limits.sourceBurst + limits.sourceRate * seconds)
                let bytesIn = 1000 * (search.count + 42)
                let bytesOut = answers.reduce(0) { $0 + $1.wireBytes }
                // One search of 150 bytes has four answers of 400 by the standard, ten times its size; a flood of them
                // brings less than two bytes for each that was sent.
                #expect(bytesOut < 2 * bytesIn, "\(bytesOut) bytes for \(bytesIn)")
            }
        }

        @Test(
            "says nothing to searches that the standard has discarded, and survives impossible senders",
            .needsTestInterface
        )
        func malformed() async throws {
            try await withHost { link, tap in
                let source = SocketEndpoint(.v4(link.neighbour(50)), port: 5000)
                let searches = [
                    link.search("ssdp:all", extra: ""), link.search("ssdp:all", extra: "MX: \r\n"),
                    link.search("ssdp:all", extra: "MX: -1\r\n"), link.search("ssdp:all", extra: "MX: x\r\n"),
                    link.search("ssdp:all", man: ""), link.search("ssdp:all", man: "MAN: ssdp:other\r\n"),
                    link.search(""), link.search("urn:schemas-upnp-org:device:Other:1"), link.search("uuid:"),
                    link.search(String(repeating: "s", count: 300)), Array("M-SEARCH * HTTP/1.1\r\n\r\n".utf8), [], [0],
                    Array(repeating: 0x41, count: 1400),
                ]
                for search in searches { try tap.send(search, from: source, to: link.group) }
                try tap.send(
                    link.search("ssdp:all"), from: SocketEndpoint(.v4(link.neighbour(50)), port: 0), to: link.group)
                let sent = await tap.receive(for: 1200).filter { !IPAddress.v4($0.destination).isMulticast }
                #expect(sent.isEmpty, "\(sent.map { String(decoding: $0.payload, as: UTF8.self) })")
            }
        }

        @Test("a huge MX delays no longer than five seconds")
        func hugeWait() async throws {
            try await withHost { link, tap in
                let source = SocketEndpoint(.v4(link.neighbour(50)), port: 5000)
                try tap.send(
                    link.search("upnp:rootdevice", extra: "MX: 99999999999999999999\r\n"), from: source, to: link.group)
                let sent = await tap.receive(for: 6500) { $0.port == 5000 }
                #expect(sent.last?.port == 5000)
            }
        }
    }
}
