import GroupKeys
import Logging
import NIOCore
import NIOUPnP
import NetworkTypes
import SUPnP
import UPnP

/// The controller as other UPnP programs see it: a basic device with the service that names the group's ports.
///
/// What it says is a hint. Who believes a false one is refused by registration, not by this.
struct GroupAnnouncement: Sendable {
    /// The root device's type: it has no other function.
    static let deviceType = "urn:schemas-upnp-org:device:Basic:1"

    private let configuration: GroupControllerConfiguration
    private let ssdp: SSDPConfiguration
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger

    init(
        _ configuration: GroupControllerConfiguration, ssdp: SSDPConfiguration, eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.ssdp = ssdp
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// The device's name for programs: the same at every start, since it follows from the group's.
    static func udn(of group: GroupID) -> String {
        HostedUDN.derived(from: "latchkey secure group \(group.hexadecimal)")
    }

    /// Announces and answers until cancelled.
    func run() async throws {
        var host = DeviceHostConfiguration(
            interfaces: configuration.interfaces, families: configuration.families, ssdp: ssdp)
        host.ssdp.advertiser.byebyeFirst = true
        try await DeviceHost(
            configuration: host, devices: [device()], eventLoopGroup: eventLoopGroup, logger: logger
        ).run()
    }

    /// The device, with its one service.
    func device() -> HostedDevice {
        let identity = configuration.identity
        let families = configuration.families
        let group = HostedArgumentType<String>("GroupID")
        let keyManagerPort = HostedArgumentType<UInt16>("KeyManagerPort")
        let forwarderPort = HostedArgumentType<UInt16>("ForwarderPort")
        let multicastIPv4 = HostedArgumentType<String>("MulticastIPv4")
        let multicastIPv6 = HostedArgumentType<String>("MulticastIPv6")
        let suites = HostedArgumentType<String>("Suites")
        let configuration = configuration
        var device = HostedDevice(
            type: Self.deviceType, name: configuration.friendlyName, manufacturer: "Latchkey",
            model: "Secure group controller", udn: Self.udn(of: identity.groupID)
        ) {
            HostedService(GroupAddresses.serviceType) {
                HostedAction(
                    "GetEndpoints", out: group.argument("GroupID"), keyManagerPort.argument("KeyManagerPort"),
                    forwarderPort.argument("ForwarderPort"), multicastIPv4.argument("MulticastIPv4"),
                    multicastIPv6.argument("MulticastIPv6"), suites.argument("Suites")
                ) {
                    (
                        identity.groupID.hexadecimal, configuration.keyManagerPort,
                        configuration.runsForwarder ? configuration.forwarderPort : 0,
                        families.contains(.ipv4) ? configuration.multicastIPv4.description : "",
                        families.contains(.ipv6) ? configuration.multicastIPv6.description : "",
                        String(identity.suite.rawValue)
                    )
                }
            }
        }
        device.modelDescription = "Registers devices with a secure group and relays their requests"
        return device
    }
}

extension GroupID {
    /// The octets as 32 digits.
    package var hexadecimal: String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
