import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing

/// The interfaces that the tests may multicast on: veth pairs in a network namespace of their own.
enum ControllerNetwork {
    static let names =
        (ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACES"] ?? "").split(separator: " ").map(String.init)

    static var selection: InterfaceSelection { .named(Array(names.prefix(1))) }

    /// The links of the first interface.
    static func links(_ families: AddressFamilies) throws -> [InterfaceAddress] {
        selection.links(of: try NetworkInterface.all(), families: families)
    }

    /// A port that nothing uses at the moment, and that no other test is given.
    static func port() async throws -> UInt16 {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "0.0.0.0", port: 0).get()
        defer { channel.close(promise: nil) }
        return UInt16(try #require(channel.localAddress?.port))
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `ip` in the namespace.
    static func ip(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/ip")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "ip \(arguments) failed")
    }
}
