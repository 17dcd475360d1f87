import FolderMedia
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import UPnP

/// Latchkey's side of `make bench`, beside the programs of Benchmarks/Peers:
///
///     host-bench device INTERFACE SCPD-FILE default|raised
///     host-bench media-server INTERFACE FOLDER
///     host-bench control-point INTERFACE COUNT
///
/// A device prints `location=URL`. With `raised`, the limits that protect a home from a
/// flood of searches and connections are lifted, for the flood is what is measured.
///
/// The control point prints `ready`, searches when a line arrives on standard input, prints `complete ms=…`
/// when it has read the descriptions of that many root devices, and stays so that it can be weighed.
enum HostBench {
    static let logger = Logger(label: "host-bench") { _ in SwiftLogNoOpLogHandler() }

    static func device(interface: String, scpdFile: String, raised: Bool) async throws {
        let scpd = try SCPD(parsing: try contents(of: scpdFile))
        let switchPower = HostedService(
            serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", serviceID: "urn:upnp-org:serviceId:SwitchPower",
            scpd: scpd,
            actions: [
                "SetTarget": { call in
                    await call.service.publish([EventProperty("Status", call["newTargetValue"]?.text ?? "0")])
                    return []
                },
                "GetTarget": { call in [ActionArgument("RetTargetValue", call.service["Status"] ?? "0")] },
                "GetStatus": { call in [ActionArgument("ResultStatus", call.service["Status"] ?? "0")] },
            ]
        )
        let light = HostedDevice(
            udn: "uuid:6d1a5c0e-0000-4000-8000-00000000b003", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
            friendlyName: "Bench light", manufacturer: "Bench", modelName: "Light", services: [switchPower]
        )
        var configuration = DeviceHostConfiguration(interface: interface)
        if raised {
            configuration.ssdp.advertiser.sourceBurst = 1_000_000
            configuration.ssdp.advertiser.sourceRate = 1_000_000
            configuration.ssdp.advertiser.globalBurst = 1_000_000
            configuration.ssdp.advertiser.globalRate = 1_000_000
            configuration.ssdp.advertiser.pendingAnswers = 100_000
            configuration.http.connectionsPerAddress = 256
        }
        try await serve(light, configuration)
    }

    static func mediaServer(interface: String, folder: String) async throws {
        let shelf = try Shelf(folder: folder, pictures: Pictures())
        let directory = ContentDirectory(shelf)
        let server = HostedDevice(
            udn: "uuid:6d1a5c0e-0000-4000-8000-00000000b004", deviceType: "urn:schemas-upnp-org:device:MediaServer:1",
            friendlyName: "Bench media", manufacturer: "Bench", modelName: "Media",
            services: [directory.service, ContentDirectory.connectionManager], resources: shelf.resources
        )
        try await serve(server, DeviceHostConfiguration(interface: interface))
    }

    private static func serve(_ device: HostedDevice, _ configuration: DeviceHostConfiguration) async throws {
        let host = DeviceHost(
            configuration: configuration, devices: [device], eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        try await host.run { _ in
            for location in host.locations { say("location=\(location)") }
        }
    }

    static func controlPoint(interface: String, count: Int) async throws {
        var configuration = ControlPointConfiguration(interface: interface)
        configuration.ssdp.directory.devices = max(count, configuration.ssdp.directory.devices)
        let controlPoint = ControlPoint(
            configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controlPoint.run() }
            group.addTask {
                let changes = controlPoint.changes
                try await Task.sleep(for: .seconds(1))
                say("ready")
                // Blocks a thread of the pool until the line is there; nothing else runs meanwhile.
                _ = readLine()
                let start = ContinuousClock.now
                controlPoint.sendSearch(.rootDevice, maximumWait: 1)
                var known: Set<String> = []
                for await change in changes {
                    guard case .appeared(let device) = change else { continue }
                    known.insert(device.udn)
                    guard known.count == count else { continue }
                    let spent = (ContinuousClock.now - start) / .milliseconds(1)
                    say("complete ms=\(spent)")
                }
            }
            try await group.waitForAll()
        }
    }

    private static func contents(of file: String) throws -> [UInt8] {
        guard let stream = fopen(file, "rb") else { throw Failure(description: "\(file) cannot be read") }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(stream), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return bytes
    }

    /// Prints a line at once, for who reads it through a pipe.
    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}

let words = CommandLine.arguments.dropFirst()
switch (words.first, Array(words.dropFirst())) {
case ("device", let rest) where rest.count == 3:
    try await HostBench.device(interface: rest[0], scpdFile: rest[1], raised: rest[2] == "raised")
case ("media-server", let rest) where rest.count == 2:
    try await HostBench.mediaServer(interface: rest[0], folder: rest[1])
case ("control-point", let rest) where rest.count == 2:
    try await HostBench.controlPoint(interface: rest[0], count: Int(rest[1]) ?? 0)
default:
    print(
        "usage: host-bench device INTERFACE SCPD-FILE default|raised | media-server INTERFACE FOLDER"
            + " | control-point INTERFACE COUNT")
    exit(2)
}
