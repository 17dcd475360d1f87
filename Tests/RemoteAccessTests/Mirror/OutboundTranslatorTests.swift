import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct OutboundTranslatorTests {
    private let server: OutboundTranslator
    private let renderer: OutboundTranslator

    init() throws {
        server = OutboundTranslator(try MirrorFixture.context())
        renderer = OutboundTranslator(try MirrorFixture.context(MirrorFixture.renderer))
    }

    private func parsed(_ text: String) throws -> XMLElement { try XMLElement(parsing: text.utf8) }

    @Test func `a URL of the device becomes the sealed URL on the away client`() throws {
        let url = "http://192.168.77.5:8200/MediaItems/22.mp4"
        let value = server.value(url)
        #expect(value == (try MirrorFixture.issued(url)))
        #expect(value.hasPrefix("http://10.20.30.40:9000/m/") && value.hasSuffix("/22.mp4"))
    }

    @Test func `a URL of another permitted device is sealed to that device, the same for every speaker`() throws {
        let url = "http://192.168.77.5:8200/MediaItems/22.mp4"
        #expect(renderer.value(url) == server.value(url))
        let resource = try MirrorFixture.context().open(path(of: renderer.value(url)))
        #expect(resource.udn == MirrorFixture.server)
    }

    private func path(of url: String) -> String {
        String(url.dropFirst("http://\(MirrorFixture.authority)".count))
    }

    @Test(arguments: [
        "http://192.168.77.30/door", "http://192.168.77.99/x", "http://192.168.77.1:5000/x",
        "http://192.168.77.2/admin",
        "http://127.0.0.1:8200/x", "http://localhost/x", "http://nas.local/x", "http://nas/x", "http://10.1.2.3/x",
        "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[::1]/",
        "http://[::ffff:192.168.77.5]/x",
        "http://user:pw@192.168.77.5:8200/x", "http://3232255237/x", "http://0xc0.0xa8.0x4d.5/x",
        "http://0300.0250.0115.05/",
        "HTTP://192.168.77.99/x", "rtsp://192.168.77.5/x", "rtsp://example.com/x", "//192.168.77.99/x",
        "ftp://192.168.77.5/",
        "http:192.168.77.99/x", "http:/\\192.168.77.99/x", "http://192.168.77.99.nip.io/x", "http://example.com/x",
        "http://example.com/?u=http%3A%2F%2F192.168.77.5%2F", "smb://192.168.77.5/share", "http://192%2E168.77.5/",
    ])
    func `a URL that is nobody's is blanked`(url: String) {
        #expect(server.value(url) == "")
    }

    @Test(arguments: [
        "http://example.com/x", "https://8.8.8.8/x?y#z", "HTTP://Example.COM/x", "http://xn--bcher-kva.example/",
        "See http://www.netgear.com/ for more", "x-rincon-mp3radio://stream.example.org/one",
    ])
    func `an internet URL passes as it is, where policy allows`(url: String) throws {
        let open = OutboundTranslator(try MirrorFixture.context(internet: true))
        #expect(open.value(url) == url)
        #expect(server.value(url) != url)
    }

    @Test(arguments: [
        "http://example.com/?u=http://192.168.77.5/", "http://example.com/192%2e168.77.5",
        "http://192-168-77-99.sslip.io/",
        "http://10.0.0.1.nip.io/", "http://router.lan/", "http://example.local./", "mms://192.168.77.5/",
    ])
    func `a home address is blanked even inside an internet URL that policy would allow`(url: String) throws {
        #expect(OutboundTranslator(try MirrorFixture.context(internet: true)).value(url) == "")
    }

    @Test func `URLs within text, lists of URLs and bare addresses are found`() throws {
        let one = "http://192.168.77.5:8200/a.mp3"
        let two = "http://192.168.77.5:8200/b.jpg?width=160,height=160"
        #expect(
            server.value("see \(one), or <\(two)>.")
                == "see \(try MirrorFixture.issued(one)), or <\(try MirrorFixture.issued(two))>.")
        #expect(server.value("\(one),\(two)") == "\(try MirrorFixture.issued(one)),\(try MirrorFixture.issued(two))")
        #expect(server.value("nas at 192.168.77.5, port 8200") == "nas at , port 8200")
        #expect(server.value("[fd77:1::5]:80") == "[]:80")
        #expect(server.value("192%2E168%2E77%2E5") == "")
        #expect(server.value("http%3A%2F%2F192.168.77.5%2Fx") == "http%3A%2F%2F%2Fx")
    }

    @Test(arguments: [
        "", "Kind of Blue", "http-get:*:video/mp4:DLNA.ORG_PN=AVC;DLNA.ORG_OP=01", "0:03:25.000", "1.2.3.4",
        "uuid:4d696e69-444c-164e-9d41-b827eb0a1b2c", "urn:schemas-upnp-org:service:AVTransport:1", "AT&T", "50% off",
        "<3 you", "a < b", "x-rincon:RINCON_000E58", "C:\\Music", "NOT_IMPLEMENTED", "10.0.0.7",
    ])
    func `other values pass untouched`(value: String) {
        #expect(server.value(value) == value)
    }

    @Test func `a file name with spaces is sealed whole`() throws {
        #expect(
            server.value("http://192.168.77.5:8200/My Film (1).mp4")
                == (try MirrorFixture.issued("http://192.168.77.5:8200/My%20Film%20(1).mp4")))
    }

    @Test func `a Browse result is translated by structure and keeps everything else`() throws {
        let response = ActionResponse(
            serviceType: "urn:schemas-upnp-org:service:ContentDirectory:1", action: "Browse",
            arguments: [
                ActionArgument("Result", MirrorFixture.didl(MirrorFixture.item(22) + MirrorFixture.item(23))),
                ActionArgument("NumberReturned", "2"), ActionArgument("TotalMatches", "2"),
                ActionArgument("UpdateID", "7"),
            ])
        let document = try server.checked(server.response(response).serialized())
        #expect(MirrorFixture.leaks(document).isEmpty)
        let result = try ActionResponse(parsing: document.utf8)
        #expect(result.arguments.map(\.name) == ["Result", "NumberReturned", "TotalMatches", "UpdateID"])
        let items = try parsed(result["Result"] ?? "").all("item")
        #expect(items.map { $0.first("title")?.text } == ["Kind of & Blue 22", "Kind of & Blue 23"])
        let urls = items.first?.all("res").map(\.text) ?? []
        #expect(
            urls == [
                try MirrorFixture.issued("http://192.168.77.5:8200/MediaItems/22.mp4"),
                try MirrorFixture.issued("http://192.168.77.5:8200/Resized/22.jpg?width=160,height=160"),
            ])
        #expect(
            items.first?.first("res")?.attribute("protocolInfo")?.hasPrefix("http-get:*:video/mp4:DLNA.ORG_PN=") == true
        )
        #expect(items.first?.first("albumArtURI")?.attributes.first?.prefix == "dlna")
    }

    @Test func `a resource whose URL cannot be translated is left out, other elements are blanked`() throws {
        let didl = MirrorFixture.didl(
            "<item id=\"1\"><res protocolInfo=\"rtsp-rtp-udp:*:*:*\">rtsp://192.168.77.5/1</res>"
                + "<res>http://192.168.77.5:8200/1.mp4</res><upnp:albumArtURI>http://192.168.77.30/1.jpg</upnp:albumArtURI></item>"
        )
        let item = try parsed(server.value(didl)).first("item")
        #expect(item?.all("res").count == 1)
        #expect(item?.first("albumArtURI")?.text == "")
    }

    @Test func `LastChange with escaped metadata is translated at every depth`() throws {
        let event = renderer.propertySet(PropertySet([EventProperty("LastChange", MirrorFixture.lastChange)]))
        let body = try renderer.checked(event.serialized())
        let change = try parsed(try PropertySet(parsing: body.utf8)["LastChange"] ?? "")
        let instance = try #require(change.first("InstanceID"))
        let media = try MirrorFixture.issued("http://192.168.77.5:8200/MediaItems/22.mp4")
        #expect(instance.first("AVTransportURI")?.attribute("val") == media)
        #expect(instance.first("CurrentTrackDuration")?.attribute("val") == "00:03:25")
        let metadata = try parsed(instance.first("AVTransportURIMetaData")?.attribute("val") ?? "")
        #expect(metadata.first("item")?.first("res")?.text == media)
        #expect(metadata.first("item")?.first("title")?.text == "Kind of & Blue 22")
    }

    @Test func `documents escaped up to five times are translated, deeper ones blanked rather than passed`() throws {
        for depth in 1...9 {
            var text = MirrorFixture.didl(MirrorFixture.item(22))
            for _ in 0..<depth { text = "<a v=\"\(XMLElement.escaped(text))\"/>" }
            let result = server.value(text)
            #expect(MirrorFixture.leaks(result).isEmpty, "depth \(depth)")
            var inner = result
            for _ in 0..<min(depth, 6) { inner = try parsed(inner).attribute("v") ?? "" }
            if depth <= 5 {
                let media = try MirrorFixture.issued("http://192.168.77.5:8200/MediaItems/22.mp4")
                #expect(try parsed(inner).first("item")?.first("res")?.text == media)
            } else {
                #expect(inner == "")
            }
        }
    }

    @Test func `a value that is escaped once too often is translated and stays escaped as often`() throws {
        let didl = MirrorFixture.didl(MirrorFixture.item(22))
        let result = server.value(XMLElement.escaped(didl))
        #expect(result == XMLElement.escaped(server.value(didl)))
        #expect(result.hasPrefix("&lt;DIDL-Lite"))
    }

    @Test func `XML that does not parse is scanned with an eye for entities`() throws {
        let broken =
            "<DIDL-Lite><item><dc:title>Tom & Jerry</dc:title><res>http://192.168.77.5:8200/1.mp4?a=1&amp;b=2</res>"
        let result = server.value(broken)
        #expect(
            result == "<DIDL-Lite><item><dc:title>Tom & Jerry</dc:title><res>"
                + (try MirrorFixture.issued("http://192.168.77.5:8200/1.mp4?a=1&b=2")) + "</res>")
        #expect(!server.value("<a>http&#58;//192&#46;168.77.5/<b>").contains("168.77"))
        #expect(server.value("<!DOCTYPE a [<!ENTITY x \"192.168.77.5\">]><a>&x;</a>").contains("192.168") == false)
        let attribute = "<a x=\"http://192.168.77.5:8200/q&quot; y=&quot;192.168.77.9&quot;><b>"
        #expect(MirrorFixture.leaks(server.value(attribute)).isEmpty)
        #expect(server.value(attribute).contains(try MirrorFixture.issued("http://192.168.77.5:8200/q")))
    }

    @Test func `comments, CDATA and text beside the first element do not carry addresses out, and text is kept`() throws
    {
        #expect(server.value("<a><!-- 192.168.77.5 -->x</a>") == "<a>x</a>")
        #expect(
            server.value("<a><![CDATA[192.168.77.5]]></a>") == "<a></a>"
                || server.value("<a><![CDATA[192.168.77.5]]></a>") == "<a/>")
        #expect(server.value("<p>one</p> two 192.168.77.5 <p>three</p>") == "<p>one</p> two  <p>three</p>")
        #expect(
            server.value("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>é</a>")
                == "<?xml version=\"1.0\" encoding=\"utf-8\"?><a>é</a>")
        #expect(MirrorFixture.leaks(server.value("<a/></latchkey-fragment>192.168.77.5")).isEmpty)
    }

    @Test func `both networks with the same addresses: the away client's own stays, the home's goes`() throws {
        let context = try MirrorFixture.context(authority: "192.168.77.50:9000")
        let translator = OutboundTranslator(context)
        let value = translator.value("http://192.168.77.5:8200/1.mp4 192.168.77.5")
        #expect(
            value == "\(try MirrorFixture.issued("http://192.168.77.5:8200/1.mp4", authority: "192.168.77.50:9000")) ")
        #expect(try translator.checked(value) == value)
    }

    @Test func `faults are translated and what would leak is refused at last`() throws {
        #expect(
            server.fault(UPnPFault(.actionFailed, description: "no route to 192.168.77.5")).description
                == "no route to ")
        #expect(throws: TranslationError.addressLeak(.plain)) { try server.checked("<a>192.168.77.5</a>") }
        #expect(throws: TranslationError.addressLeak(.xmlEscaped)) { try server.checked("<a>192&#46;168.77.5</a>") }
        #expect(!TranslationError.addressLeak(.plain).description.contains("192"))
    }

    @Test func `random mixtures of markup, escapes and addresses never leak and never trap`() throws {
        let pieces = [
            "<a>", "</a>", "<a b=\"", "\"/>", "&lt;", "&gt;", "&amp;", "&quot;", "http://", "192.168.77.5", ":8200",
            "/x.mp4",
            " ", "%2E", "&#46;", "192", ".", "168", "77", "5", "fd77:1::5", "[", "]", "rtsp://", "//", "\\", "text",
            ",",
            "<![CDATA[", "]]>", "<!--", "-->", "é", "%31", "\u{0}", "\n", "x=", "?", "@", "#",
        ]
        for seed in 1...400 as ClosedRange<UInt64> {
            var rng = SeededGenerator(seed: seed)
            let text = (0..<Int.random(in: 1...30, using: &rng)).compactMap { _ in pieces.randomElement(using: &rng) }
                .joined()
            let result = server.value(text)
            #expect(MirrorFixture.leaks(result).isEmpty, "seed \(seed)")
            let document = ActionResponse(serviceType: "urn:x", action: "A", arguments: [ActionArgument("R", result)])
                .serialized()
            #expect(MirrorFixture.leaks(document).isEmpty, "seed \(seed)")
        }
    }
}
