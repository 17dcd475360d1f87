import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

/// Documents that cost their reader more than their sender.
enum HostileDocument: String, CaseIterable, Sendable {
    case billionLaughs, quadraticEntity, externalEntity, parameterEntity, deepNesting, attributeFlood, namespaceFlood
    case hugeText, hugeTag, hugeComment, elementFlood, endlessInstruction, nul, surrogates

    var text: String {
        switch self {
        case .billionLaughs:
            let entities = (1...30).map { "<!ENTITY e\($0) \"&e\($0 - 1);&e\($0 - 1);&e\($0 - 1);\">" }.joined()
            return "<!DOCTYPE x [<!ENTITY e0 \"ha\">\(entities)]><x>&e30;</x>"
        case .quadraticEntity:
            let entity = String(repeating: "a", count: 50_000)
            return "<!DOCTYPE x [<!ENTITY e \"\(entity)\">]><x>\(String(repeating: "&e;", count: 20_000))</x>"
        case .externalEntity: return "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>"
        case .parameterEntity:
            return "<!DOCTYPE x [<!ENTITY % e SYSTEM \"http://127.0.0.1:9/e.dtd\">%e;]><x/>"
        case .deepNesting: return String(repeating: "<a>", count: 30_000)
        case .attributeFlood: return "<x \((0..<10_000).map { "a\($0)='1'" }.joined(separator: " "))/>"
        case .namespaceFlood: return "<x \((0..<10_000).map { "xmlns:a\($0)='\($0)'" }.joined(separator: " "))/>"
        case .hugeText: return "<x>\(String(repeating: "t", count: 200_000))"
        case .hugeTag: return "<\(String(repeating: "n", count: 200_000))/>"
        case .hugeComment: return "<x><!--\(String(repeating: "c", count: 200_000))--></x>"
        case .elementFlood: return "<x>\(String(repeating: "<a/>", count: 60_000))</x>"
        case .endlessInstruction: return "<?p \(String(repeating: "i", count: 200_000))"
        case .nul: return "<x>a\u{0}b</x>"
        case .surrogates: return "<x>&#xD800;&#xDFFF;&#x0;&#xFFFE;</x>"
        }
    }
}

@Suite("Rules 9 and 10: documents cannot be bombs", .timeLimit(.minutes(2)))
struct HostileDocumentTests {
    @Test("as the body of an action, for a running host", arguments: HostileDocument.allCases)
    func actions(document: HostileDocument) async throws {
        try await AttackedHost.with { host async throws in
            let fields = [AttackedHost.soapAction("GetStatus"), "Content-Type: text/xml"]
            let text = document.text
            let clock = ContinuousClock()
            let start = clock.now
            let whole = try await host.ask("POST \(host.controlPath)", fields, body: text)
            #expect([413, 500].contains(whole))
            // Inside an argument, where the envelope around it is good.
            let inner = AttackedHost.envelope("SetTarget", "<newTargetValue>\(text)</newTargetValue>")
            let status = try await host.ask(
                "POST \(host.controlPath)", [AttackedHost.soapAction("SetTarget")], body: inner)
            #expect([413, 500].contains(status))
            #expect(clock.now - start < .seconds(20), "\(document) kept the host busy")
        }
    }

    @Test("as a description, for a control point that reads it", arguments: HostileDocument.allCases)
    func descriptions(document: HostileDocument) async throws {
        let text = document.text
        let requests = Mutex([String]())
        try await withRawServer({ peer, _ in
            let line = await peer.read(through: "\r\n\r\n").prefix { $0 != "\r\n" }
            requests.withLock { $0.append(String(line)) }
            await peer.trySend(ScriptedDevice.answer(text))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let location = try ScriptedDevice.url(endpoint)
                await #expect(throws: ControlPointError.self) { _ = try await controlPoint.device(at: location) }
            }
            // Nothing that the document names is fetched; one that is cut off is asked for once more.
            let asked = requests.withLock { $0 }
            #expect((1...2).contains(asked.count) && asked.allSatisfy { $0 == "GET /d.xml HTTP/1.1" }, "\(asked)")
        }
    }

    @Test(
        "as an event, for a control point that subscribed",
        arguments: [HostileDocument.billionLaughs, .deepNesting, .hugeText])
    func events(document: HostileDocument) async throws {
        let power = HostedTestDevice.power()
        try await AttackedHost.with(power) { host async throws in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(HTTPURL(endpoint: host.endpoint, pathAndQuery: host.eventPath))
                let subscription = try await controlPoint.subscribe(to: url)
                var events = subscription.events.makeAsyncIterator()
                #expect(await events.next()?.sequence == 0)
                // A value of any kind travels as text.
                await power.publish([EventProperty("Level", document.text.filter { $0 != "\u{0}" })])
                let event = try #require(await events.next())
                #expect(event.sequence == 1)
                await subscription.cancel()
            }
        }
    }

    /// 48 MiB of blanks inside an envelope, in some 48 KiB.
    private static let bomb = Gzip.compressed(
        Array("<x>".utf8) + [UInt8](repeating: 0x20, count: 48 << 20) + Array("</x>".utf8))

    @Test("as a gzip bomb in the body of an action: a running host inflates nothing")
    func bombedHost() async throws {
        try await AttackedHost.with(growth: 40 << 20) { host async throws in
            for coding in ["gzip", "x-gzip", "deflate", "br", "gzip, gzip"] {
                let answer = try await RawPeer.connect(to: host.endpoint) { peer in
                    try await peer.send(
                        """
                        POST \(host.controlPath) HTTP/1.1\r\nHost: \(host.endpoint)\r\nConnection: close\r
                        \(AttackedHost.soapAction("GetStatus"))\r\nContent-Type: text/xml\r
                        Content-Encoding: \(coding)\r\nContent-Length: \(Self.bomb.readableBytes)\r\n\r\n
                        """)
                    // The host may close before it has read all of it.
                    try? await peer.send(Self.bomb)
                    return await peer.readToEnd()
                }
                #expect(AttackedHost.status(answer) == 415, "\(coding)")
            }
        }
    }

    @Test("as a gzip bomb for a description: a control point gives it up while reading", arguments: [1, 16])
    func bombedControlPoint(times: Int) async throws {
        var bytes = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                + "Content-Length: \(Self.bomb.readableBytes * times)\r\nConnection: close\r\n\r\n")
        for _ in 0..<times { bytes.writeImmutableBuffer(Self.bomb) }
        let answer = bytes
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try? await peer.send(answer)
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let location = try ScriptedDevice.url(endpoint)
                let error = await #expect(throws: ControlPointError.self) {
                    _ = try await controlPoint.device(at: location)
                }
                #expect("\(String(describing: error))".contains("larger than"), "\(String(describing: error))")
            }
        }
    }
}
