import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

/// Devices made of scripts: odd ones and hostile ones.
enum ScriptedDevice {
    static let udn = "uuid:6a0c4d0e-0000-4000-8000-000000000002"

    static func description(udn: String = udn, base: String? = nil, control: String = "/c", event: String = "/e")
        -> String
    {
        RootDescription(urlBase: base, device: device(udn: udn, control: control, event: event)).serialized()
    }

    static var device: DeviceDescription { device() }

    static func device(udn: String = udn, control: String = "/c", event: String = "/e") -> DeviceDescription {
        DeviceDescription(
            deviceType: "urn:schemas-upnp-org:device:BinaryLight:1", friendlyName: "Scripted", manufacturer: "T",
            modelName: "T", udn: udn,
            services: [
                ServiceDescription(
                    serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", serviceID: "urn:x:serviceId:1",
                    scpdURL: "/s.xml", controlURL: control, eventSubURL: event
                )
            ]
        )
    }

    static func answer(_ body: String, status: String = "200 OK", fields: String = "") -> String {
        "HTTP/1.1 \(status)\r\n\(fields)Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
    }

    static func url(_ endpoint: SocketEndpoint, _ path: String = "/d.xml") throws -> HTTPURL {
        try #require(HTTPURL(endpoint: endpoint, pathAndQuery: path))
    }
}

@Suite("Control point", .timeLimit(.minutes(1)))
struct ControlPointTests {
    private func fetch(
        configure: (inout ControlPointConfiguration) -> Void = { _ in },
        _ script: @escaping @Sendable (RawPeer, Int) async throws -> Void
    ) async throws -> Result<RootDevice, ControlPointError> {
        try await withRawServer(script) { endpoint in
            try await HostedTestDevice.withControlPoint(configure: configure) { controlPoint in
                do {
                    return .success(try await controlPoint.device(at: try ScriptedDevice.url(endpoint)))
                } catch let error as ControlPointError { return .failure(error) }
            }
        }
    }

