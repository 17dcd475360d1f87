/// One thing that can be configured, by its three names.
package struct SettingKey: Hashable, Sendable {
    /// Where the configuration file holds it: `gateway.listen` is `{"gateway": {"listen": …}}`.
    package let path: [String]
    /// The option of the command line, such as `--listen`; nil when there is none.
    package let option: String?

    package init(_ path: String..., option: String?) {
        self.path = path
        self.option = option
    }

    /// The key as the configuration file's error messages write it.
    package var dotted: String { path.joined(separator: ".") }

    /// The environment's name for it: `gateway.maxSessions` is `LATCHKEY_GATEWAY_MAX_SESSIONS`.
    package var variable: String {
        let words = path.map { component in
            component.reduce(into: "") { result, character in
                if character.isUppercase, result.last?.isLowercase == true { result.append("_") }
                result.append(character)
            }
        }
        return (["LATCHKEY"] + words.map { $0.uppercased() }).joined(separator: "_")
    }
}

extension SettingKey {
    /// The folder that holds keys and the database.
    package static let state = SettingKey("state", option: "--state")
    /// The network interface to speak UPnP on.
    package static let interface = SettingKey("interface", option: "--interface")
    /// The network interfaces that the `upnp` commands work on.
    package static let upnpInterfaces = SettingKey("upnp", "interfaces", option: "--interface")
    /// `ipv4` or `ipv6`, where the `upnp` commands are to use one alone.
    package static let upnpFamily = SettingKey("upnp", "family", option: "--ipv4 or --ipv6")
    /// The least level that is logged.
    package static let logLevel = SettingKey("log", "level", option: "--log-level")
    /// `text` or `json`.
    package static let logFormat = SettingKey("log", "format", option: "--log-format")
    /// SSDP's UDP port, for tests.
    package static let ssdpPort = SettingKey("ssdp", "port", option: "--ssdp-port")
    /// SSDP's multicast group, for tests.
    package static let ssdpGroup = SettingKey("ssdp", "group", option: "--ssdp-group")
    /// Where the gateway waits for clients.
    package static let gatewayListen = SettingKey("gateway", "listen", option: "--listen")
    /// What the gateway calls itself.
    package static let gatewayName = SettingKey("gateway", "name", option: "--name")
    /// The addresses that pairing codes carry.
    package static let gatewayAddresses = SettingKey("gateway", "addresses", option: "--address")
    /// Servers that say where the gateway is outside.
    package static let gatewaySTUN = SettingKey("gateway", "stun", option: "--stun")
    /// Servers that relay datagrams; their passwords are not for a command line, which every program on the host can read.
    package static let gatewayTURN = SettingKey("gateway", "turn", option: nil)
    /// A file with such servers that is read again for each path, because credentials end.
    package static let gatewayTURNFile = SettingKey("gateway", "turnFile", option: nil)
    /// Whether clients that have a session may find a direct path of datagrams with the gateway.
    package static let gatewayDirect = SettingKey("gateway", "direct", option: "--no-direct")
    /// The relays that the gateway is reached through as well.
    package static let gatewayRelays = SettingKey("gateway", "relays", option: "--relay")
    /// The secret of an invitation to those relays; never on a command line, which every program on the host can read.
    package static let gatewayRelayInvitation = SettingKey("gateway", "relayInvitation", option: nil)
    /// How many sessions are served at a time.
    package static let gatewayMaxSessions = SettingKey("gateway", "maxSessions", option: "--max-sessions")
    /// `tls`, `quic` or `auto`: on what clients are served.
    package static let gatewayCarrier = SettingKey("gateway", "carrier", option: "--carrier")
    /// The lowest TLS version that is spoken.
    package static let gatewayMinimumTLS = SettingKey("gateway", "minimumTLS", option: "--minimum-tls")
    /// Whether and how the home's router is asked to pass the gateway's port on.
    package static let gatewayMapping = SettingKey("gateway", "mapping", option: "--mapping")
    /// The name that is kept at the gateway's current address.
    package static let ddnsName = SettingKey("ddns", "name", option: nil)
    /// A dyndns2 server's update URL.
    package static let ddnsURL = SettingKey("ddns", "url", option: nil)
    /// Who asks there.
    package static let ddnsUser = SettingKey("ddns", "user", option: nil)
    /// The file with the password.
    package static let ddnsPasswordFile = SettingKey("ddns", "passwordFile", option: nil)
    /// The name server that takes updates (RFC 2136).
    package static let ddnsServer = SettingKey("ddns", "server", option: nil)
    /// The zone that is updated.
    package static let ddnsZone = SettingKey("ddns", "zone", option: nil)
    /// The file with the TSIG key.
    package static let ddnsKeyFile = SettingKey("ddns", "keyFile", option: nil)
    /// Where address records are posted.
    package static let pushURL = SettingKey("push", "url", option: nil)
    /// The file with the token for that.
    package static let pushTokenFile = SettingKey("push", "tokenFile", option: nil)
    /// Authorities that are believed in the place of the system's.
    package static let webRoots = SettingKey("web", "roots", option: nil)
    /// The name server that an away client asks.
    package static let awayNameServer = SettingKey("away", "nameServer", option: nil)
    /// Whether the gateway is an `RAServer` at home, with the Remote Access services.
    package static let gatewayStandardServices = SettingKey(
        "gateway", "standardServices", option: "--no-standard-services")
    /// How long a client's certificate is good for, such as `30d`.
    package static let gatewayCertificateLife = SettingKey("gateway", "certificateLife", option: nil)
    /// How many entries of the audit log are kept.
    package static let auditEntries = SettingKey("audit", "maxEntries", option: nil)
    /// How many bytes of them.
    package static let auditBytes = SettingKey("audit", "maxBytes", option: nil)
    /// Whether the secure group is served.
    package static let groupKeyManager = SettingKey(
        "group", "keyManager", option: "--group-key-manager or --no-group-key-manager")
    /// Whether the group's requests are relayed here.
    package static let groupForwarder = SettingKey("group", "forwarder", option: "--no-group-forwarder")
    /// The network interfaces that the group lives on.
    package static let groupInterfaces = SettingKey("group", "interfaces", option: "--group-interface")
    /// The key manager's UDP port.
    package static let groupKeyManagerPort = SettingKey("group", "keyManagerPort", option: nil)
    /// The forwarder's UDP port.
    package static let groupForwarderPort = SettingKey("group", "forwarderPort", option: nil)
    /// The UDP port of the group's multicast addresses.
    package static let groupMulticastPort = SettingKey("group", "multicastPort", option: nil)
    /// Whether requests that are not encrypted are relayed.
    package static let groupAllowUnencrypted = SettingKey("group", "allowUnencrypted", option: nil)
    /// How many registrations are taken in a second, of one address too.
    package static let groupRegistrationsPerSecond = SettingKey("group", "registrationsPerSecond", option: nil)
    /// Servers that say where this client is outside.
    package static let awaySTUN = SettingKey("away", "stun", option: "--stun")
    /// Servers that relay datagrams, likewise not for a command line.
    package static let awayTURN = SettingKey("away", "turn", option: nil)
    /// A file with such servers that is read again for each path.
    package static let awayTURNFile = SettingKey("away", "turnFile", option: nil)
    /// Whether a direct path of datagrams is looked for.
    package static let awayDirect = SettingKey("away", "direct", option: "--no-direct")
    /// Which of several paired gateways to use.
    package static let awayGateway = SettingKey("away", "gateway", option: "--gateway")
    /// Where the away client serves the mirrored devices.
    package static let awayListen = SettingKey("away", "listen", option: "--listen")
    /// Whether neighbours of the away network are served.
    package static let awayShare = SettingKey("away", "share", option: "--share")
    /// Which neighbours are served.
    package static let awayAllow = SettingKey("away", "allow", option: "--allow")
    /// Which kinds of paths to the gateway are used, the best first.
    package static let awayPaths = SettingKey("away", "paths", option: "--paths")
    /// The pauses before a better path is looked for, the last one repeated.
    package static let awayPathPauses = SettingKey("away", "pathPauses", option: nil)
    /// How often a better path is looked for at most.
    package static let awayPathAttempts = SettingKey("away", "pathAttempts", option: nil)
    /// How long a better path is tried alone.
    package static let awayPathHeadStart = SettingKey("away", "pathHeadStart", option: nil)
    /// `tls`, `quic` or `auto`: on what the gateway is reached.
    package static let awayCarrier = SettingKey("away", "carrier", option: "--carrier")
    /// After how many silent seconds the gateway is taken for lost.
    package static let awaySilence = SettingKey("away", "silence", option: "--silence")

