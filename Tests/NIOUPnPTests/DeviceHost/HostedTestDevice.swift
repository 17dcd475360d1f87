import Glibc
import HTTPTypes
import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

/// A lamp with a switch, a level and a picture, hosted on loopback without announcements.
enum HostedTestDevice {
    static let udn = "uuid:6a0c4d0e-0000-4000-8000-000000000001"
    static let switchType = "urn:schemas-upnp-org:service:SwitchPower:2"

    static func power() -> HostedService {
        HostedService(
            serviceType: switchType, serviceID: "urn:upnp-org:serviceId:SwitchPower",
            scpd: SCPD(
                actions: [
                    ActionDescription(
                        name: "SetTarget",
                        arguments: [
                            ArgumentDescription(name: "newTargetValue", direction: .in, relatedStateVariable: "Status")
                        ]
                    ),
                    ActionDescription(
                        name: "GetStatus",
                        arguments: [
                            ArgumentDescription(name: "ResultStatus", direction: .out, relatedStateVariable: "Status")
                        ]
                    ),
                    ActionDescription(
                        name: "SetLevel",
                        arguments: [
                            ArgumentDescription(name: "newLevel", direction: .in, relatedStateVariable: "Level")
                        ]
                    ),
                    ActionDescription(name: "Explode"),
                    ActionDescription(name: "Optional"),
                ],
                stateVariables: [
                    StateVariable(name: "Status", dataType: .boolean, sendEvents: true, defaultValue: "0"),
                    StateVariable(
                        name: "Level", dataType: .ui1, sendEvents: true, defaultValue: "50",
                        allowedRange: AllowedValueRange(minimum: "0", maximum: "100")
                    ),
                ]
            ),
            actions: [
                "SetTarget": { call in
                    await call.service.publish([EventProperty("Status", call["newTargetValue"]?.text ?? "")])
                    return []
                },
                "GetStatus": { [ActionArgument("ResultStatus", $0.service["Status"] ?? "")] },
                "SetLevel": { _ in throw UPnPFault(UPnPErrorCode(rawValue: 701), description: "stuck") },
                "Explode": { _ in
                    struct Explosion: Error {}
                    throw Explosion()
                },
            ]
        )
    }

    static func device(_ service: HostedService) -> HostedDevice {
        HostedDevice(
            udn: udn, deviceType: "urn:schemas-upnp-org:device:DimmableLight:1", friendlyName: "Lamp & <test>",
            manufacturer: "Latchkey", modelName: "Test", services: [service],
            icons: [
                HostedIcon(mimeType: "image/png", width: 1, height: 1, depth: 8, bytes: ByteBuffer(string: "png"))
            ],
            resources: [
                HostedResource(name: "snapshot.jpg") {
                    try await $0.respond(.ok, headers: [.contentType: "image/jpeg"], body: ByteBuffer(string: "jpeg"))
                }
            ]
        )
    }

    /// Hosts the device while `body` runs.
    static func withHost<Result: Sendable>(
        _ service: HostedService = power(), device: HostedDevice? = nil,
        configure: (inout DeviceHostConfiguration) -> Void = { _ in },
        _ body: (HTTPURL) async throws -> Result
    ) async throws -> Result {
        try await withHost(service, device: device, configure: configure) { location, _ in try await body(location) }
    }

    /// Hosts the device on loopback, IPv4 and IPv6, while `body` runs.
    static func withHost<Result: Sendable>(
        _ service: HostedService = power(), device: HostedDevice? = nil,
        configure: (inout DeviceHostConfiguration) -> Void = { _ in },
        _ body: (HTTPURL, DeviceHost) async throws -> Result
    ) async throws -> Result {
        var configuration = DeviceHostConfiguration(interface: "lo")
        configuration.advertises = false
        configure(&configuration)
        let host = DeviceHost(
            configuration: configuration, devices: [device ?? Self.device(service)],
            eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger
        )
        let serving = Event<Void>()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await host.run { _ in serving.set() } }
            await serving.value
            let result = try await body(try #require(host.locations.first), host)
            group.cancelAll()
            try await group.waitForAll()
            return result
        }
    }

    /// Runs a control point on loopback while `body` runs.
    static func withControlPoint<Result: Sendable>(
        configure: (inout ControlPointConfiguration) -> Void = { _ in },
        _ body: (ControlPoint) async throws -> Result
    ) async throws -> Result {
        var configuration = ControlPointConfiguration(interface: "lo")
        configuration.discovers = false
        configuration.eventing.firstRetry = .milliseconds(10)
        configure(&configuration)
        let controlPoint = ControlPoint(
            configuration: configuration, eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controlPoint.run() }
            let result = try await body(controlPoint)
            group.cancelAll()
            try await group.waitForAll()
            return result
        }
    }
}

/// A path of no file yet; what is there afterwards is removed.
func withTemporaryPath<Result>(_ body: (String) throws -> Result) rethrows -> Result {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let path = "\(folder)/latchkey-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    return try body(path)
}
