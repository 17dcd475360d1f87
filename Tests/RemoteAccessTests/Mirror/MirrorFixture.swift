import NetworkTypes
import RemoteAccess
import UPnP

/// A home with a media server, a renderer, a hidden lock, a hidden service on the server's host and a router.
enum MirrorFixture {
    static let server = "uuid:4d696e69-444c-164e-9d41-b827eb0a1b2c"
    static let renderer = "uuid:GMediaRender-1_0-000-000-002"
    static let lock = "uuid:0b1c9b2e-7f4f-4c56-9c3d-5f6a7b8c9d0e"
    static let router = "uuid:11111111-2222-3333-4444-555555555555"

    static let serverBase = "http://192.168.77.5:8200"
    static let rendererBase = "http://192.168.77.9:49494"
    static let authority = "10.20.30.40:9000"
    static let key = [UInt8](0..<32)

    static let network = HomeNetwork(
        prefixes: [prefix("192.168.77.0/24"), prefix("fd77:1::/64")],
        gatewayAddresses: [address("192.168.77.2")],
        routerAddresses: [address("192.168.77.1")]
    )

    static let home = HomeMap(
        network: network,
        devices: [
            HomeDevice(udn: server, endpoints: [endpoint("192.168.77.5:8200")], isPermitted: true),
            HomeDevice(udn: renderer, endpoints: [endpoint("192.168.77.9:49494")], isPermitted: true),
            HomeDevice(udn: lock, endpoints: [endpoint("192.168.77.30:80")], isPermitted: false),
            HomeDevice(udn: router, endpoints: [endpoint("192.168.77.1:5000")], isPermitted: false),
        ]
    )

    static func context(
        _ udn: String = server, subject: String = "alice", authority: String = authority, internet: Bool = false,
        home: HomeMap = home
    ) throws -> TranslationContext {
        TranslationContext(
            subject: subject, authority: authority, udn: udn, home: home, sealer: try URLSealer(key: key),
            allowsPublicURLs: internet)
    }

    static func url(_ text: String) throws -> HTTPURL {
        guard let url = HTTPURL(text) else { throw BadFixture(text: text) }
        return url
    }

    /// The sealed URL that the fixture's gateway issues for a home URL.
    static func issued(_ text: String, to subject: String = "alice", authority: String = authority) throws -> String {
        let context = try context(subject: subject, authority: authority)
        guard let issued = context.issue(try url(text), as: .media) else { throw BadFixture(text: text) }
        return issued
    }

    static func address(_ text: String) -> IPAddress { IPAddress(text) ?? .v4(.unspecified) }
    static func prefix(_ text: String) -> IPPrefix {
        IPPrefix(text) ?? IPPrefix(address: .v4(.loopback), length: 32) ?? all
    }
    static func endpoint(_ text: String) -> SocketEndpoint {
        SocketEndpoint(text) ?? SocketEndpoint(.v4(.unspecified), port: 0)
    }
    private static var all: IPPrefix { prefix("0.0.0.0/0") }

    struct BadFixture: Error { var text: String }

    /// Whether a home address stands in the text in any spelling.
    static func leaks(_ text: String) -> [AddressLeak] {
        AddressLeakScanner(network: network).leaks(in: text.utf8)
    }

    // MARK: - Documents, as minidlna and gmediarender write them