    /// The network that is shown the devices of the other.
    package static let vlanBetween = SettingKey("vlan", "between", option: "--between")
    /// The network whose devices are shown.
    package static let vlanAnd = SettingKey("vlan", "and", option: "--and")
    /// Whether each network is shown the other's devices.
    package static let vlanBothWays = SettingKey("vlan", "bothWays", option: "--both-ways")
    /// What may be done with the devices, by the name of a preset.
    package static let vlanPreset = SettingKey("vlan", "preset", option: "--preset")
    /// A policy's file that is kept in force.
    package static let vlanPolicy = SettingKey("vlan", "policy", option: "--policy")
    /// What rights call whoever asks.
    package static let vlanSubject = SettingKey("vlan", "subject", option: "--subject")
    /// Which neighbours are served.
    package static let vlanAllow = SettingKey("vlan", "allow", option: "--allow")
    /// The TCP port at which devices tell events.
    package static let vlanEventsPort = SettingKey("vlan", "eventsPort", option: "--events-port")

    /// Every key; a configuration file that holds another one is refused.
    package static let all: [SettingKey] = [
        .state, .interface, .upnpInterfaces, .upnpFamily, .logLevel, .logFormat, .ssdpPort, .ssdpGroup,
        .gatewayListen, .gatewayName, .gatewayAddresses, .gatewayRelays, .gatewayRelayInvitation, .gatewaySTUN,
        .gatewayTURN, .gatewayTURNFile, .gatewayDirect, .gatewayMaxSessions, .gatewayCarrier, .gatewayMinimumTLS,
        .gatewayStandardServices, .gatewayMapping, .gatewayCertificateLife, .auditEntries, .auditBytes,
        .ddnsName, .ddnsURL, .ddnsUser, .ddnsPasswordFile, .ddnsServer, .ddnsZone, .ddnsKeyFile, .pushURL,
        .pushTokenFile,
        .webRoots, .awayNameServer,
        .groupKeyManager, .groupForwarder, .groupInterfaces, .groupKeyManagerPort, .groupForwarderPort,
        .groupMulticastPort, .groupAllowUnencrypted, .groupRegistrationsPerSecond,
        .awaySTUN, .awayTURN, .awayTURNFile, .awayDirect, .awayGateway, .awayListen, .awayShare, .awayAllow,
        .awayCarrier, .awaySilence, .awayPaths, .awayPathPauses, .awayPathAttempts, .awayPathHeadStart,
        .vlanBetween, .vlanAnd, .vlanBothWays, .vlanPreset, .vlanPolicy, .vlanSubject, .vlanAllow, .vlanEventsPort,
    ]
}
