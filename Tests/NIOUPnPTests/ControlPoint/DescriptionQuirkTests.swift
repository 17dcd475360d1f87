import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP
@testable import UPnP

/// The pitfalls of real devices that upnp.md §3.11 lists, each with a device that has it.
@Suite("Descriptions of odd devices", .timeLimit(.minutes(1)))
struct DescriptionQuirkTests {
    /// Reads a description from a server that answers the request of that number with that.
    private func read(
        configure: (inout ControlPointConfiguration) -> Void = { $0.cutOffPause = .milliseconds(1) },
        _ answer: @escaping @Sendable (String, Int) -> ByteBuffer
    ) async throws -> Result<RootDevice, ControlPointError> {
        try await withRawServer { peer, number in
            let request = await peer.read(through: "\r\n\r\n")
            try await peer.channel.writeAndFlush(answer(request, number)).get()
        } _: { endpoint in
            try await HostedTestDevice.withControlPoint(configure: configure) { controlPoint in
                do {
                    return .success(try await controlPoint.device(at: try ScriptedDevice.url(endpoint)))
                } catch let error as ControlPointError { return .failure(error) }
            }
        }
    }

    private static func http(_ body: ByteBuffer, fields: String = "") -> ByteBuffer {
        var answer = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(body.readableBytes)\r\nConnection: close\r\n\r\n")
        answer.writeImmutableBuffer(body)
        return answer
    }

    private static let good = ScriptedDevice.description()

    @Test("an empty or cut-off first answer is asked for once more", arguments: 0..<3)
    func cutOff(kind: Int) async throws {
        let requests = Mutex(0)
        let answers = [
            ScriptedDevice.answer(""), ScriptedDevice.answer(String(Self.good.prefix(300))),
            "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n\(Self.good)",
        ]
        let result = try await read { _, number in
            requests.withLock { $0 += 1 }
            return ByteBuffer(string: number == 0 ? answers[kind] : ScriptedDevice.answer(Self.good))
        }
        #expect(try result.get().udn == ScriptedDevice.udn)
        #expect(requests.withLock { $0 } == 2)
        let broken = try await read { _, _ in ByteBuffer(string: answers[kind]) }
        #expect(throws: ControlPointError.self) { try broken.get() }
    }

    @Test(
        "a NUL, or anything else, after the document is not looked at",
        arguments: ["\u{0}", "\u{0}\u{0}\u{0}", "\r\n<garbage", "trailing text"])
    func trailing(garbage: String) async throws {
        let result = try await read { _, _ in ByteBuffer(string: ScriptedDevice.answer(Self.good + garbage)) }
        #expect(try result.get().udn == ScriptedDevice.udn)
    }