    static let serverDescription = """
        <?xml version="1.0"?>
        <root xmlns="urn:schemas-upnp-org:device-1-0" configId="1337">
        <specVersion><major>1</major><minor>0</minor></specVersion>
        <URLBase>http://192.168.77.5:8200/</URLBase>
        <device>
        <deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
        <friendlyName>nas: root on 192.168.77.5</friendlyName>
        <manufacturer>Justin Maggard</manufacturer>
        <manufacturerURL>http://www.netgear.com/</manufacturerURL>
        <modelDescription>MiniDLNA on Linux</modelDescription>
        <modelName>Windows Media Connect compatible (MiniDLNA)</modelName>
        <modelNumber>1.3.0</modelNumber>
        <modelURL>http://www.netgear.com</modelURL>
        <serialNumber>00000000</serialNumber>
        <UDN>\(server)</UDN>
        <dlna:X_DLNADOC xmlns:dlna="urn:schemas-dlna-org:device-1-0">DMS-1.50</dlna:X_DLNADOC>
        <sec:ProductCap xmlns:sec="http://www.sec.co.kr/dlna">smi,DCM10,getMediaInfo.sec,getCaptionInfo.sec</sec:ProductCap>
        <vendor:admin xmlns:vendor="urn:example:vendor" help="http://192.168.77.5/help">http://192.168.77.30/door</vendor:admin>
        <presentationURL>/</presentationURL>
        <iconList>
        <icon><mimetype>image/png</mimetype><width>48</width><height>48</height><depth>24</depth><url>/icons/sm.png</url></icon>
        <icon><mimetype>image/png</mimetype><width>120</width><height>120</height><depth>24</depth><url>http://192.168.77.30/lrg.png</url></icon>
        </iconList>
        <serviceList>
        <service><serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType><serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId><controlURL>/ctl/ContentDir</controlURL><eventSubURL>/evt/ContentDir</eventSubURL><SCPDURL>/ContentDir.xml</SCPDURL></service>
        <service><serviceType>urn:schemas-upnp-org:service:ConnectionManager:1</serviceType><serviceId>urn:upnp-org:serviceId:ConnectionManager</serviceId><controlURL>ctl/ConnectionMgr</controlURL><eventSubURL>http://192.168.77.30/evt</eventSubURL><SCPDURL>ConnectionMgr.xml</SCPDURL></service>
        <service><serviceType>urn:example:service:Elsewhere:1</serviceType><serviceId>urn:example:serviceId:Elsewhere</serviceId><controlURL>http://192.168.77.9:49494/upnp/control/x</controlURL><eventSubURL>/evt/x</eventSubURL><SCPDURL>/x.xml</SCPDURL></service>
        </serviceList>
        </device>
        </root>
        """

    static func item(_ number: Int) -> String {
        """
        <item id="64$0$\(number)" parentID="64$0" restricted="1"><dc:title>Kind of &amp; Blue \(number)</dc:title>\
        <upnp:class>object.item.videoItem</upnp:class><dc:date>2021-05-01T10:00:00</dc:date>\
        <res size="16384000" duration="0:03:25.000" resolution="1280x720" sampleFrequency="48000" \
        protocolInfo="http-get:*:video/mp4:DLNA.ORG_PN=AVC_MP4_MP_SD_AAC_MULT5;DLNA.ORG_OP=01;DLNA.ORG_CI=0">\
        \(serverBase)/MediaItems/\(number).mp4</res>\
        <upnp:albumArtURI dlna:profileID="JPEG_TN">\(serverBase)/AlbumArt/\(number)-9.jpg</upnp:albumArtURI>\
        <res protocolInfo="http-get:*:image/jpeg:DLNA.ORG_PN=JPEG_SM;DLNA.ORG_CI=1">\
        \(serverBase)/Resized/\(number).jpg?width=160,height=160</res></item>
        """
    }

    static func didl(_ items: String) -> String {
        """
        <DIDL-Lite xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/" \
        xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dlna="urn:schemas-dlna-org:metadata-1-0/">\
        \(items)</DIDL-Lite>
        """
    }

    /// gmediarender's event while it plays item 22, metadata escaped inside an attribute.
    static var lastChange: String {
        let metadata = XMLElement.escaped(didl(item(22)))
        return """
            <Event xmlns="urn:schemas-upnp-org:metadata-1-0/AVT/"><InstanceID val="0">\
            <TransportState val="PLAYING"/><AVTransportURI val="\(serverBase)/MediaItems/22.mp4"/>\
            <AVTransportURIMetaData val="\(metadata)"/><CurrentTrackDuration val="00:03:25"/>\
            <CurrentTrackURI val="\(serverBase)/MediaItems/22.mp4"/></InstanceID></Event>
            """
    }
}
