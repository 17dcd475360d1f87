/// What is expected of a device description of the corpus.
struct CorpusDevice: Hashable, Sendable {
    var file: String
    var type: String
    var name: String
    /// Devices, the root device included.
    var devices: Int
    var services: Int
    var icons: Int
    var dlna: [String] = []
    /// Rule and place of each issue.
    var issues: [String] = []
}

/// What is expected of a service description of the corpus.
struct CorpusService: Hashable, Sendable {
    var file: String
    /// Names with the number of arguments.
    var actions: [String]
    var variables: Int
    var evented: [String]
    var issues: [String] = []
}

extension CorpusDevice {
    static let all: [CorpusDevice] = [
        CorpusDevice(
            file: "camera-axis", type: "urn:schemas-upnp-org:device:Basic:1", name: "AXIS M0000 - 02005E10500E",
            devices: 1, services: 1, icons: 0, issues: ["malformed device/UDN"]),
        CorpusDevice(
            file: "camera-basic", type: "urn:schemas-upnp-org:device:EmbeddedNetDevice:1",
            name: "HIKVISION DS-2CD0000 - AAAAAAAAA", devices: 1, services: 1, icons: 0),
        CorpusDevice(
            file: "chromecast-dial", type: "urn:dial-multiscreen-org:device:dial:1", name: "Bedroom cast", devices: 1,
            services: 1, icons: 1),
        CorpusDevice(
            file: "denon-heos", type: "urn:schemas-denon-com:device:AiosDevice:1", name: "Studio", devices: 4,
            services: 9, icons: 0, issues: ["missing configId"]),
        CorpusDevice(
            file: "disc-player-utf16", type: "urn:schemas-upnp-org:device:MediaRenderer:2", name: "リビング", devices: 1,
            services: 1, icons: 0),
        CorpusDevice(
            file: "fritzbox-igd", type: "urn:schemas-upnp-org:device:InternetGatewayDevice:2", name: "FRITZ!Box Sample",
            devices: 3, services: 6, icons: 1,
            issues: ["malformed device 2/UPC", "tooLong device 3/modelName", "malformed device 3/UPC"]),
        CorpusDevice(
            file: "fritzbox-tr064", type: "urn:dslforum-org:device:InternetGatewayDevice:1", name: "FRITZ!Box Sample",
            devices: 2, services: 12, icons: 1, issues: ["malformed root"]),
        CorpusDevice(
            file: "gmediarender", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "Workshop Radio",
            devices: 1, services: 3, icons: 2),
        CorpusDevice(
            file: "homematic-ccu", type: "urn:schemas-upnp-org:device:Basic:1", name: "Zentrale Küche", devices: 1,
            services: 1, icons: 0,
            issues: [
                "malformed device/UDN", "unreachable device/service 1/SCPDURL",
                "unreachable device/service 1/controlURL",
            ]),
        CorpusDevice(
            file: "hue-bridge", type: "urn:schemas-upnp-org:device:Basic:1", name: "Hue Bridge (192.168.20.50)",
            devices: 1, services: 0, icons: 1),
        CorpusDevice(
            file: "jellyfin", type: "urn:schemas-upnp-org:device:MediaServer:1", name: "Jellyfin - <loft>", devices: 1,
            services: 3, icons: 2, dlna: ["DMS-1.50", "M-DMS-1.50"], issues: ["malformed device/service 3/serviceType"]),
        CorpusDevice(
            file: "kodi-renderer", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "Kodi (den)", devices: 1,
            services: 3, icons: 0, dlna: ["DMR-1.50"]),
        CorpusDevice(
            file: "kodi-server", type: "urn:schemas-upnp-org:device:MediaServer:1", name: "Kodi (den)", devices: 1,
            services: 2, icons: 3, dlna: ["DMS-1.50"], issues: ["tooLong device/modelNumber"]),
        CorpusDevice(
            file: "latchkey-light", type: "urn:schemas-upnp-org:device:DimmableLight:1", name: "Desk lamp", devices: 1,
            services: 2, icons: 0),
        CorpusDevice(
            file: "lg-tv-renderer", type: "urn:schemas-upnp-org:device:MediaRenderer:1",
            name: "[LG] webOS TV 00UK0000PLA", devices: 1, services: 3, icons: 4, dlna: ["DMR-1.50"]),
        CorpusDevice(
            file: "minidlna", type: "urn:schemas-upnp-org:device:MediaServer:1", name: "attic: minidlna", devices: 1,
            services: 3, icons: 4, dlna: ["DMS-1.50"], issues: ["malformed device/service 3/serviceType"]),
        CorpusDevice(
            file: "miniupnpd", type: "urn:schemas-upnp-org:device:InternetGatewayDevice:2", name: "OpenRouter router",
            devices: 3, services: 5, icons: 0),
        CorpusDevice(
            file: "old-gateway", type: "urn:schemas-upnp-org:device:InternetGatewayDevice:1", name: "Passerelle café",
            devices: 2, services: 1, icons: 0,
            issues: [
                "malformed root", "malformed device/UDN", "missing device/manufacturer",
                "unreachable device 2/service 1/SCPDURL", "unreachable device 2/service 1/controlURL",
                "unreachable device 2/service 1/eventSubURL",
            ]),
        CorpusDevice(
            file: "printer", type: "urn:schemas-upnp-org:device:Printer:1",
            name: "Laser Printer MFP Sample [02005E10500C]", devices: 1, services: 0, icons: 0,
            issues: ["tooLong device/modelDescription", "tooLong device/modelName"]),
        CorpusDevice(
            file: "renderer-wrong-namespace", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "Soundbar",
            devices: 1, services: 1, icons: 0,
            issues: [
                "malformed root", "malformed device/service 1/serviceType", "malformed device/service 1/serviceId",
            ]),
        CorpusDevice(
            file: "roku", type: "urn:roku-com:device:player:1-0", name: "Guest Room Stick", devices: 1, services: 2,
            icons: 1,
            issues: [
                "malformed device/deviceType", "unreachable device/service 1/controlURL",
                "unreachable device/service 2/controlURL",
            ]),
        CorpusDevice(
            file: "rygel", type: "urn:schemas-upnp-org:device:MediaServer:3", name: "Anna’s media on cellar",
            devices: 1, services: 3, icons: 4, dlna: ["DMS-1.51"], issues: ["malformed device/service 3/serviceType"]),
        CorpusDevice(
            file: "samsung-tv-agent", type: "urn:samsung.com:device:MainTVServer2:1", name: "[TV]Lounge", devices: 1,
            services: 1, icons: 0, issues: ["malformed device/deviceType", "malformed device/service 1/serviceType"]),
        CorpusDevice(
            file: "samsung-tv-renderer", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "[TV] Lounge",
            devices: 1, services: 3, icons: 2, dlna: ["DMR-1.50"],
            issues: [
                "missing device/service 1/serviceId", "missing device/service 2/serviceId",
                "missing device/service 3/serviceId",
            ]),
        CorpusDevice(
            file: "sonos", type: "urn:schemas-upnp-org:device:ZonePlayer:1",
            name: "192.168.20.40 - A Speaker - RINCON_02005E10500201400", devices: 3, services: 14, icons: 1,
            issues: [
                "malformed device/UDN", "malformed device 2/UDN", "tooLong device 2/friendlyName",
                "malformed device 3/UDN",
            ]),
        CorpusDevice(
            file: "speaker-bare-ampersand", type: "urn:schemas-upnp-org:device:MediaRenderer:1",
            name: "Kitchen & Dining", devices: 1, services: 1, icons: 0),
        CorpusDevice(
            file: "synology-nas", type: "urn:schemas-upnp-org:device:Basic:1", name: "vault (DS000)", devices: 1,
            services: 1, icons: 0),
        CorpusDevice(
            file: "tp-link-router", type: "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
            name: "Wireless Dual Band Gigabit Router Archer Sample", devices: 3, services: 4, icons: 0,
            issues: ["duplicate device 3/service 2/controlURL", "duplicate device 3/service 2/eventSubURL"]),
        CorpusDevice(
            file: "upmpdcli-openhome", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "UpMpd", devices: 1,
            services: 8, icons: 0),
        CorpusDevice(
            file: "wemo", type: "urn:Belkin:device:controllee:1", name: "Fan", devices: 1, services: 10, icons: 1,
            issues: [
                "malformed root", "malformed device/UDN", "malformed device/UPC", "malformed device/icon 1/mimetype",
            ]),
        CorpusDevice(
            file: "windows-media-player", type: "urn:schemas-upnp-org:device:MediaServer:1", name: "DESK: anna:",
            devices: 1, services: 3, icons: 2, dlna: ["DMS-1.50"], issues: ["malformed device/service 3/serviceType"]),
        CorpusDevice(
            file: "xbox", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "Game Console", devices: 1,
            services: 3, icons: 0, dlna: ["DMR-1.50"]),
        CorpusDevice(
            file: "yamaha-receiver", type: "urn:schemas-upnp-org:device:MediaRenderer:1", name: "Hi-Fi 000000",
            devices: 1, services: 3, icons: 2, dlna: ["DMR-1.50"]),
    ]
}

