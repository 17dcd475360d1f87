import Foundation
import Logging
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

@testable import Groups

/// The interface of `scripts/in-namespace`, and SSDP on a port that no other test uses.
enum TestNetwork {
    static let name = ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"] ?? ""
    static var isPresent: Bool { !name.isEmpty }

    static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = ProcessInfo.processInfo.environment["LATCHKEY_TEST_LOG"] == nil ? .error : .debug
        return logger
    }

    static func ssdp() -> SSDPConfiguration {
        var configuration = SSDPConfiguration()
        configuration.group.port = UInt16.random(in: 20_000...30_000)
        configuration.families = .ipv4
        configuration.advertiser.byebyeFirst = false
        configuration.advertiser.initialDelay = .milliseconds(10)
        configuration.advertiser.repetitionInterval = .milliseconds(30)
        return configuration
    }

    /// What announces a controller.
    static func device(group: String, keyManager: UInt16, forwarder: UInt16) -> HostedDevice {
        let groupID = HostedVariable("GroupID", group)
        let ports = (HostedVariable("KeyManagerPort", keyManager), HostedVariable("ForwarderPort", forwarder))
        let texts = (
            HostedVariable("MulticastIPv4", ""), HostedVariable("MulticastIPv6", ""), HostedVariable("Suites", "1")
        )
        return HostedDevice(
            type: "urn:schemas-upnp-org:device:Basic:1", name: "A group's controller", manufacturer: "Tests",
            model: "Controller", udn: "uuid:\(UUID().uuidString.lowercased())"
        ) {
            HostedService(GroupAddresses.serviceType) {
                HostedAction(
                    "GetEndpoints", out: groupID.argument("GroupID"), ports.0.argument("KeyManagerPort"),
                    ports.1.argument("ForwarderPort"), texts.0.argument("MulticastIPv4"),
                    texts.1.argument("MulticastIPv6"), texts.2.argument("Suites")
                ) { () -> (String, UInt16, UInt16, String, String, String) in
                    (group, keyManager, forwarder, "", "", "1")
                }
            }
        }
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where no interface is set aside for multicasting.
    static var needsTestInterface: Self {
        .enabled(if: TestNetwork.isPresent, "LATCHKEY_TEST_INTERFACE names no interface: see scripts/in-namespace")
    }
}

/// Runs a controller beside a test.
func withController(_ body: @escaping @Sendable (TestController) async throws -> Void) async throws {
    let controller = try TestController()
    let (serving, served) = AsyncStream.makeStream(of: Void.self)
    try await withServices([{ try await controller.run { served.finish() } }]) {
        for await _ in serving {}
        try await body(controller)
    }
}

/// Runs services beside a test and cancels them after it; a service's error fails the test.
func withServices(
    _ services: [@Sendable () async throws -> Void], _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        for service in services {
            group.addTask {
                try await service()
                return false
            }
        }
        group.addTask {
            try await body()
            return true
        }
        defer { group.cancelAll() }
        while let isBody = try await group.next() { if isBody { return } }
    }
}
