import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Rule 14: numbers end somewhere", .timeLimit(.minutes(1)))
struct IntegerLimitTests {
    @Test(
        "a length that no body has is refused",
        arguments: [
            "-1", "+1", "99999999999999999999", "9223372036854775808", "18446744073709551616", "4294967296",
            "2147483648",
            "0x10", "1e3", "1.0", "٣", "",
        ])
    func contentLength(value: String) async throws {
        try await AttackedHost.with { host async throws in
            let status = try await host.send(
                "POST \(host.controlPath) HTTP/1.1\r\nHost: \(host.endpoint)\r\nContent-Length: \(value)\r\n\r\n<x/>")
            #expect([400, 413].contains(status), "\(value): \(status)")
        }
    }

    @Test(
        "a subscription's time is clamped, whatever is asked for",
        arguments: [
            "Second-99999999999999999999", "Second-9223372036854775807", "Second--1", "Second-0", "Second-",
            "Second-1.5",
            "infinite", "Second-infinite", "1800", "",
        ])
    func timeout(value: String) async throws {
        try await AttackedHost.with { host async throws in
            let answer = try await host.askAll(
                "SUBSCRIBE \(host.eventPath)",
                ["NT: upnp:event", "CALLBACK: <http://127.0.0.1:9/>", "TIMEOUT: \(value)"])
            #expect(AttackedHost.status(answer) == 200)
            let line = answer.split(separator: "\r\n").first { $0.lowercased().hasPrefix("timeout:") } ?? ""
            let granted = try #require(Int(line.filter(\.isNumber)), "\(line)")
            #expect((60...86_400).contains(granted))
        }
    }

    @Test(
        "an argument outside its type or range is a fault with the standard's code",
        arguments: [
            ("101", 601), ("256", 600), ("-1", 600), ("4294967296", 600), ("99999999999999999999999999", 600),
            ("1e1", 402), ("0x1", 402), ("1.0", 402), ("", 402), ("٣", 402), ("NaN", 402),
        ] as [(String, Int)])
    func arguments(value: String, code: Int) async throws {
        try await AttackedHost.with { host async throws in
            let answer = try await host.askAll(
                "POST \(host.controlPath)", [AttackedHost.soapAction("SetLevel")],
                body: AttackedHost.envelope("SetLevel", "<newLevel>\(value)</newLevel>"))
            #expect(answer.has("<errorCode>\(code)</errorCode>"), "\(answer)")
        }
    }

    @Test(
        "a SOAPACTION that names no action is a fault",
        arguments: [
            "\"", "\"\"", "#", "\"#\"", "\"a#\"", "\"#b\"", "\"a#b\"", "a#b", "\"a\"b#c\"", "",
            "\"\(HostedTestDevice.switchType)#GetStatus", "\"\(HostedTestDevice.switchType)\"",
            "\"\(HostedTestDevice.switchType)#GetStatus#x\"", "\"\(String(repeating: "u", count: 2000))#GetStatus\"",
        ])
    func soapAction(value: String) async throws {
        try await AttackedHost.with { host async throws in
            let status = try await host.ask(
                "POST \(host.controlPath)", ["SOAPACTION: \(value)"], body: AttackedHost.envelope("GetStatus"))
            #expect(status == 500, "SOAPACTION: \(value)")
        }
    }

    @Test("an action without one of its headers, or without a body, is refused and not run")
    func missingHeaders() async throws {
        try await AttackedHost.with { host async throws in
            let body = AttackedHost.envelope("GetStatus")
            let action = AttackedHost.soapAction("GetStatus")
            #expect(try await host.ask("POST \(host.controlPath)", [action], body: body) == 200)
            #expect(try await host.ask("POST \(host.controlPath)", [], body: body) == 500)
            #expect(try await host.ask("POST \(host.controlPath)", [action]) == 500)
            let start = "POST \(host.controlPath) HTTP/1.1\r\nConnection: close\r\n"
            #expect(
                try await host.send("\(start)Content-Length: \(body.utf8.count)\r\n\(action)\r\n\r\n\(body)") == 400)
            // Without a length the body is empty (RFC 9112 §6.3), and what follows is no request.
            #expect(try await host.send("\(start)Host: \(host.endpoint)\r\n\(action)\r\n\r\n\(body)") == 500)
        }
    }

    @Test(
        "a NOTIFY with a number that is none, or without a header, is refused by a control point",
        arguments: [
            (["NT: upnp:event", "NTS: upnp:propchange", "SID: SID", "SEQ: 4294967296"], 400),
            (["NT: upnp:event", "NTS: upnp:propchange", "SID: SID", "SEQ: -1"], 400),
            (["NT: upnp:event", "NTS: upnp:propchange", "SID: SID", "SEQ: "], 400),
            (["NT: upnp:event", "NTS: upnp:propchange", "SID: SID"], 400),
            (["NT: upnp:event", "NTS: upnp:propchange", "SEQ: 1"], 412),
            (["NT: upnp:event", "SID: SID", "SEQ: 1"], 400), (["NTS: upnp:propchange", "SID: SID", "SEQ: 1"], 400),
            (["NT: upnp:other", "NTS: upnp:propchange", "SID: SID", "SEQ: 1"], 412), ([], 400),
        ] as [([String], Int)])
    func notify(fields: [String], status: Int) async throws {
        let sid = "uuid:1"
        let callback = Event<SocketEndpoint>()
        let path = Event<String>()
        try await withRawServer({ peer, _ in
            let head = await peer.read(through: "\r\n\r\n")
            if head.hasPrefix("SUBSCRIBE"), let start = head.range(of: "<http://"), let end = head.range(of: ">") {
                if let url = HTTPURL(head[start.lowerBound..<end.lowerBound].dropFirst()), let endpoint = url.endpoint {
                    path.set(url.path)
                    callback.set(endpoint)
                }
            }
            try await peer.send("HTTP/1.1 200 OK\r\nSID: \(sid)\r\nTIMEOUT: Second-300\r\nContent-Length: 0\r\n\r\n")
            _ = await peer.readToEnd()
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let subscription = try await controlPoint.subscribe(to: try ScriptedDevice.url(endpoint, "/e"))
                let (target, url) = (await callback.value, await path.value)
                let answer = try await RawPeer.connect(to: target) { peer in
                    let lines = fields.map { $0.replacing("SID: SID", with: "SID: \(sid)") + "\r\n" }.joined()
                    try await peer.send(
                        "NOTIFY \(url) HTTP/1.1\r\nHost: \(target)\r\nConnection: close\r\nContent-Length: 0\r\n\(lines)\r\n"
                    )
                    return await peer.readToEnd()
                }
                #expect(AttackedHost.status(answer) == status, "\(answer)")
                await subscription.cancel()
            }
        }
    }
}
