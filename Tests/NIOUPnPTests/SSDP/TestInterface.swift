import Foundation
import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import UPnP

/// The interface that the driver tests may multicast on: a veth pair's end in a network namespace of its own.
///
///     ip netns add t && ip -n t link add v0 type veth peer name v1 && …addresses, up…
///     LATCHKEY_TEST_INTERFACE=v0 ip netns exec t swift test --skip-build --filter SSDP
enum TestInterface {
    static let name = ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"] ?? ""

    static var isPresent: Bool { !name.isEmpty }

    static var ipv4: InterfaceAddress {
        get throws {
            try #require(try NetworkInterface.named(name).ipv4, "\(name) has no IPv4 address")
        }
    }

    /// SSDP on a port that no other test uses.
    static func configuration() -> SSDPConfiguration {
        var configuration = SSDPConfiguration()
        configuration.group.port = UInt16.random(in: 20_000...30_000)
        configuration.families = .ipv4
        configuration.advertiser.byebyeFirst = false
        configuration.addressPollInterval = .milliseconds(50)
        configuration.advertiser.initialDelay = .milliseconds(10)
        configuration.advertiser.repetitionInterval = .milliseconds(30)
        // A test that waits for a byebye means one that is said on leaving.
        configuration.advertiser.byebyeFirst = false
        return configuration
    }

    static func advertisement(_ name: String, host: IPAddress) -> Advertisement {
        Advertisement(
            root: AdvertisedDevice(
                udn: "uuid:\(name)", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
                serviceTypes: ["urn:schemas-upnp-org:service:SwitchPower:1"]
            ),
            location: "http://\(host.uriHost):8080/\(name).xml", server: "Linux/6 UPnP/2.0 Test/1", bootID: 1,
            configID: 1
        )
    }

    static func advertiser(
        _ configuration: SSDPConfiguration, scope: AnnouncementScope = .link,
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true }
    ) -> SSDPAdvertiser {
        SSDPAdvertiser(
            interface: name, configuration: configuration, scope: scope,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"), accepts: accepts)
    }

    static func discovery(_ configuration: SSDPConfiguration) -> SSDPDiscovery {
        // Another program's view: it does not know what this process sends.
        var configuration = configuration
        configuration.ownTraffic = OwnTraffic()
        return SSDPDiscovery(
            interface: name, configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test"))
    }

    /// Runs `ip` in the namespace.
    static func ip(_ arguments: String...) throws {
        let status = try runIP(arguments)
        try #require(status == 0, "ip \(arguments) failed")
    }

    /// Runs `ip` in the calling thread's namespace; its status.
    static func runIP(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/ip")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where no interface is set aside for multicasting.
    static var needsTestInterface: Self {
        .enabled(
            if: TestInterface.isPresent,
            "LATCHKEY_TEST_INTERFACE names no interface: run inside a network namespace, as make lab does")
    }
}

extension AsyncSequence where Self: Sendable, Element: Sendable {
    /// The first element that satisfies `predicate`; the sequence's end is a failure.
    func first(
        _ comment: Comment, where predicate: @Sendable (Element) -> Bool
    ) async throws -> Element {
        for try await element in self where predicate(element) { return element }
        throw TestEnded(comment: comment.rawValue)
    }
}

struct TestEnded: Error { var comment: String }

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
        for try await isBody in group where isBody { group.cancelAll() }
    }
}