extension CorpusService {
    static let all: [CorpusService] = [
        CorpusService(file: "any", actions: [], variables: 0, evented: [], issues: ["missing serviceStateTable"]),
        CorpusService(
            file: "av-transport",
            actions: ["SetAVTransportURI(3)", "GetTransportInfo(4)", "Play(2)", "Stop(1)", "Seek(3)"], variables: 12,
            evented: ["LastChange"],
            issues: [
                "inconsistent PlaybackStorageMedium/defaultValue", "inconsistent CurrentTrack/allowedValueRange",
                "inconsistent CurrentTrack/allowedValueRange/step",
            ]),
        CorpusService(
            file: "connection-manager",
            actions: ["GetProtocolInfo(2)", "GetCurrentConnectionIDs(1)", "GetCurrentConnectionInfo(3)"], variables: 6,
            evented: ["SourceProtocolInfo", "SinkProtocolInfo", "CurrentConnectionIDs"]),
        CorpusService(
            file: "content-directory",
            actions: [
                "GetSearchCapabilities(1)", "GetSortCapabilities(1)", "GetSystemUpdateID(1)", "Browse(10)",
                "Search(10)",
            ], variables: 14, evented: ["TransferIDs", "SystemUpdateID", "ContainerUpdateIDs"]),
        CorpusService(
            file: "dimming", actions: ["SetLoadLevelTarget(1)", "GetLoadLevelStatus(1)", "StepUp(0)"], variables: 3,
            evented: ["LoadLevelStatus", "IsRamping"]),
        CorpusService(
            file: "odd-types", actions: ["Get-Status(2)", "GetEverythingThatThisDeviceKnowsNow(2)"], variables: 7,
            evented: ["A_ARG_TYPE_X", "Blob", "Untyped"],
            issues: [
                "malformed Get-Status", "inconsistent Get-Status/In", "inconsistent Get-Status/In",
                "tooLong GetEverythingThatThisDeviceKnowsNow", "duplicate GetEverythingThatThisDeviceKnowsNow/A",
                "malformed Status/dataType", "duplicate Status/allowedValueList", "missing Status/allowedValue",
                "malformed When/dataType", "inconsistent When/defaultValue", "malformed Size/dataType",
                "inconsistent Size/allowedValueRange", "malformed Size/allowedValueRange/step",
                "inconsistent Name/allowedValueRange", "inconsistent A_ARG_TYPE_X",
                "inconsistent A_ARG_TYPE_X/allowedValueList", "missing Untyped/dataType",
            ]),
        CorpusService(
            file: "old-template", actions: ["GetDefaultConnectionService(1)"], variables: 3,
            evented: ["DefaultConnectionService"], issues: ["malformed Layer1UpstreamMaxBitRate/dataType"]),
        CorpusService(
            file: "openhome-playlist", actions: ["Insert(4)", "IdArray(2)", "Repeat(1)"], variables: 6,
            evented: ["Id", "IdArray", "Repeat"]),
        CorpusService(
            file: "rendering-control",
            actions: ["ListPresets(2)", "GetVolume(3)", "SetVolume(3)", "GetVolumeDB(3)", "SetMute(3)"], variables: 7,
            evented: ["LastChange"]),
        CorpusService(
            file: "switch-arguments-in-the-list", actions: ["SetBinaryState(1)", "GetMetaInfo(1)"], variables: 2,
            evented: ["BinaryState", "MetaInfo"],
            issues: [
                "inconsistent SetBinaryState/BinaryState", "inconsistent GetMetaInfo/GetMetaInfo",
                "malformed BinaryState/dataType",
            ]),
        CorpusService(
            file: "wan-ip-connection",
            actions: ["AddPortMapping(8)", "DeletePortMapping(3)", "GetExternalIPAddress(1)", "GetStatusInfo(3)"],
            variables: 12, evented: ["ConnectionStatus", "ExternalIPAddress"]),
    ]
}
