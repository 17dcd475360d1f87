import Foundation
import Glibc
import NIOCore
import NIOPosix
import NetworkTypes
import Testing

@testable import NIOSUPnP

/// The interfaces that `scripts/in-namespace` makes, for tests that multicast on them.
enum TestLinks {
    static let names =
        ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACES"]?.split(separator: " ").map(String.init) ?? []

    static var arePresent: Bool { names.count >= 2 }

    /// An interface's own addresses of a family; link-local ones come last.
    static func links(_ name: String, ipv4: Bool) throws -> [InterfaceAddress] {
        let all = try System.enumerateDevices().compactMap { device -> InterfaceAddress? in
            guard device.name == name, let address = device.address.flatMap(SocketEndpoint.init(socketAddress:))
            else { return nil }
            let prefix = IPPrefix(address: address.address, length: ipv4 ? 24 : 64)
            guard address.address.isIPv4 == ipv4, let prefix else { return nil }
            return InterfaceAddress(
                interface: name, index: device.interfaceIndex, address: address.address, prefix: prefix)
        }
        return all.filter { !$0.address.isLinkLocalIPv6 } + all.filter(\.address.isLinkLocalIPv6)
    }

    static func ipv4(_ number: Int = 0) throws -> InterfaceAddress {
        try #require(links(names[number], ipv4: true).first, "\(names[number]) has no IPv4 address")
    }

    static func ipv6(_ number: Int = 0) throws -> InterfaceAddress {
        try #require(links(names[number], ipv4: false).first, "\(names[number]) has no IPv6 address")
    }

    /// A group's address that no other test uses, so that tests may run beside each other.
    static func group(ipv4: Bool = true) -> SocketEndpoint {
        let port = UInt16.random(in: 20_000...60_000)
        let address: IPAddress =
            ipv4
            ? .v4(IPv4Address(239, 255, UInt8.random(in: 1...254), UInt8.random(in: 1...254)))
            : .v6(IPv6Address(high: 0xFF05 << 48, low: UInt64.random(in: 1...0xFFFF_FFFF)))
        return SocketEndpoint(address, port: port)
    }

    /// Runs `ip` in the namespace.
    static func ip(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/ip")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "ip \(arguments) failed")
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where no interfaces are set aside for multicasting.
    static var needsTestLinks: Self {
        .enabled(
            if: TestLinks.arePresent,
            "LATCHKEY_TEST_INTERFACES names no interfaces: run it with scripts/in-namespace")
    }
}