    @Test("a description without end is given up at its limit")
    func endlessDescription() async throws {
        let sent = Mutex(0)
        let result = try await fetch { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\n\r\n<root>")
            while true {
                try await peer.send(String(repeating: "<!-- x -->", count: 5000))
                sent.withLock { $0 += 50_000 }
            }
        }
        guard case .failure(let error) = result else { return #expect(Bool(false)) }
        #expect(error.code == .malformed)
        // What was sent beyond the limit is what the kernels hold.
        #expect(sent.withLock { $0 } < 16 << 20)
    }

    @Test("a description that does not come is given up in time")
    func slowDescription() async throws {
        let result = try await fetch {
            $0.fetchTime = .milliseconds(100)
        } _: { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\n\r\n")
            while true {
                try await peer.send("<")
                await Task.yield()
            }
        }
        guard case .failure(let error) = result else { return #expect(Bool(false)) }
        #expect(error.code == .unreachable)
    }

    @Test(
        "what is no description is told as such",
        arguments: ["", "<root/>", "<html><body>hello</body></html>", "<!DOCTYPE root><root><device/></root>", "\u{0}"]
    )
    func noDescription(body: String) async throws {
        let result = try await fetch { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(ScriptedDevice.answer(body))
        }
        guard case .failure(let error) = result else { return #expect(Bool(false)) }
        #expect(error.code == .malformed)
    }

    @Test("deep nesting is refused")
    func deepDescription() async throws {
        let result = try await fetch { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(ScriptedDevice.answer(String(repeating: "<a>", count: 100_000)))
        }
        guard case .failure(let error) = result else { return #expect(Bool(false)) }
        #expect(error.code == .malformed)
    }

    @Test("a redirect is followed on the device itself, and to no other host")
    func redirects() async throws {
        let same = try await fetch { peer, _ in
            let request = await peer.read(through: "\r\n\r\n")
            try await peer.send(
                request.hasPrefix("GET /d.xml")
                    ? ScriptedDevice.answer("", status: "307 Temporary Redirect", fields: "Location: /e.xml\r\n")
                    : ScriptedDevice.answer(ScriptedDevice.description())
            )
        }
        #expect((try? same.get())?.udn == ScriptedDevice.udn)
        for target in ["http://127.0.0.2:9/", "http://192.0.2.1/", "http://localhost/", "https://127.0.0.1/", "/d.xml"]
        {
            let result = try await fetch { peer, _ in
                _ = await peer.read(through: "\r\n\r\n")
                try await peer.send(
                    ScriptedDevice.answer("", status: "307 Temporary Redirect", fields: "Location: \(target)\r\n")
                )
            }
            guard case .failure(let error) = result else { return #expect(Bool(false)) }
            #expect(error.code == .notAddressable, "\(target)")
        }
    }

    @Test(
        "a URL that leads to another host counts as missing",
        arguments: [
            "http://192.0.2.1/c", "http://127.0.0.2/c", "http://localhost/c", "https://127.0.0.1/c", "//192.0.2.1/c",
            "http://user@127.0.0.1/c", "",
        ]
    )
    func foreignURLs(control: String) async throws {
        let result = try await fetch { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(ScriptedDevice.answer(ScriptedDevice.description(control: control)))
        }
        let service = try #require(try result.get().services.first)
        #expect(service.controlURL == nil)
        #expect(service.eventSubURL?.path == "/e")
    }

    @Test("URLBase counts, unless it leads to another host", arguments: [true, false])
    func urlBase(foreign: Bool) async throws {
        let result = try await fetch { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            let base = foreign ? "http://192.0.2.1/" : "http://127.0.0.1:77/"
            try await peer.send(ScriptedDevice.answer(ScriptedDevice.description(base: base, control: "c")))
        }
        let url = try #require(try result.get().services.first).controlURL
        #expect(url == (foreign ? nil : HTTPURL("http://127.0.0.1:77/c")))
    }

    @Test(
        "asks nobody off the link",
        arguments: ["http://192.0.2.1/d.xml", "http://localhost/d.xml", "https://127.0.0.1/d.xml", "http://8.8.8.8/"]
    )
    func offLink(url: String) async throws {
        try await HostedTestDevice.withControlPoint { controlPoint in
            let url = try #require(HTTPURL(url))
            let error = await #expect(throws: ControlPointError.self) { try await controlPoint.device(at: url) }
            #expect(error?.code == .notAddressable)
            let action = ActionRequest(serviceType: "urn:x:service:y:1", action: "Z")
            let second = await #expect(throws: ControlPointError.self) {
                try await controlPoint.invoke(action, at: url)
            }
            #expect(second?.code == .notAddressable)
            let third = await #expect(throws: ControlPointError.self) { try await controlPoint.subscribe(to: url) }
            #expect(third?.code == .notAddressable)
        }
    }

    @Test("a service description is read once for each run of the device", arguments: [true, false])
    func scpdCache(numbered: Bool) async throws {
        let requests = Mutex(0)
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            requests.withLock { $0 += 1 }
            try await peer.send(ScriptedDevice.answer(SCPD(actions: [], stateVariables: []).serialized()))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let location = try ScriptedDevice.url(endpoint)
                let description = try RootDescription(parsing: ScriptedDevice.description().utf8)
                let interface = try #require(try NetworkInterface.named("lo").ipv4)
                var device = RootDevice(
                    udn: ScriptedDevice.udn, location: location, description: description, base: location,
                    interface: interface, bootID: numbered ? 1 : nil
                )
                let service = try #require(device.services.first)
                for _ in 0..<3 { _ = try await controlPoint.scpd(of: service, in: device) }
                #expect(requests.withLock { $0 } == (numbered ? 1 : 3))
                device.bootID = 2
                _ = try await controlPoint.scpd(of: service, in: device)
                #expect(requests.withLock { $0 } == (numbered ? 2 : 4))
            }
        }
    }

    @Test("a device is asked for one document at a time")
    func oneAtATime() async throws {
        let state = Mutex((running: 0, most: 0))
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            state.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            await Task.yield()
            state.withLock { $0.running -= 1 }
            try await peer.send(ScriptedDevice.answer(ScriptedDevice.description()))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try ScriptedDevice.url(endpoint)
                try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<20 { group.addTask { try await controlPoint.device(at: url).udn } }
                    for try await udn in group { #expect(udn == ScriptedDevice.udn) }
                }
            }
        }
        #expect(state.withLock { $0.most } == 1)
    }

    @Test("answers to an action that are no answers are told as such", arguments: ["404 Not Found", "200 OK"])
    func oddControlAnswers(status: String) async throws {
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "Envelope>")
            try await peer.send(ScriptedDevice.answer("<html/>", status: status))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let error = await #expect(throws: ControlPointError.self) {
                    try await controlPoint.invoke(
                        ActionRequest(serviceType: "urn:x:service:y:1", action: "Z"),
                        at: try ScriptedDevice.url(endpoint)
                    )
                }
                #expect(error?.code == (status == "200 OK" ? .malformed : .httpStatus(404)))
            }
        }
    }
}
