import HTTPTypes
package import Logging
package import NIOCore
package import NIOUPnP
package import NetworkTypes
import UPnP

/// The gateway's own announcement at home: a device without services, by which an away client that came home
/// recognises where it is and goes silent.
package struct GatewayPresence: Sendable {
    /// The type under which the gateway is announced.
    package static let deviceType = "urn:schemas-latchkey:device:Gateway:1"

    private let name: String
    private let udn: String
    private let interface: String
    private let address: IPAddress
    private let ssdp: SSDPConfiguration
    private let bootID: UInt32
    private let group: any EventLoopGroup
    private let logger: Logger

    /// - Parameters:
    ///   - udn: The same over restarts.
    ///   - bootID: Higher at each start.
    package init(
        name: String, udn: String, interface: String, address: IPAddress, ssdp: SSDPConfiguration, bootID: UInt32,
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.name = name
        self.udn = udn
        self.interface = interface
        self.address = address
        self.ssdp = ssdp
        self.bootID = bootID
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Announces until the task is cancelled.
    package func run() async throws {
        var ssdp = ssdp
        // A gateway that was killed left its announcement behind; its new one must not look like a second device.
        ssdp.advertiser.byebyeFirst = true
        ssdp.families = .ipv4
        let advertiser = SSDPAdvertiser(
            interface: interface, configuration: ssdp, eventLoopGroup: group, logger: logger)
        let server = HTTPServer(eventLoopGroup: group, logger: logger)
        var random = SystemRandomNumberGenerator()
        let path = "/\(random.uuid()).xml"
        let document = document
        try await withThrowingDiscardingTaskGroup { tasks in
            tasks.addTask { try await advertiser.run() }
            tasks.addTask {
                try await server.run(
                    on: SocketEndpoint(address, port: 0),
                    onBound: { endpoint in
                        advertiser.add(
                            Advertisement(
                                root: AdvertisedDevice(udn: udn, deviceType: Self.deviceType, serviceTypes: []),
                                location: "http://\(endpoint)\(path)", maxAge: SSDPLimits.defaultMaxAge,
                                server: RemoteAccessClient.serverName, bootID: bootID, configID: 1))
                    },
                    handler: { exchange in
                        guard exchange.request.authority == exchange.local.description,
                            exchange.request.path == path, exchange.request.method == .get
                        else { return try await exchange.refuse(.notFound, "Nothing is served at this path.") }
                        try await exchange.respond(
                            .ok, headers: [.contentType: "text/xml; charset=\"utf-8\""],
                            body: ByteBuffer(string: document))
                    })
            }
        }
    }

    private var document: String {
        RootDescription(
            device: DeviceDescription(
                deviceType: Self.deviceType, friendlyName: name, manufacturer: "Latchkey",
                modelName: "Latchkey gateway",
                udn: udn)
        ).serialized()
    }
}
