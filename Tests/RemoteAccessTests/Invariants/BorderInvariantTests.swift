import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

/// The invariants about the home's border, with devices that lie.
@Suite(
    "Invariants of the border", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct BorderInvariantTests {
    private static let everything = PolicyRule(name: "everything", operations: [.everything])
    private static let nobody = Grant.Scope.deviceTypes(["urn:schemas-upnp-org:device:Nothing:1"])
    private static let udn = "uuid:00000000-0000-4000-8000-0000000000aa"

    private static func service(_ name: String, scpd: String, control: String, event: String) -> String {
        "<service><serviceType>urn:raw:service:\(name):1</serviceType><serviceId>urn:raw:serviceId:\(name)</serviceId>"
            + "<SCPDURL>\(scpd)</SCPDURL><controlURL>\(control)</controlURL><eventSubURL>\(event)</eventSubURL></service>"
    }

    private static func description(_ rest: String, name: String = "Raw", services: [String]) -> String {
        """
        <?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor>\
        </specVersion><device><deviceType>urn:raw:device:Raw:1</deviceType><friendlyName>\(name)</friendlyName>\
        <manufacturer>raw</manufacturer><modelName>raw</modelName><UDN>\(udn)</UDN>\(rest)\
        <serviceList>\(services.joined())</serviceList></device></root>
        """
    }

    /// A host that nobody may be led to: each connection is noted.
    private static func trap(_ address: IPAddress, _ street: Street, _ caught: Journal) async throws -> (
        SocketEndpoint, Task<Void, any Error>
    ) {
        let server = HTTPServer(eventLoopGroup: street.group, logger: street.logger)
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        // Ended by the test that has set it.
        let task = Task {
            try await server.run(
                on: SocketEndpoint(address, port: 0), onBound: { bind.yield($0) },
                accepts: { peer in
                    caught.note("\(peer) came to \(address)")
                    return true
                },
                handler: { try await $0.respond(.ok, body: ByteBuffer(string: "caught")) })
        }
        for await endpoint in bound { return (endpoint, task) }
        throw CancellationError()
    }

    @Test(
        "Invariant 2: a URL to loopback, another host, the gateway or the router leads nowhere, in whatever place of a device's words or of a client's it stands"
    )
    func nowhereElse() async throws {
        try await Street().whileOpen { street, endpoint in
            let caught = Journal()
            let (loopback, first) = try await Self.trap(.v4(.loopback), street, caught)
            let (offLink, second) = try await Self.trap(.v4(IPv4Address(198, 51, 100, 1)), street, caught)
            // Hosts on the home's own network, which nothing but the rule keeps the gateway from.
            let (neighbour, third) = try await Self.trap(Street.neighbour, street, caught)
            let (router, fourth) = try await Self.trap(Street.router, street, caught)
            defer { for trap in [first, second, third, fourth] { trap.cancel() } }
            let elsewhere = [
                "http://\(loopback)", "http://\(offLink)", "http://localhost:\(loopback.port)",
                "http://127.1:\(loopback.port)", "http://2130706433:\(loopback.port)",
                "http://[::ffff:127.0.0.1]:\(loopback.port)", "http://192.0.2.254:80", "http://\(neighbour)",
                "http://\(router)",
                "http://192.0.2.1@127.0.0.1:\(loopback.port)", "http://0.0.0.0:\(loopback.port)",
            ]
            let services = elsewhere.enumerated().map { number, url in
                Self.service("Bad\(number)", scpd: "\(url)/s", control: "\(url)/c", event: "\(url)/e")
            }
            let redirect = Self.service("Redirect", scpd: "/r/s", control: "/r/c", event: "/r/e")
            let icons = elsewhere.map {
                "<icon><mimetype>image/png</mimetype><width>1</width><height>1</height><depth>1</depth><url>\($0)/i</url></icon>"
            }
            let rest = "<iconList>\(icons.joined())</iconList><presentationURL>\(elsewhere[0])/p</presentationURL>"
            let answer: @Sendable (String, HTTPRequest.Method, String) -> RawDevice.Answer = { _, _, path in
                if path == "/d.xml" {
                    return .init(body: Self.description(rest, services: services + [redirect]))
                }
                return .init(status: .found, fields: [.location: "http://\(loopback)\(path)"])
            }
            street.enforce([Self.everything])
            try await RawDevice.whileRunning(street, udn: Self.udn, answer: answer) { raw in
                // Other devices are said to be there, too.
                let others = elsewhere.enumerated().map { (location: "\($1)/d.xml", udn: "\(Self.udn)-\($0)") }
                try await street.withBurglar(Self.nobody, at: endpoint) { burglar in
                    try await raw.announcing(others) { try await burglar.wait(forDevices: 6) }
                    let home = try #require(street.server.homeDevices.first { $0.udn == Self.udn })
                    let shelf = try #require(street.server.homeDevices.first { $0.name == "Shelf" })
                    #expect(home.device.location.description == "\(raw.base)/d.xml")
                    // What the device says of itself is told without those places.
                    let path = try burglar.path(.description, home.device.location, of: Self.udn)
                    #expect(try await burglar.ask(.get, path).status == 200)
                    for url in elsewhere + ["\(raw.base)/r"] {
                        for (kind, end) in [
                            (ResourceKind.serviceDescription, "s"), (.control, "c"), (.event, "e"), (.media, "i"),
                            (.media, "p"), (.description, "d.xml"),
                        ] {
                            guard let target = HTTPURL("\(url)/\(end)") else { continue }
                            for udn in [Self.udn, shelf.udn] {
                                try await Self.visit(burglar, kind, target, of: udn)
                            }
                        }
                        let service = try #require(shelf.services.first)
                        let play = ActionRequest(
                            serviceType: service.serviceType, action: "Play",
                            arguments: [ActionArgument("URI", "\(url)/i")])
                        let control = try burglar.path(.control, service.controlURL, of: shelf.udn)
                        #expect(try await burglar.call(play, at: control) != 200, "\(url)")
                    }
                }
            }
            #expect(caught.lines == [])
            #expect(street.acts.lines == [])
        }
    }

    /// Asks for a place in each of the ways; none of them leads there.
    private static func visit(_ burglar: Burglar, _ kind: ResourceKind, _ url: HTTPURL, of udn: String) async throws {
        let path: String
        do { path = try burglar.path(kind, url, of: udn) } catch { return }
        let status: Int
        switch kind {
        case .control:
            let action = ActionRequest(serviceType: "urn:raw:service:Redirect:1", action: "Go", arguments: [])
            status = try await burglar.call(action, at: path)
        case .event: status = try await burglar.subscribe(path)
        default: status = try await burglar.ask(.get, path).status
        }
        // The description is the gateway's own copy, whatever URL the token of it names.
        if kind != .description || url.host != "192.0.2.1" { #expect(status != 200, "\(kind) \(url) of \(udn)") }
    }

    @Test("Invariant 3: a device that says its address in every place where it says anything is not quoted")
    func noAddressLeaves() async throws {
        let spellings = [
            "192.0.2.1", "http://192.0.2.1/x", "http%3A%2F%2F192.0.2.1%2Fx", "%31%39%32.0.2.1", "192&amp;#46;0.2.1",
            "\\u003192.0.2.1", "[::ffff:192.0.2.1]", "192.000.002.001",
        ]
        let words = spellings.joined(separator: " ")
        func each(_ name: String) -> String { "<\(name)>see \(words)</\(name)>" }
        let rest =
            ["manufacturerURL", "modelDescription", "modelNumber", "modelURL", "serialNumber", "UPC"].map(each).joined()
            + "<x:vendor xmlns:x=\"urn:x\" at=\"192.0.2.1\">\(words)</x:vendor>"
            + "<presentationURL>http://192.0.2.1:99/p</presentationURL>"
        let scpd = """
            <?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major>\
            <minor>0</minor></specVersion><actionList><action><name>Say</name><argumentList><argument><name>Words</name>\
            <direction>out</direction><relatedStateVariable>Words</relatedStateVariable></argument></argumentList></action>\
            </actionList><serviceStateTable><stateVariable sendEvents="yes"><name>Words</name><dataType>string</dataType>\
            <defaultValue>\(words)</defaultValue><allowedValueList>\(spellings.map { "<allowedValue>\($0)</allowedValue>" }.joined())\
            </allowedValueList></stateVariable></serviceStateTable></scpd>
            """
        func soap(_ body: String) -> String {
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\(body)</s:Body></s:Envelope>"
        }
        let said = soap("<u:SayResponse xmlns:u=\"urn:raw:service:Talk:1\"><Words>\(words)</Words></u:SayResponse>")
        let fault = soap(
            "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError "
                + "xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>701</errorCode><errorDescription>\(words)"
                + "</errorDescription></UPnPError></detail></s:Fault>")
        let event =
            "<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\"><e:property><Words>\(words)</Words></e:property>"
            + "</e:propertyset>"
        var talkative: HTTPFields = [.contentType: "video/mp4"]
        for name in [
            "Location", "Content-Location", "Link", "Server", "X-Origin", "contentFeatures.dlna.org", "Via", "ETag",
        ] {
            if let field = HTTPField.Name(name) { talkative[field] = "http://192.0.2.1/x \(spellings[2])" }
        }
        let fields = talkative
        let answer: @Sendable (String, HTTPRequest.Method, String) -> RawDevice.Answer = { base, method, path in
            switch (method.rawValue, path) {
            case ("NOTIFY", _): .init(body: event)
            case ("SUBSCRIBE", _):
                .init(fields: Self.subscribed)
            case (_, "/d.xml"):
                .init(
                    fields: [.contentType: "text/xml"],
                    body: Self.description(
                        rest, name: "TV at 192.0.2.1",
                        services: [
                            Self.service("Talk", scpd: "/s", control: "/c", event: "/e"),
                            Self.service("Fault", scpd: "\(base)/s", control: "\(base)/f", event: "\(base)/e2"),
                        ]))
            case (_, "/s"): .init(fields: [.contentType: "text/xml"], body: scpd)
            case (_, "/c"): .init(fields: [.contentType: "text/xml"], body: said)
            case (_, "/f"): .init(status: .internalServerError, fields: [.contentType: "text/xml"], body: fault)
            case (_, "/list.m3u8"):
                .init(
                    fields: [.contentType: "application/vnd.apple.mpegurl"],
                    body: "#EXTM3U\n#EXTINF:1,at 192.0.2.1\n\(base)/a.ts\nb.ts\n")
            case (_, "/gone"): .init(status: .notFound, fields: fields, body: words)
            default: .init(fields: fields, body: "film")
            }
        }
        try await Street().whileOpen { street, endpoint in
            street.enforce([Self.everything])
            try await RawDevice.whileRunning(street, udn: Self.udn, answer: answer) { raw in
                try await street.withBurglar(Self.nobody, at: endpoint) { burglar in
                    try await raw.announcing { try await burglar.wait(forDevices: 6) }
                    func url(_ path: String) throws -> HTTPURL { try #require(HTTPURL(raw.base + path)) }
                    var statuses: [String: Int] = [:]
                    for (kind, path) in [
                        (ResourceKind.description, "/d.xml"), (.serviceDescription, "/s"), (.media, "/film"),
                        (.media, "/list.m3u8"), (.media, "/gone"),
                    ] {
                        statuses[path] = try await burglar.ask(.get, burglar.path(kind, url(path), of: Self.udn)).status
                    }
                    for (name, path) in [("Talk", "/c"), ("Fault", "/f")] {
                        let action = ActionRequest(
                            serviceType: "urn:raw:service:\(name):1", action: "Say", arguments: [])
                        statuses[path] = try await burglar.call(
                            action, at: burglar.path(.control, url(path), of: Self.udn))
                    }
                    statuses["/e"] = try await burglar.subscribe(burglar.path(.event, url("/e"), of: Self.udn))
                    _ = try await burglar.announced()
                    // The test is none when nothing is answered at all.
                    for path in ["/d.xml", "/s", "/film", "/list.m3u8", "/e"] {
                        #expect(statuses[path] == 200, "\(statuses)")
                    }
                    let home = try #require(IPPrefix("192.0.2.0/24"))
                    let loot = burglar.loot.all
                    let leaks = AddressLeakScanner(prefixes: [home]).leaks(in: loot)
                    #expect(
                        leaks == [],
                        "\(leaks.map { String(decoding: loot[max(0, $0.offset - 40)..<min(loot.count, $0.offset + 60)], as: UTF8.self) })"
                    )
                    #expect(loot.count > 4_000)
                }
            }
        }
    }

    private static var subscribed: HTTPFields {
        var fields: HTTPFields = [:]
        for (name, value) in [("SID", "uuid:sub-1"), ("TIMEOUT", "Second-1800")] {
            if let field = HTTPField.Name(name) { fields[field] = value }
        }
        return fields
    }
}