    @Test("the body may end with the connection, come in chunks, and under HTTP/1.0")
    func framing() async throws {
        let half = Self.good.utf8.count / 2
        let chunks = [Self.good.prefix(half), Self.good.dropFirst(half)]
            .map { "\(String($0.utf8.count, radix: 16));x=y\r\n\($0)\r\n" }.joined()
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n\(Self.good)", "HTTP/1.0 200 OK\r\n\r\n\(Self.good)",
            "HTTP/1.0 200 OK\r\nContent-Length: \(Self.good.utf8.count)\r\n\r\n\(Self.good)",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n",
        ] {
            let result = try await read { _, _ in ByteBuffer(string: answer) }
            #expect(try result.get().udn == ScriptedDevice.udn, "\(answer.prefix(60))")
        }
    }

    @Test("Latchkey asks for compression and reads it, and a wrong or unknown one is told")
    func compression() async throws {
        let asked = Mutex("")
        let result = try await read { request, _ in
            asked.withLock { $0 = request }
            return Self.http(Gzip.compressed(Array(Self.good.utf8)), fields: "Content-Encoding: gzip\r\n")
        }
        #expect(try result.get().udn == ScriptedDevice.udn)
        #expect(
            asked.withLock { $0 }.has("accept-encoding: gzip") || asked.withLock { $0 }.has("Accept-Encoding: gzip"))
        let deflated = try await read { _, _ in
            Self.http(Gzip.compressed(Array(Self.good.utf8), window: 15), fields: "Content-Encoding: deflate\r\n")
        }
        #expect(try deflated.get().udn == ScriptedDevice.udn)
        let bomb = Gzip.compressed([UInt8](repeating: UInt8(ascii: "<"), count: 16 << 20))
        let blown = try await read { _, _ in Self.http(bomb, fields: "Content-Encoding: gzip\r\n") }
        #expect(throws: ControlPointError(.malformed, "")) {
            do { _ = try blown.get() } catch { throw Self.kind(error) }
        }
    }

    private static func kind(_ error: any Error) -> ControlPointError {
        ControlPointError((error as? ControlPointError)?.code ?? .unreachable, "")
    }

    @Test("letters of a wrong encoding become Latin-1")
    func latin1() async throws {
        var bytes = Array(Self.good.utf8)
        let name = try #require(Self.good.range(of: "Scripted"))
        let offset = Self.good.utf8.distance(from: Self.good.utf8.startIndex, to: name.lowerBound)
        bytes[offset] = 0xE9
        let answer = Self.http(ByteBuffer(bytes: bytes))
        let result = try await read { _, _ in answer }
        #expect(try result.get().description.device.friendlyName == "écripted")
    }

    @Test("two redirects by 307 are followed on the device, URLs are relative to the last; no other status is followed")
    func redirects() async throws {
        let relative = ScriptedDevice.description(control: "c")
        let result = try await read { request, _ in
            let target = request.hasPrefix("GET /d.xml") ? "/a/e.xml" : request.hasPrefix("GET /a/e") ? "f/g.xml" : nil
            return ByteBuffer(
                string: target.map {
                    ScriptedDevice.answer("", status: "307 Temporary Redirect", fields: "Location: \($0)\r\n")
                } ?? ScriptedDevice.answer(relative))
        }
        #expect(try result.get().services.first?.controlURL?.path == "/a/f/c")
        #expect(try result.get().location.path == "/d.xml")
        for status in [301, 302, 303, 308] {
            let refused = try await read { _, _ in
                ByteBuffer(string: ScriptedDevice.answer("", status: "\(status) Moved", fields: "Location: /e\r\n"))
            }
            #expect(throws: ControlPointError(.httpStatus(status), "")) {
                do { _ = try refused.get() } catch { throw Self.kind(error) }
            }
        }
    }

    @Test(
        "DIAL's Application-URL is taken where it is on the device",
        arguments: [
            ("http://127.0.0.1:8008/apps", "http://127.0.0.1:8008/apps"), ("/apps", nil),
            ("http://192.0.2.1/apps", nil),
            ("http://tv.local/apps", nil), ("https://127.0.0.1/apps", nil), ("", nil),
        ] as [(String, String?)])
    func applicationURL(value: String, url: String?) async throws {
        let result = try await read { _, _ in
            ByteBuffer(string: ScriptedDevice.answer(Self.good, fields: "Application-URL: \(value)\r\n"))
        }
        let read = try result.get().applicationURL
        if value == "/apps" { #expect(read?.path == "/apps") } else { #expect(read?.description == url) }
    }

    @Test("every request names the control point, and a description is asked for in the reader's language")
    func headers() async throws {
        let asked = Mutex("")
        _ = try await read {
            $0.acceptLanguage = "fi, en;q=0.5"
            $0.controlPointUUID = "uuid:cp"
        } _: { request, _ in
            asked.withLock { $0 = request.lowercased() }
            return ByteBuffer(string: ScriptedDevice.answer(Self.good))
        }.get()
        for field in [
            "cpfn.upnp.org: latchkey", "cpuuid.upnp.org: uuid:cp", "user-agent: linux/6 upnp/2.0", "host: 127.0.0.1:",
            "accept-language: fi, en;q=0.5",
        ] {
            #expect(asked.withLock { $0 }.has("\r\n\(field)"), "\(field)")
        }
    }

    @Test("a configuration that is known is not read again, whatever the device's address and run; a doubtful one is")
    func configurations() async throws {
        let asked = Mutex<[String]>([])
        let written = RootDescription(configID: 7, device: ScriptedDevice.device).serialized()
        let plain = ScriptedDevice.description()
        try await withRawServer { peer, _ in
            let request = await peer.read(through: "\r\n\r\n")
            asked.withLock { $0.append(String(request.prefix { $0 != "\r" })) }
            try await peer.send(ScriptedDevice.answer(request.has("/plain") ? plain : written))
        } _: { endpoint in
            let fetcher = DeviceFetcher(
                configuration: ControlPointConfiguration(interface: "lo"),
                client: HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger))
            func read(_ path: String, _ configID: UInt32?) async throws -> FetchedDescription {
                try await fetcher.description(
                    at: try ScriptedDevice.url(endpoint, path), peer: endpoint,
                    of: configID.map { DeviceConfiguration(udn: ScriptedDevice.udn, configID: $0) })
            }
            for _ in 0..<3 { #expect(try await read("/d", 7).description.configID == 7) }
            #expect(asked.withLock { $0.count } == 1)
            // From another address the same document is enough, and its URLs lead there; and from another port, which
            // a router that was restarted has.
            for place in ["http://127.0.0.9:9/d", "http://127.0.0.1:9/d"] {
                let elsewhere = try #require(HTTPURL(place))
                let moved = try await fetcher.description(
                    at: elsewhere, peer: SocketEndpoint(.v4(.loopback), port: 9),
                    of: DeviceConfiguration(udn: ScriptedDevice.udn, configID: 7))
                #expect(moved.url == elsewhere)
            }
            #expect(asked.withLock { $0.count } == 1)
            // Another number or path, no number, and one that the document does not confirm.
            for (path, id) in [("/d", 8), ("/e", 7), ("/d", nil), ("/d", nil), ("/plain", 7), ("/plain", 7)]
                as [(
                    String, UInt32?
                )]
            { _ = try await read(path, id) }
            #expect(asked.withLock { $0.count } == 7)
        }
    }
}
