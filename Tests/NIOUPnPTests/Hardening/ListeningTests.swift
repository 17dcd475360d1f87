import Foundation
import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

/// The sockets of this process, as the kernel lists them.
enum OpenSockets {
    /// One line of `/proc/net/tcp` and its like: where a socket listens, or a datagram socket is bound.
    struct Socket: Hashable, CustomStringConvertible {
        var table: String
        var endpoint: SocketEndpoint
        var description: String { "\(table) \(endpoint)" }
    }

    /// Sockets of this process that take connections or datagrams from anybody.
    static func bound() throws -> Set<Socket> {
        let own = try inodes()
        var found: Set<Socket> = []
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let text = try String(contentsOfFile: "/proc/self/net/\(table)", encoding: .utf8)
            for line in text.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                guard fields.count > 9, own.contains(String(fields[9])) else { continue }
                // 0A is a listening TCP socket; 07 a datagram socket without a peer.
                guard fields[3] == (table.hasPrefix("tcp") ? "0A" : "07"), let endpoint = endpoint(fields[1]) else {
                    continue
                }
                found.insert(Socket(table: table, endpoint: endpoint))
            }
        }
        return found
    }

    /// Closes every socket of this process.
    static func closeAll() throws {
        for (descriptor, _) in try descriptors() { close(descriptor) }
    }

    private static func inodes() throws -> Set<String> { Set(try descriptors().map(\.inode)) }

    private static func descriptors() throws -> [(descriptor: Int32, inode: String)] {
        var found: [(descriptor: Int32, inode: String)] = []
        for descriptor in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            guard
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"),
                target.hasPrefix("socket:["), let number = Int32(descriptor)
            else { continue }
            found.append((number, String(target.dropFirst(8).dropLast())))
        }
        return found
    }

    /// `0100007F:1F90`: words of the machine's own byte order, and the port.
    private static func endpoint(_ text: Substring) -> SocketEndpoint? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var bytes: [UInt8] = []
        var rest = parts[0]
        while rest.count >= 8 {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            withUnsafeBytes(of: word) { bytes += $0 }
            rest = rest.dropFirst(8)
        }
        func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: return SocketEndpoint(.v4(IPv4Address(rawValue: UInt32(number(bytes)))), port: port)
        case 16:
            let address = IPv6Address(high: number(bytes.prefix(8)), low: number(bytes.suffix(8)))
            return SocketEndpoint(.v6(address), port: port)
        default: return nil
        }
    }
}

extension `SSDP driver` {
    @Suite("Nothing listens on an address that was not asked for", .timeLimit(.minutes(1)))
    struct ListeningTests {
        @Test("a host and a control point on one interface are bound there and to its groups")
        func sockets() async {
            // In a process of its own, because other tests of this one have sockets of their own.
            await #expect(processExitsWith: .success) {
                let own = Set(try NetworkInterface.named(TestInterface.name).addresses.map(\.address))
                // What other tests have open is inherited, and is closed on this side.
                try OpenSockets.closeAll()
                let ssdp = TestInterface.configuration()
                let host = DeviceHost(
                    configuration: DeviceHostConfiguration(interface: TestInterface.name, ssdp: ssdp),
                    devices: [HostedTestDevice.device(HostedTestDevice.power())], eventLoopGroup: HTTPTestSupport.group,
                    logger: HTTPTestSupport.logger)
                var configuration = ControlPointConfiguration(interface: TestInterface.name, ssdp: ssdp)
                configuration.ssdp.ownTraffic = OwnTraffic()
                let controlPoint = ControlPoint(
                    configuration: configuration, eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await host.run() }
                    group.addTask { try await controlPoint.run() }
                    // A subscription opens the listener for events as well.
                    for await device in controlPoint.changes {
                        guard case .appeared(let device) = device, let service = device.services.first,
                            let url = service.eventSubURL
                        else { continue }
                        let subscription = try await controlPoint.subscribe(to: url)
                        var events = subscription.events.makeAsyncIterator()
                        #expect(await events.next()?.sequence == 0)
                        break
                    }
                    let bound = try OpenSockets.bound()
                    let listening = bound.filter { $0.table.hasPrefix("tcp") }
                    #expect(listening.count >= 2, "\(listening)")
                    for socket in listening { #expect(own.contains(socket.endpoint.address), "\(socket)") }
                    let datagrams = bound.subtracting(listening)
                    #expect(!datagrams.isEmpty)
                    for socket in datagrams {
                        let isOurs = own.contains(socket.endpoint.address)
                        let isGroup = socket.endpoint.address.isMulticast && socket.endpoint.port == ssdp.group.port
                        #expect(isOurs || isGroup, "\(socket)")
                    }
                    group.cancelAll()
                    try? await group.waitForAll()
                }
                let after = try OpenSockets.bound()
                #expect(after.isEmpty, "\(after)")
            }
        }
    }
}
