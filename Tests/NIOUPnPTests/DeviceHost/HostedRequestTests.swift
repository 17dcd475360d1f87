import HTTPTypes
import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Requests to a host", .timeLimit(.minutes(1)))
struct HostedRequestTests {
    /// Sends a request and returns the whole answer.
    private func ask(
        _ endpoint: SocketEndpoint, _ line: String, _ fields: [String] = [], host: String? = nil, body: String = ""
    ) async throws -> String {
        try await RawPeer.connect(to: endpoint) { peer in
            var request = "\(line) HTTP/1.1\r\nHost: \(host ?? "\(endpoint)")\r\nConnection: close\r\n"
            request += fields.map { "\($0)\r\n" }.joined()
            if !body.isEmpty { request += "Content-Length: \(body.utf8.count)\r\n" }
            await peer.trySend("\(request)\r\n\(body)")
            return await peer.readToEnd()
        }
    }

    private func status(_ answer: String) -> Int? { answer.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    private static let xml = "Content-Type: text/xml; charset=\"utf-8\""

    private func control(_ location: HTTPURL) async throws -> (path: String, endpoint: SocketEndpoint) {
        try await HostedTestDevice.withControlPoint { controlPoint in
            let service = try #require(try await controlPoint.device(at: location).services.first)
            return (try #require(service.controlURL?.path), try #require(location.endpoint))
        }
    }

    private static func soap(_ action: String, _ type: String = HostedTestDevice.switchType) -> String {
        ActionRequest(serviceType: type, action: action).serialized()
    }

    @Test("compresses a description for those who ask, and says the same to others")
    func compression() async throws {
        try await HostedTestDevice.withHost { location in
            let endpoint = try #require(location.endpoint)
            let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
            defer { client.shutDown() }
            var sizes: [Int] = []
            for coding in [nil, "gzip", "deflate, gzip;q=0.1", "*"] {
                let request = HTTPRequest.get(
                    location.pathAndQuery, at: endpoint, coding.map { [.acceptEncoding: $0] } ?? [:]
                )
                try await client.withResponse(request, to: endpoint) { response, body in
                    #expect(response.headerFields[.contentEncoding] == (coding == nil ? nil : "gzip"))
                    #expect(response.headerFields[values: .vary] == ["Accept-Encoding"])
                    let bytes = try await body.collect(upTo: 65536)
                    #expect(bytes.readableBytesView.starts(with: [0x1F, 0x8B]) == (coding != nil))
                    sizes.append(bytes.readableBytes)
                }
            }
            #expect(sizes[1] < sizes[0] && Set(sizes[1...]).count == 1)
            for coding in ["identity", "gzip;q=0", "br", "*;q=0"] {
                let answer = try await ask(endpoint, "GET \(location.path)", ["Accept-Encoding: \(coding)"])
                #expect(!answer.has("Content-Encoding") && answer.has("<root "), "\(coding)")
            }
        }
    }

    @Test(
        "describes the device in the language that is asked for",
        arguments: [
            (nil, "en", "Lamp"), ("de", "de", "Lampe"), ("de-AT", "de", "Lampe"),
            ("fr;q=0.5, nl;q=0.4", "nl-BE", "Lamp"),
            ("es", "en", "Lamp"), ("*", "en", "Lamp"), ("es, de;q=0", "en", "Lamp"),
            ("en;q=0.1, de;q=0.2", "de", "Lampe"),
        ] as [(String?, String, String)]
    )
    func languages(wanted: String?, language: String, name: String) async throws {
        var device = HostedTestDevice.device(HostedTestDevice.power())
        device.friendlyName = "Lamp"
        device.language = "en"
        device.translations = ["de": HostedTexts(friendlyName: "Lampe"), "nl-BE": HostedTexts()]
        try await HostedTestDevice.withHost(device: device) { location in
            let endpoint = try #require(location.endpoint)
            let fields = wanted.map { ["Accept-Language: \($0)"] } ?? []
            let answer = try await ask(endpoint, "GET \(location.path)", fields)
            #expect(answer.has("Content-Language: \(language)\r\n"))
            #expect(answer.has("<friendlyName>\(name)</friendlyName>"))
        }
    }

    @Test("refuses a control request that is no XML")
    func contentType() async throws {
        try await HostedTestDevice.withHost { location in
            let (path, endpoint) = try await control(location)
            let action = "SOAPACTION: \"\(HostedTestDevice.switchType)#GetStatus\""
            for (type, code) in [
                ("text/xml", 200), ("text/xml; charset=\"utf-8\"", 200), ("TEXT/XML;charset=UTF-8", 200),
                ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("multipart/form-data", 415),
                ("text/xmlx", 415), ("", 415),
            ] {
                let answer = try await ask(
                    endpoint, "POST \(path)", ["Content-Type: \(type)", action], body: Self.soap("GetStatus")
                )
                #expect(status(answer) == code, "\(type)")
            }
        }
    }

    @Test("accepts SOAPACTION with and without quotes, and an older version of the service, which it repeats")
    func versions() async throws {
        try await HostedTestDevice.withHost { location in
            let (path, endpoint) = try await control(location)
            for type in [HostedTestDevice.switchType, "urn:schemas-upnp-org:service:SwitchPower:1"] {
                for header in ["\"\(type)#GetStatus\"", "\(type)#GetStatus"] {
                    let answer = try await ask(
                        endpoint, "POST \(path)", [Self.xml, "SOAPACTION: \(header)"],
                        body: Self.soap("GetStatus", type)
                    )
                    #expect(status(answer) == 200)
                    #expect(answer.has("GetStatusResponse xmlns:u=\"\(type)\""))
                    #expect(answer.has("\r\nEXT: \r\n") || answer.has("\r\nEXT:\r\n"))
                }
            }
        }
    }

    @Test("refuses other methods, and says which there are")
    func methods() async throws {
        try await HostedTestDevice.withHost { location in
            let (path, endpoint) = try await control(location)
            let get = try await ask(endpoint, "GET \(path)")
            #expect(status(get) == 405 && get.has("Allow: POST\r\n"))
            let post = try await ask(endpoint, "POST \(location.path)")
            #expect(status(post) == 405 && post.has("Allow: GET, HEAD\r\n"))
            // M-POST was the way around firewalls of 1999.
            let extended = try await ask(
                endpoint, "M-POST \(path)",
                [Self.xml, "MAN: \"http://schemas.xmlsoap.org/soap/envelope/\"; ns=01", "01-SOAPACTION: \"a#b\""],
                body: Self.soap("GetStatus")
            )
            #expect(status(extended) == 501 || status(extended) == 400)
            #expect([400, 501].contains(status(try await ask(endpoint, "BREW \(path)"))))
        }
    }

    @Test("answers an old control point's question for a variable")
    func queries() async throws {
        try await HostedTestDevice.withHost { location in
            let (path, endpoint) = try await control(location)
            func query(_ variable: String, header: String = StateVariableQuery.soapActionHeader) async throws -> String
            {
                try await ask(
                    endpoint, "POST \(path)", [Self.xml, "SOAPACTION: \(header)"],
                    body: StateVariableQuery(variable: variable).serialized()
                )
            }
            let level = try await query("Level")
            #expect(status(level) == 200 && level.has("<return>50</return>"))
            let unknown = try await query("Unknown")
            #expect(status(unknown) == 500 && unknown.has("<errorCode>404</errorCode>"))
            let unquoted = try await query("Status", header: "urn:schemas-upnp-org:control-1-0#QueryStateVariable")
            #expect(unquoted.has("<return>0</return>"))
        }
    }

    @Test("takes its IPv6 address in every spelling as Host, and no other", arguments: [true, false])
    func ipv6Host(named: Bool) async throws {
        try await HostedTestDevice.withHost(configure: { $0.hostNames = named ? ["lamp.home"] : [] }) {
            location, host in
            let endpoint = try #require(host.locations.compactMap(\.endpoint).first { $0.address == .v6(.loopback) })
            let path = location.path
            for (name, isOwn) in [
                ("[::1]:\(endpoint.port)", true), ("[0:0:0:0:0:0:0:1]:\(endpoint.port)", true), ("[::1]", false),
                ("[::1]:1", false), ("[::2]:\(endpoint.port)", false), ("127.0.0.1:\(endpoint.port)", false),
                ("lamp.home:\(endpoint.port)", named), ("LAMP.home:\(endpoint.port)", named), ("lamp.home", false),
                ("a@[::1]:\(endpoint.port)", false), ("[::1%25lo]:\(endpoint.port)", false), ("::1", false),
            ] {
                let answer = try await ask(endpoint, "GET \(path)", host: name)
                #expect(isOwn ? status(answer) == 200 : [400, 421].contains(status(answer)), "\(name)")
            }
        }
    }

    @Test("an action that takes too long is answered for, and cancelled")
    func timeLimit() async throws {
        let cancelled = Event<Void>()
        let service = HostedService(HostedTestDevice.switchType) {
            HostedAction("GetStatus") {
                await withTaskCancellationHandler {
                    try? await Task.sleep(for: .seconds(3600))
                } onCancel: {
                    cancelled.set()
                }
            }
        }
        try await HostedTestDevice.withHost(service, configure: { $0.actionTime = .milliseconds(50) }) { location in
            let (path, endpoint) = try await control(location)
            for _ in 1...2 {
                let answer = try await ask(
                    endpoint, "POST \(path)",
                    [Self.xml, "SOAPACTION: \"\(HostedTestDevice.switchType)#GetStatus\""], body: Self.soap("GetStatus")
                )
                #expect(status(answer) == 500 && answer.has("<errorCode>501</errorCode>"))
            }
            await cancelled.value
        }
    }

    @Test("so many actions run at a time and no more")
    func concurrency() async throws {
        let entered = Event<Void>()
        let release = Event<Void>()
        let service = HostedService(HostedTestDevice.switchType) {
            HostedAction("GetStatus") {
                entered.set()
                await release.value
            }
        }
        try await HostedTestDevice.withHost(service, configure: { $0.concurrentActions = 1 }) { location in
            let (path, endpoint) = try await control(location)
            let fields = [Self.xml, "SOAPACTION: \"\(HostedTestDevice.switchType)#GetStatus\""]
            async let first = ask(endpoint, "POST \(path)", fields, body: Self.soap("GetStatus"))
            await entered.value
            let second = try await ask(endpoint, "POST \(path)", fields, body: Self.soap("GetStatus"))
            #expect(status(second) == 503)
            release.set()
            #expect(status(try await first) == 200)
            let third = try await ask(endpoint, "POST \(path)", fields, body: Self.soap("GetStatus"))
            #expect(status(third) == 200)
        }
    }

    @Test("shows a page that changes nothing and runs nothing")
    func presentation() async throws {
        let note = HostedVariable("Note", "<script>alert('&')</script>", evented: true)
        let service = HostedService(HostedTestDevice.switchType) {
            HostedAction("Write", in: note.argument("Text")) { await note.set($0) }
        }
        var device = HostedTestDevice.device(service)
        device.friendlyName = "\"><img src=x onerror=alert(1)>"
        try await HostedTestDevice.withHost(device: device) { location in
            let page = try await HostedTestDevice.withControlPoint { controlPoint in
                let description = try await controlPoint.device(at: location).description
                return try #require(description.device.presentationURL.flatMap { location.resolving($0) })
            }
            let endpoint = try #require(location.endpoint)
            let answer = try await ask(endpoint, "GET \(page.path)")
            #expect(status(answer) == 200)
            #expect(answer.has("Content-Security-Policy: default-src 'none';"))
            #expect(answer.has("X-Content-Type-Options: nosniff\r\n") && answer.has("Referrer-Policy: no-referrer\r\n"))
            #expect(answer.has("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"))
            #expect(!answer.has("<script") && !answer.has("<form") && !answer.has("<img src=x"))
            #expect(answer.has("SwitchPower") && answer.has("Write") && answer.has("<img src=\"/"))
            #expect(status(try await ask(endpoint, "POST \(page.path)")) == 405)
            #expect(status(try await ask(endpoint, "GET \(page.path)", ["Origin: http://evil.example"])) == 403)
            #expect(note.value == "<script>alert('&')</script>")
            await note.set("new")
            #expect(try await ask(endpoint, "GET \(page.path)").has("<td>new</td>"))
        }
    }

    @Test("a page of one's own, a page elsewhere, or none")
    func otherPresentations() async throws {
        var device = HostedTestDevice.device(HostedTestDevice.power())
        device.presentation = .own { try await $0.respond(.ok, body: ByteBuffer(string: "mine")) }
        try await HostedTestDevice.withHost(device: device) { location in
            let answer = try await ask(try #require(location.endpoint), "GET \(location.path)")
            let start = try #require(answer.range(of: "<presentationURL>")?.upperBound)
            let end = try #require(answer.range(of: "</presentationURL>")?.lowerBound)
            #expect(try await ask(try #require(location.endpoint), "GET \(answer[start..<end])").hasSuffix("mine"))
        }
        device.presentation = .url("http://192.0.2.7/")
        try await HostedTestDevice.withHost(device: device) { location in
            let answer = try await ask(try #require(location.endpoint), "GET \(location.path)")
            #expect(answer.has("<presentationURL>http://192.0.2.7/</presentationURL>"))
        }
        device.presentation = .none
        try await HostedTestDevice.withHost(device: device) { location in
            let answer = try await ask(try #require(location.endpoint), "GET \(location.path)")
            #expect(answer.has("<UDN>") && !answer.has("presentationURL"))
        }
    }

    @Test("moderates a variable as its service says")
    func moderation() async throws {
        let level = HostedVariable<Int32>(
            "Level", 0, evented: true, moderation: EventModeration(minimumDelta: 10)
        )
        let service = HostedService(HostedTestDevice.switchType) { level }
        try await HostedTestDevice.withHost(service) { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
                let subscription = try await controlPoint.subscribe(to: url)
                var events = subscription.events.makeAsyncIterator()
                #expect(await events.next()?.properties["Level"] == "0")
                for value in [3, 9, 12, 15, 30] as [Int32] { await level.set(value) }
                var told: [String?] = []
                while told.last != "30" { told.append(await events.next()?.properties["Level"]) }
                #expect(!told.contains("3") && !told.contains("9") && !told.contains("15"))
                await subscription.cancel()
            }
        }
    }

    @Test("a result that is not what the description promises is a failed action")
    func untypedResults() async throws {
        let service = HostedService(
            serviceType: HostedTestDevice.switchType, serviceID: "urn:upnp-org:serviceId:SwitchPower",
            scpd: HostedTestDevice.power().scpd,
            actions: ["GetStatus": { _ in [ActionArgument("ResultStatus", "perhaps")] }]
        )
        try await HostedTestDevice.withHost(service) { location in
            let (path, endpoint) = try await control(location)
            let answer = try await ask(
                endpoint, "POST \(path)", [Self.xml, "SOAPACTION: \"\(HostedTestDevice.switchType)#GetStatus\""],
                body: Self.soap("GetStatus")
            )
            #expect(status(answer) == 500 && answer.has("<errorCode>501</errorCode>"))
        }
    }

    @Test("devices within a device have services, icons and pages of their own")
    func embedded() async throws {
        let type = "urn:schemas-upnp-org:service:Inner:1"
        let device = HostedDevice(
            type: "urn:schemas-upnp-org:device:Outer:1", name: "Outer", manufacturer: "Test", model: "Test"
        ) {
            HostedService(type, id: "urn:upnp-org:serviceId:Twin") { HostedAction("Outer") {} }
            HostedDevice(
                type: "urn:schemas-upnp-org:device:Inner:1", name: "Inner", manufacturer: "Test", model: "Test"
            ) {
                HostedService(type, id: "urn:upnp-org:serviceId:Twin") { HostedAction("Inner") {} }
                HostedIcon(mimeType: "image/png", width: 1, height: 1, depth: 8, bytes: ByteBuffer(string: "inner"))
            }
        }
        try await HostedTestDevice.withHost(device: device) { location in
            let endpoint = try #require(location.endpoint)
            let document = try await ask(endpoint, "GET \(location.path)")
            let body = try #require(document.range(of: "\r\n\r\n")?.upperBound)
            let root = try RootDescription(parsing: document[body...].utf8).device
            let inner = try #require(root.devices.first)
            #expect(inner.friendlyName == "Inner" && inner.udn != root.udn)
            let controls = (root.services + inner.services).map(\.controlURL)
            #expect(Set(controls).count == 2)
            for (path, action) in zip(controls, ["Outer", "Inner"]) {
                let answer = try await ask(
                    endpoint, "POST \(path)", [Self.xml, "SOAPACTION: \"\(type)#\(action)\""],
                    body: Self.soap(action, type)
                )
                #expect(status(answer) == 200)
            }
            let icon = try #require(inner.icons.first)
            #expect(try await ask(endpoint, "GET \(icon.url)").hasSuffix("inner"))
            let page = try await ask(endpoint, "GET \(try #require(root.presentationURL))")
            #expect(page.has("<h1>Outer</h1>") && page.has("<h2>Inner</h2>"))
        }
    }
}
