import Glibc
package import NIOUPnP
package import NetworkTypes
import RemoteAccess
package import TrustCore
package import Tunnel

/// What `latchkey gateway run` does, checked.
package struct GatewayConfiguration: Hashable, Sendable {
    package var state: StateFolder
    /// The interface that was asked for; nil means the default one.
    package var interface: String?
    /// Where clients are waited for.
    package var listen: SocketEndpoint
    /// What the gateway is to be called; nil keeps the name that it has, at first the host's.
    package var name: String?
    /// `host:port`, as clients reach the gateway from outside; they go into pairing codes.
    package var addresses: [GatewayAddress]
    /// How direct paths are found with clients.
    package var traversal: TraversalSettings
    /// The relays that it is reached through as well; they go into pairing codes too.
    package var relays: [RelaySetting]
    /// The secret of an invitation to them.
    package var relayInvitation: String?
    package var maxSessions: Int
    /// On what clients are served; TLS always, because pairing needs it.
    package var carrier: CarrierChoice
    package var minimumTLS: MinimumTLS
    /// Whether the gateway is an `RAServer` at home; without it is a device that has no services.
    package var standardServices: Bool
    /// How long the certificates of clients are good for; they renew themselves when half of it is over.
    package var lifetimes: CertificateLifetimes
    /// How much of the audit log is kept.
    package var audit: AuditLimits
    package var ssdp: SSDPSettings
    package var group: GroupSettings
    /// How it makes itself reachable from outside.
    package var reachability: ReachabilitySettings
    /// Where it publishes its addresses.
    package var publishing: PublishingSettings

    /// The lowest version that is spoken; nothing below 1.2 is offered.
    package enum MinimumTLS: String, Hashable, Sendable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// Every address of the host, IPv6 too (``servesIPv6``), because the way in (a forwarded port, a second network) is the
    /// owner's choice; who may enter is decided by certificates.
    package static let defaultListen = SocketEndpoint(.v4(.unspecified), port: 4433)

    package init(_ invocation: Invocation) throws {
        let settings = invocation.settings
        self.state = try invocation.stateFolder()
        self.interface = try settings.interfaceName()
        self.listen = try settings.endpoint(.gatewayListen) ?? Self.defaultListen
        self.name = try settings.gatewayName()
        self.addresses = try settings.gatewayAddresses()
        self.traversal = try TraversalSettings(
            settings, stun: .gatewaySTUN, turn: .gatewayTURN, turnFile: .gatewayTURNFile, direct: .gatewayDirect)
        self.relays =
            try settings.list(.gatewayRelays, limit: 4, expecting: RelaySetting.expected, RelaySetting.init) ?? []
        self.relayInvitation = try settings.value(
            .gatewayRelayInvitation, expecting: "a secret of 16 to 128 characters",
            { (16...128).contains($0.utf8.count) ? $0 : nil })
        self.maxSessions = try settings.integer(.gatewayMaxSessions, in: 1...100_000) ?? 32
        self.carrier =
            try settings.value(.gatewayCarrier, expecting: "tls, quic or auto", CarrierChoice.init(rawValue:)) ?? .auto
        self.minimumTLS =
            try settings.value(.gatewayMinimumTLS, expecting: "1.2 or 1.3", MinimumTLS.init(rawValue:)) ?? .v13
        self.standardServices = try settings.flag(.gatewayStandardServices) ?? true
        var lifetimes = CertificateLifetimes()
        if let life = try settings.value(
            .gatewayCertificateLife, expecting: "a time from 10s to 397d, such as 30d",
            { text in
                DurationText.seconds(text).flatMap { (10...397 * 86_400).contains($0) ? Duration.seconds($0) : nil }
            })
        {
            lifetimes.client = life
        }
        self.lifetimes = lifetimes
        self.audit = try settings.auditLimits()
        self.ssdp = try SSDPSettings(settings)
        self.group = try GroupSettings(settings)
        self.reachability = try ReachabilitySettings(settings)
        self.publishing = try PublishingSettings(settings)
    }
}

