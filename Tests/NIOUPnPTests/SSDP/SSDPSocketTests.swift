import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

extension `SSDP driver` {
    @Suite(.timeLimit(.minutes(1))) struct `SSDP sockets` {
        private let loops = MultiThreadedEventLoopGroup.singleton

        /// A socket and the stream of what it receives.
        private func open(
            _ configuration: SSDPConfiguration, role: SSDPSocket.Role = .advertising
        ) async throws -> (SSDPSocket, AsyncStream<SSDPDatagram>) {
            let (stream, continuation) = AsyncStream.makeStream(
                of: SSDPDatagram.self, bufferingPolicy: .bufferingNewest(64))
            let socket = try await SSDPSocket(
                interface: TestInterface.ipv4, role: role, configuration: configuration, eventLoopGroup: loops,
                logger: Logger(label: "test")
            ) { continuation.yield($0) }
            return (socket, stream)
        }

        @Test func `two programs share the group's port and both hear`() async throws {
            let configuration = TestInterface.configuration()
            let (first, firstHears) = try await open(configuration)
            let (second, secondHears) = try await open(configuration)
            #expect(first.hearsGroup && second.hearsGroup && first.searchPort == nil && second.searchPort == nil)
            first.multicast(Array("hello".utf8))
            for stream in [firstHears, secondHears] {
                let datagram = try await stream.first("hears") { $0.bytes == Array("hello".utf8) }
                #expect(datagram.wasMulticast)
            }
            first.close()
            second.close()
            try await first.closed.get()
        }

        @Test func `unicast to the group's port is told apart from the group`() async throws {
            let configuration = TestInterface.configuration()
            let (socket, hears) = try await open(configuration)
            let (sender, _) = try await open(configuration, role: .discovery)
            sender.unicast(
                Array("you".utf8), to: SocketEndpoint(try TestInterface.ipv4.address, port: configuration.group.port))
            let datagram = try await hears.first("hears") { $0.bytes == Array("you".utf8) }
            #expect(!datagram.wasMulticast)
            socket.close()
            sender.close()
        }

        @Test func `beside a program that does not share the port, unicast searches find the search port`() async throws
        {
            let configuration = TestInterface.configuration()
            let host = try TestInterface.ipv4.address
            let selfish = try await DatagramBootstrap(group: loops)
                .channelOption(ChannelOptions.Types.SocketOption(level: .socket, name: .reusePort), value: 1)
                .bind(host: "0.0.0.0", port: Int(configuration.group.port)).get()
            let (socket, hears) = try await open(configuration)
            let port = try #require(socket.searchPort)
            #expect(!socket.hearsGroup && port >= 49_152)
            let (sender, _) = try await open(TestInterface.configuration())
            sender.unicast(Array("you".utf8), to: SocketEndpoint(host, port: port))
            _ = try await hears.first("hears") { $0.bytes == Array("you".utf8) }
            socket.close()
            sender.close()
            try await selfish.close()
        }

        @Test func `a datagram as long as UDP allows is cut where the codec refuses it`() async throws {
            let configuration = TestInterface.configuration()
            let (socket, hears) = try await open(configuration)
            socket.multicast(Array(repeating: 0x41, count: 60_000))
            socket.multicast(Array("after".utf8))
            let first = try await hears.first("hears") { _ in true }
            #expect(first.bytes.count == SSDPLimits.datagramBytes + 1)
            socket.close()
        }

        @Test func `a new address of the interface is taken up, and what named the old one is dropped`() async throws {
            let configuration = TestInterface.configuration()
            let old = try TestInterface.ipv4
            let advertiser = TestInterface.advertiser(configuration)
            let discovery = TestInterface.discovery(configuration)
            try await withServices([advertiser.run, discovery.run]) {
                advertiser.add(TestInterface.advertisement("light", host: old.address))
                _ = try await discovery.changes.first("appears") { !$0.isDisappearance }
                let links = advertiser.links
                let changes = discovery.changes
                try TestInterface.ip("addr", "flush", "dev", TestInterface.name)
                try TestInterface.ip("addr", "add", "10.66.66.6/24", "dev", TestInterface.name)
                let new = try await links.first("has the address") { $0.first?.address == IPAddress("10.66.66.6") }
                #expect(new.first?.prefix == IPPrefix("10.66.66.0/24"))
                #expect(advertiser.udns.isEmpty)
                _ = try await changes.first("is lost") { $0 == .disappeared(udn: "uuid:light", reason: .interfaceLost) }
                advertiser.add(TestInterface.advertisement("light", host: try TestInterface.ipv4.address))
                _ = try await changes.first("is back") {
                    if case .appeared(let device) = $0 { device.location.contains("10.66.66.6") } else { false }
                }
            }
            try TestInterface.ip("addr", "flush", "dev", TestInterface.name)
            try TestInterface.ip("addr", "add", "\(old.address)/\(old.prefix.length)", "dev", TestInterface.name)
        }
    }
}

extension NIOBSDSocket.Option {
    /// SO_REUSEPORT of Linux.
    fileprivate static let reusePort = NIOBSDSocket.Option(rawValue: 15)
}
