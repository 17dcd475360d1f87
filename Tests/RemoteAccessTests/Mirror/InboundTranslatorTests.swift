import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct InboundTranslatorTests {
    private let strict: InboundTranslator
    private let open: InboundTranslator
    private static let media = "http://192.168.77.5:8200/MediaItems/22.mp4"

    init() throws {
        strict = InboundTranslator(try MirrorFixture.context(MirrorFixture.renderer))
        open = InboundTranslator(try MirrorFixture.context(MirrorFixture.renderer, internet: true))
    }

    private func setURI(_ uri: String, metadata: String = "") -> ActionRequest {
        ActionRequest(
            serviceType: "urn:schemas-upnp-org:service:AVTransport:1", action: "SetAVTransportURI",
            arguments: [
                ActionArgument("InstanceID", "0"), ActionArgument("CurrentURI", uri),
                ActionArgument("CurrentURIMetaData", metadata),
            ])
    }

    // MARK: - What passes

    @Test func `an issued URL becomes the home URL, in the argument and in the metadata`() throws {
        let issued = try MirrorFixture.issued(Self.media)
        let metadata = OutboundTranslator(try MirrorFixture.context()).value(MirrorFixture.didl(MirrorFixture.item(22)))
        let request = try strict.request(setURI(issued, metadata: metadata))
        #expect(request["CurrentURI"] == Self.media)
        #expect(request["InstanceID"] == "0")
        let item = try XMLElement(parsing: (request["CurrentURIMetaData"] ?? "").utf8).first("item")
        #expect(item?.first("res")?.text == Self.media)
        #expect(item?.first("albumArtURI")?.text == "http://192.168.77.5:8200/AlbumArt/22-9.jpg")
        #expect(item?.first("title")?.text == "Kind of & Blue 22")
    }

    @Test func `the authority under which an app reached the away client does not matter`() throws {
        let path = try MirrorFixture.issued(Self.media).dropFirst("http://\(MirrorFixture.authority)".count)
        for authority in ["127.0.0.1:9000", "10.20.30.40", "laptop.lan:9000", "[::1]:9000", "192.168.77.1"] {
            #expect(try strict.value("http://\(authority)\(path)", of: "CurrentURI") == Self.media)
        }
    }

    @Test func `a URL that was issued for the longest home URL opens`() throws {
        let home = "http://192.168.77.5:8200/" + String(repeating: "x", count: 2000)
        #expect(try strict.value(try MirrorFixture.issued(home), of: "CurrentURI") == home)
    }

    @Test func `round trip: whatever goes out comes back as it was`() throws {
        let outbound = OutboundTranslator(try MirrorFixture.context())
        for value in [
            MirrorFixture.didl(MirrorFixture.item(1)), MirrorFixture.lastChange,
            XMLElement.escaped(MirrorFixture.didl(MirrorFixture.item(2))),
            "\(Self.media),http://192.168.77.9:49494/x", "see \(Self.media) there", "<a>broken & \(Self.media)",
        ] {
            #expect(try strict.value(outbound.value(value), of: "Value") == value)
        }
    }

    @Test(arguments: [
        ("CurrentURI", ""), ("CurrentURI", "NOT_IMPLEMENTED"), ("CurrentURIMetaData", "NOT_IMPLEMENTED"),
        ("Target", "REL_TIME"),
        ("Unit", "0:03:25"), ("BrowseFlag", "BrowseDirectChildren"),
        ("Filter", "dc:title,res,res@duration,upnp:albumArtURI"),
        ("ObjectID", "64$0$22"),
        ("SearchCriteria", "upnp:class derivedfrom \"object.item.audioItem\" and dc:title contains \"AT&T 50%\""),
        ("ProtocolInfo", "http-get:*:video/mp4:DLNA.ORG_PN=AVC;DLNA.ORG_OP=01"), ("SortCriteria", "+dc:title,-dc:date"),
        ("DeviceID", "uuid:4d696e69-444c-164e-9d41-b827eb0a1b2c"), ("Text", "a < b // c: d"), ("Version", "1.2.3.4"),
        ("Text", "line one\nline two"), ("ServiceURL", "urn:schemas-upnp-org:service:AVTransport:1"),
        ("Metadata", "<DIDL-Lite xmlns:dc=\"http://purl.org/dc/elements/1.1/\"/>"),
    ])
    func `ordinary arguments pass untouched`(name: String, value: String) throws {
        #expect(try strict.value(value, of: name) == value)
    }

    @Test func `an internet URL passes, unfetched, only where policy allows it`() throws {
        for uri in ["http://example.com/radio.mp3", "https://93.184.216.34/x?y=1", "http://[2606:2800:220:1::1]/x"] {
            #expect(try open.value(uri, of: "CurrentURI") == uri)
            #expect(throws: RefusedURL(argument: "CurrentURI", reason: .publicNotAllowed)) {
                try strict.value(uri, of: "CurrentURI")
            }
        }
    }

    // MARK: - Attacks

    static let attacks = [
        // Addresses of the home, of any LAN, of the host.
        "http://192.168.77.5:8200/MediaItems/22.mp4", "http://192.168.77.1/", "http://192.168.77.2:443/",
        "http://10.0.0.1/",
        "http://172.16.9.9/", "http://127.0.0.1/", "http://0.0.0.0/", "http://169.254.169.254/latest",
        "http://100.64.0.1/",
        "http://[::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd77:1::5]/", "http://[::]/",
        "http://[::ffff:192.168.77.1]/", "http://[::ffff:c0a8:4d01]/", "http://[::192.168.77.1]/",
        "http://[64:ff9b::c0a8:4d01]/",
        "http://[2002:c0a8:4d01::]/", "http://224.0.0.1/", "http://255.255.255.255/",
        // Other spellings of addresses.
        "http://3232255233/", "http://0xc0a84d01/", "http://0300.0250.0115.0001/", "http://0xc0.0xa8.0x4d.0x1/",
        "http://192.168.19713/", "http://192.11030785/", "http://192.168.77.1./", "http://192.168.077.001/",
        "http://%31%39%32.168.77.1/", "http://192%2e168%2e77%2e1/", "http://１９２.168.77.1/", "http://192。168。77。1/",
        "http://192.168.77.1.nip.io/", "http://192-168-77-1.sslip.io/", "http://127.0.0.1.nip.io/",
        "http://a.10.0.0.1.xip.io/",
        // Names that are none of the public DNS.
        "http://localhost/", "http://nas/", "http://nas.local/", "http://router.lan/", "http://fritz.box/",
        "http://x.home.arpa/",
        "http://LOCALHOST./", "http://a.internal/",
        // User-info, schemes and slashes.
        "http://example.com@192.168.77.1/", "http://192.168.77.1\\@example.com/", "http://example.com:80@192.168.77.1/",
        "http://example.com#@192.168.77.1/", "http://example.com?@192.168.77.1/", "http://user@example.com/",
        "HTTP://192.168.77.1/", "hTtP://192.168.77.1/", "//192.168.77.1/x", "\\\\192.168.77.1\\x",
        "http:\\\\192.168.77.1\\",
        "http:/192.168.77.1/", "http:192.168.77.1", "http:///192.168.77.1/", "http:/\\192.168.77.1/",
        " http://192.168.77.1/",
        "\thttp://192.168.77.1/", "ht\ttp://192.168.77.1/", "http:\n//192.168.77.1/", "http://192.168.\t77.1/",
        "http://192.168.77.1:0/",
        "http://192.168.77.1:99999/", "http://", "http:///", "http://:80/", "://192.168.77.1/", "192.168.77.1:80/x",
        "localhost/x",
        // Other schemes.
        "rtsp://example.com/x", "rtsp://192.168.77.5/", "file:///etc/passwd", "file:/etc/passwd", "ftp://example.com/",
        "concat:http://192.168.77.1/|http://192.168.77.1/", "data:text/plain,x", "smb://192.168.77.5/x",
        "udp://@239.1.1.1:1234",
        "tcp://192.168.77.1:22", "cache:http://192.168.77.1/", "subfile,,start,0,end,9,,:http://192.168.77.1/",
        "javascript:1",
        "hls+http://192.168.77.1/", "pipe:0", "appsrc://x",
        // Hidden within an internet URL.
        "http://example.com/?u=http://192.168.77.1/", "http://example.com/?u=http%3A%2F%2F192.168.77.1%2F",
        "http://example.com/?u=http%253A%252F%252F192.168.77.1", "http://example.com/http://10.0.0.1/",
        "http://example.com/192.168.77.1",
        "http://example.com/?u=//nas.local/", "http://example.com/#http://192.168.77.1/",
        "http://example.com/&#49;92.168.77.1",
        // Relative.
        "/MediaItems/22.mp4", "../x", "22.mp4", "?x",
    ]

    @Test(arguments: attacks)
    func `make a renderer repeat a URL: what was not issued is refused, wherever it stands`(uri: String) throws {
        for translator in [strict, open] {
            #expect(throws: RefusedURL.self) { try translator.value(uri, of: "CurrentURI") }
            #expect(throws: RefusedURL.self) {
                try translator.request(
                    setURI("", metadata: MirrorFixture.didl("<item><res>\(XMLElement.escaped(uri))</res></item>")))
            }
            #expect(throws: RefusedURL.self) {
                try translator.value("<a importUri=\"\(XMLElement.escaped(uri))\"/>", of: "Elements")
            }
        }
    }

    @Test(
        arguments: attacks.filter {
            $0.contains("192.168.77") || $0.contains("127.0.0.1/") || $0.lowercased().contains("//localhost")
        })
    func `in free text and in vendors' arguments an address or URL of the home is refused too`(uri: String) {
        for value in [
            uri, "see \(uri)", "a,\(uri)", "<a>\(XMLElement.escaped(uri))</a>", "<a>&<b x='\(uri)'>",
            "<a b=\"\(XMLElement.escaped("<c d=\"\(XMLElement.escaped(uri))\"/>"))\"/>",
            XMLElement.escaped("<a>\(XMLElement.escaped(uri))</a>"),
        ] {
            #expect(throws: RefusedURL.self) { try open.value(value, of: "X_Source") }
        }
    }

    @Test(arguments: [
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"http://192.168.77.1/\">]><a>&x;</a>", "<a>http&#58;//192&#46;168.77.1/<b>",
        "<a>&#104;ttp://192.168.77.1/<b>", "<a><![CDATA[http://192.168.77.1/]]></a>",
        "<a><![CDATA[http://192.168]]>.77.1/</a>",
        "<a xmlns=\"http://192.168.77.1/\"/>", "<a xmlns:x=\"http://nas.local/\"/>",
        "<res>http://example.com/<x/>1</res>",
        "<a/></latchkey-fragment><b>http://192.168.77.1/</b>", "<a/> http://192.168.77.1/",
        "http%3A%2F%2F192.168.77.1%2F",
        "h%74tp://192.168.77.1/", "%2568ttp%3A//192.168.77.1", "&lt;a&gt;http://192.168.77.1/&lt;/a&gt;",
        "192.168.77.1",
        "\\u0031\\u0039\\u0032.168.77.1",
    ])
    func `what parsing or decoding would reveal is refused`(value: String) {
        #expect(throws: RefusedURL.self) { try open.value(value, of: "Value") }
    }

    @Test func `comments and instructions of a document do not reach the device`() throws {
        #expect(
            try open.value("<a><!-- http://192.168.77.1/ --><?x http://192.168.77.1/?>b</a>", of: "Value") == "<a>b</a>"
        )
    }

    @Test func `walk from item 22 to 23: a token cannot become its neighbour's`() throws {
        let issued = try MirrorFixture.issued("http://192.168.77.5:8200/MediaItems/22.mp4")
        let neighbour = try MirrorFixture.issued("http://192.168.77.5:8200/MediaItems/23.mp4")
        // The name is free to change, and changes nothing.
        #expect(try strict.value(issued.replacing("/22.mp4", with: "/23.mp4"), of: "CurrentURI") == Self.media)
        #expect(try strict.value("\(issued)?u=23#23", of: "CurrentURI") == Self.media)
        let token = Array(issued.split(separator: "/")[3])
        let other = Array(neighbour.split(separator: "/")[3])
        #expect(token.count == other.count)
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for index in token.indices {
            var spliced = Array(token[..<index] + other[index...])
            if spliced != token, spliced != other {
                #expect(throws: RefusedURL(argument: "CurrentURI", reason: .notIssued)) {
                    try strict.value("http://\(MirrorFixture.authority)/m/\(String(spliced))/23.mp4", of: "CurrentURI")
                }
            }
            for digit in digits where digit != token[index] {
                spliced = token
                spliced[index] = digit
                #expect(throws: RefusedURL(argument: "CurrentURI", reason: .notIssued)) {
                    try strict.value("http://\(MirrorFixture.authority)/m/\(String(spliced))/23.mp4", of: "CurrentURI")
                }
            }
        }
    }

    @Test func `a URL that was issued to another subject is refused`() throws {
        let issued = try MirrorFixture.issued(Self.media, to: "bob")
        #expect(throws: RefusedURL(argument: "CurrentURI", reason: .notIssued)) {
            try open.value(issued, of: "CurrentURI")
        }
        #expect(throws: RefusedURL.self) {
            try open.value("<DIDL-Lite><item><res>\(issued)</res></item></DIDL-Lite>", of: "Meta")
        }
    }

    @Test func `a token for control, events or descriptions is not media`() throws {
        let context = try MirrorFixture.context()
        for kind in ResourceKind.allCases where kind != .media {
            let issued = try #require(context.issue(try MirrorFixture.url("http://192.168.77.5:8200/ctl"), as: kind))
            #expect(throws: RefusedURL(argument: "CurrentURI", reason: .notIssued)) {
                try strict.value(issued, of: "CurrentURI")
            }
            let path = try #require(SealedPath(parsing: issued.dropFirst("http://\(MirrorFixture.authority)".count)))
            #expect(throws: RefusedURL.self) {
                try strict.value("http://\(MirrorFixture.authority)/m/\(path.token)", of: "CurrentURI")
            }
        }
    }

    @Test func `an issued URL of a device that was hidden since is refused`() throws {
        let issued = try MirrorFixture.issued(Self.media)
        let hidden = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(
                    udn: MirrorFixture.server, endpoints: [MirrorFixture.endpoint("192.168.77.5:8200")],
                    isPermitted: false)
            ])
        let translator = InboundTranslator(try MirrorFixture.context(MirrorFixture.renderer, home: hidden))
        #expect(throws: RefusedURL.self) { try translator.value(issued, of: "CurrentURI") }
    }

    @Test func `too deep and too large values are refused`() throws {
        var deep = "x"
        for _ in 0..<8 { deep = "<a v=\"\(XMLElement.escaped(deep))\"/>" }
        #expect(throws: RefusedURL(argument: "V", reason: .tooLarge)) { try open.value(deep, of: "V") }
        let large = String(repeating: "x", count: (4 << 20) + 1)
        #expect(throws: RefusedURL(argument: "V", reason: .tooLarge)) { try open.value(large, of: "V") }
    }

    @Test func `a refusal names the argument and the reason, never the URI`() {
        do {
            _ = try strict.request(setURI("http://192.168.77.1/secret"))
            Issue.record("was not refused")
        } catch {
            #expect(error.argument == "CurrentURI")
            #expect(!error.description.contains("192") && !error.description.contains("secret"))
        }
    }

    @Test func `random mixtures never let a home address or local URL in, and never trap`() throws {
        let issued = try MirrorFixture.issued(Self.media)
        let pieces = [
            "http://", "HTTP:", "192.168.77.1", "/", "//", "\\", "%2F", "%3A", "&#58;", "&#x2f;", "&lt;", "&amp;",
            "<a>", "</a>",
            "<a b=\"", "\"/>", "<res>", "</res>", issued, " ", ",", "nas.local", "example.com", "@", "#", "?u=", "%31",
            "\n", "\t", "x",
            "192.168", ".77.1", "file:", "rtsp://",
        ]
        var passed = 0
        for seed in 1...600 as ClosedRange<UInt64> {
            var rng = SeededGenerator(seed: seed)
            let text = (0..<Int.random(in: 1...8, using: &rng)).compactMap { _ in pieces.randomElement(using: &rng) }
                .joined()
            guard let result = try? open.value(text, of: "V") else { continue }
            passed += 1
            // What is left after taking out what the token stands for has no address of the home.
            let rest = result.replacing(Self.media, with: " ")
            #expect(MirrorFixture.leaks(rest).isEmpty, "seed \(seed)")
            #expect(
                !rest.contains("http://nas.local") && !rest.contains("rtsp://x") && !rest.contains("file://"),
                "seed \(seed)")
        }
        #expect(passed > 50)
    }
}