/// What `latchkey away run` does, checked.
package struct AwayConfiguration: Hashable, Sendable {
    package var state: StateFolder
    package var interface: String?
    /// The gateway to use, by name or identifier; nil when only one is paired.
    package var gateway: String?
    /// Where the mirrored devices are served; nil means the interface's own address and a free port.
    package var listen: SocketEndpoint?
    /// Whether neighbours are served and not only programs on this host.
    package var share: Bool
    /// The neighbours that are served while `share` is on; empty means all of the network.
    package var allow: [IPPrefix]
    /// On what the gateway is reached.
    package var carrier: CarrierChoice
    /// How long the gateway may be silent before it is taken for lost.
    package var silence: Duration
    /// How a direct path is found with the gateway.
    package var traversal: TraversalSettings
    /// Which kinds of paths are used, and when a better one is looked for.
    package var paths: PathSettings
    /// Whom names are looked up with; nil for the system's.
    package var nameServer: SocketEndpoint?
    /// Authorities that are believed in the place of the system's, PEM.
    package var webRoots: String?
    package var ssdp: SSDPSettings

    package init(_ invocation: Invocation) throws {
        let settings = invocation.settings
        self.state = try invocation.stateFolder()
        self.interface = try settings.interfaceName()
        self.gateway = try settings.text(.awayGateway)
        self.listen = try settings.endpoint(.awayListen)
        self.share = try settings.flag(.awayShare) ?? false
        self.allow = try settings.neighbours(.awayAllow)
        guard share || allow.isEmpty else {
            throw ProgramError.usage("--allow names neighbours to share with, but sharing is off; add --share")
        }
        self.traversal = try TraversalSettings(
            settings, stun: .awaySTUN, turn: .awayTURN, turnFile: .awayTURNFile, direct: .awayDirect)
        self.paths = try PathSettings(settings)
        if !paths.order.uses(.punched) { traversal.isEnabled = false }
        if !paths.order.uses(.turn) { traversal.turnServers = try TURNServers([]) }
        self.nameServer = try settings.endpoint(.awayNameServer)
        self.webRoots = try settings.text(.webRoots)
        self.carrier =
            try settings.value(.awayCarrier, expecting: "tls, quic or auto", CarrierChoice.init(rawValue:)) ?? .tls
        self.silence = .seconds(try settings.integer(.awaySilence, in: 2...3600) ?? 10)
        self.ssdp = try SSDPSettings(settings)
    }
}

/// SSDP's port and group; other than the standard's only in tests.
package struct SSDPSettings: Hashable, Sendable {
    /// 239.255.255.250:1900 unless configured otherwise (UDA 2.0 §1).
    package var group: SocketEndpoint

    package init(_ settings: Settings) throws {
        let address =
            try settings.value(.ssdpGroup, expecting: "an IPv4 multicast address") { text in
                IPv4Address(text).flatMap { $0.isMulticast ? $0 : nil }
            } ?? IPv4Address(239, 255, 255, 250)
        let port = try settings.integer(.ssdpPort, in: 1...65535) ?? 1900
        self.group = SocketEndpoint(.v4(address), port: UInt16(port))
    }
}

extension Settings {
    static let interfaceName = "the name of a network interface, such as eth0"

    static func interfaceName(_ text: String) -> String? {
        (1...15).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }
            ? text : nil
    }

    private static func host(_ address: IPAddress) -> IPPrefix? {
        switch address {
        case .v4: IPPrefix(address: address, length: 32)
        case .v6: IPPrefix(address: address, length: 128)
        }
    }

    /// How much of the audit log is kept.
    func auditLimits() throws -> AuditLimits {
        AuditLimits(
            entries: try integer(.auditEntries, in: 100...10_000_000) ?? AuditLimits().entries,
            bytes: try integer(.auditBytes, in: 65_536...(1 << 34)) ?? AuditLimits().bytes)
    }

    /// The neighbours that are served.
    func neighbours(_ key: SettingKey) throws -> [IPPrefix] {
        try list(key, expecting: "an address such as 192.168.1.7 or a network such as 192.168.1.0/24") { text in
            IPPrefix(text) ?? IPAddress(text).flatMap(Self.host)
        } ?? []
    }

    /// The interface that was asked for.
    package func interfaceName() throws -> String? {
        try value(.interface, expecting: Self.interfaceName, Self.interfaceName)
    }

    /// The interfaces that the `upnp` commands work on: those that were named, else every private network.
    package func upnpInterfaces() throws -> InterfaceSelection {
        let names = try list(.upnpInterfaces, expecting: Self.interfaceName, Self.interfaceName) ?? []
        if !names.isEmpty { return .named(names) }
        return try interfaceName().map { .named([$0]) } ?? .privateNetworks
    }

    /// The address families that the `upnp` commands use: both, unless one was asked for.
    package func upnpFamilies() throws -> AddressFamilies {
        try value(.upnpFamily, expecting: "ipv4 or ipv6") { ["ipv4": .ipv4, "ipv6": .ipv6][$0] } ?? .both
    }

    /// An address of this host and a port.
    package func endpoint(_ key: SettingKey) throws -> SocketEndpoint? {
        try value(key, expecting: "an address and a port such as 192.168.1.2:4433", SocketEndpoint.init)
    }

    /// What the gateway is to be called.
    package func gatewayName() throws -> String? {
        try value(.gatewayName, expecting: "a name of 1 to \(PairingCode.maximumNameBytes) bytes") { text in
            (1...PairingCode.maximumNameBytes).contains(text.utf8.count) ? text : nil
        }
    }

    /// The addresses that pairing codes carry.
    package func gatewayAddresses() throws -> [GatewayAddress] {
        try list(
            .gatewayAddresses, limit: PairingCode.maximumAddresses, expecting: "host:port such as home.example.org:4433"
        ) { GatewayAddress($0) } ?? []
    }
}

/// This host's name, for a gateway that was given none.
func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, 255) == 0 else { return "Latchkey" }
    let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return name.isEmpty ? "Latchkey" : name
}
