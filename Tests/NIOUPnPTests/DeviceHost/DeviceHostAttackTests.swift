import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Device host under attack", .timeLimit(.minutes(1)))
struct DeviceHostAttackTests {
    /// Sends a request to a running host and returns the answer's first line.
    private func ask(
        _ endpoint: SocketEndpoint, _ line: String, _ fields: [String], host: String? = nil, body: String = ""
    ) async throws -> String {
        try await RawPeer.connect(to: endpoint) { peer in
            var request = "\(line) HTTP/1.1\r\nHost: \(host ?? "\(endpoint)")\r\nConnection: close\r\n"
            request += fields.map { "\($0)\r\n" }.joined()
            if !body.isEmpty { request += "Content-Length: \(body.utf8.count)\r\n" }
            await peer.trySend("\(request)\r\n\(body)")
            return String(await peer.readToEnd().prefix { $0 != "\r\n" })
        }
    }

    private func paths(_ location: HTTPURL) async throws -> (event: String, control: String, endpoint: SocketEndpoint) {
        try await HostedTestDevice.withControlPoint { controlPoint in
            let service = try #require(try await controlPoint.device(at: location).services.first)
            return (
                try #require(service.eventSubURL?.path), try #require(service.controlURL?.path),
                try #require(location.endpoint)
            )
        }
    }

    @Test(
        "sends events to nobody but the neighbour who asks (CallStranger, CVE-2020-12695)",
        arguments: [
            "<http://192.0.2.1/>", "<http://8.8.8.8:80/x>", "<http://127.0.0.2:1/>", "<http://10.0.0.1/>",
            "<http://localhost/>", "<http://example.com/>", "<https://127.0.0.1/>", "<http://127.1/>",
            "<http://2130706433/>", "<http://0x7f000001/>", "<http://[::ffff:127.0.0.1]/>", "<http://239.255.255.250/>",
            "<http://255.255.255.255/>", "<http://0.0.0.0/>", "<http://user@127.0.0.1/>", "<http://127.0.0.1:0/>",
            "<http://127.0.0.1/><http://192.0.2.1/>", "http://127.0.0.1/", "<>", "",
            "<http://127.0.0.1/" + String(repeating: "a", count: 600) + ">",
        ]
    )
    func callStranger(callback: String) async throws {
        try await HostedTestDevice.withHost { location in
            let (event, _, endpoint) = try await paths(location)
            let answer = try await ask(endpoint, "SUBSCRIBE \(event)", ["NT: upnp:event", "CALLBACK: \(callback)"])
            #expect(answer == "HTTP/1.1 412 Precondition Failed")
        }
    }

    @Test(
        "answers broken subscriptions with the status of the standard",
        arguments: [
            (["NT: upnp:event"], 412), (["CALLBACK: <http://127.0.0.1:9/>"], 412),
            (["NT: upnp:other", "CALLBACK: <http://127.0.0.1:9/>"], 412),
            (["NT: upnp:event", "SID: uuid:1", "CALLBACK: <http://127.0.0.1:9/>"], 400),
            (["SID: uuid:unknown"], 412), ([], 412),
        ] as [([String], Int)]
    )
    func brokenSubscriptions(fields: [String], status: Int) async throws {
        try await HostedTestDevice.withHost { location in
            let (event, _, endpoint) = try await paths(location)
            #expect(try await ask(endpoint, "SUBSCRIBE \(event)", fields).hasPrefix("HTTP/1.1 \(status) "))
        }
    }

    @Test("subscriptions of one address are limited")
    func subscriptionFlood() async throws {
        try await HostedTestDevice.withHost { location in
            let (event, _, endpoint) = try await paths(location)
            for number in 1...12 {
                let answer = try await ask(
                    endpoint, "SUBSCRIBE \(event)", ["NT: upnp:event", "CALLBACK: <http://127.0.0.1:9/\(number)>"]
                )
                #expect(answer.hasPrefix("HTTP/1.1 \(number <= 8 ? 200 : 503) "), "\(number): \(answer)")
            }
        }
    }

    @Test(
        "answers only to its own address as Host, so that a rebound name leads nowhere",
        arguments: ["evil.example", "evil.example:80", "localhost", "127.0.0.1", "127.0.0.1:1", "[::1]:80", "x y", ""]
    )
    func hostCheck(host: String) async throws {
        try await HostedTestDevice.withHost { location in
            let endpoint = try #require(location.endpoint)
            let answer = try await ask(endpoint, "GET \(location.path)", [], host: host)
            #expect(answer.hasPrefix("HTTP/1.1 421 ") || answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
        }
    }

    @Test("refuses what a page in a browser sends")
    func origin() async throws {
        try await HostedTestDevice.withHost { location in
            let (_, control, endpoint) = try await paths(location)
            let answer = try await ask(endpoint, "POST \(control)", ["Origin: http://evil.example"], body: "x")
            #expect(answer.hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test("refuses oversized and malformed actions and goes on serving")
    func malformedActions() async throws {
        try await HostedTestDevice.withHost { location in
            let (_, control, endpoint) = try await paths(location)
            let soap = "SOAPACTION: \"\(HostedTestDevice.switchType)#GetStatus\""
            let large = String(repeating: "x", count: 300 * 1024)
            #expect(try await ask(endpoint, "POST \(control)", [soap], body: large).hasPrefix("HTTP/1.1 413 "))
            let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>"
            let deep = String(repeating: "<a>", count: 5000)
            for body in [bomb, deep, "", "<x/>", "\u{0}", "<s:Envelope"] {
                #expect(try await ask(endpoint, "POST \(control)", [soap], body: body).hasPrefix("HTTP/1.1 500 "))
            }
            for header in ["SOAPACTION: \"", "SOAPACTION: #", "SOAPACTION: \"a#b\"", "X: y"] {
                #expect(try await ask(endpoint, "POST \(control)", [header], body: "<x/>").hasPrefix("HTTP/1.1 500 "))
            }
            #expect(try await ask(endpoint, "GET \(location.path)", []).hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test(
        "knows its paths and methods only",
        arguments: [
            "GET /", "GET /description.xml", "GET /../../etc/passwd", "POST /", "PUT /x", "DELETE /x", "OPTIONS *",
            "SUBSCRIBE /", "GET http://192.0.2.1/",
        ]
    )
    func unknownPaths(line: String) async throws {
        try await HostedTestDevice.withHost { location in
            let endpoint = try #require(location.endpoint)
            #expect(try await ask(endpoint, line, []).hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test("refuses a method that a path does not have", arguments: ["PUT", "DELETE", "POST", "SUBSCRIBE", "NOTIFY"])
    func wrongMethods(method: String) async throws {
        try await HostedTestDevice.withHost { location in
            let endpoint = try #require(location.endpoint)
            #expect(try await ask(endpoint, "\(method) \(location.path)", []).hasPrefix("HTTP/1.1 405 "))
        }
    }

    @Test("events to a subscriber that never answers do not hold up another one")
    func silentSubscriber() async throws {
        let power = HostedTestDevice.power()
        try await HostedTestDevice.withHost(power) { location in
            let (event, _, endpoint) = try await paths(location)
            try await withRawServer({ peer, _ in _ = await peer.readToEnd() }) { silent in
                let answer = try await ask(
                    endpoint, "SUBSCRIBE \(event)", ["NT: upnp:event", "CALLBACK: <http://\(silent)/>"]
                )
                #expect(answer.hasPrefix("HTTP/1.1 200 "))
                try await HostedTestDevice.withControlPoint { controlPoint in
                    let url = try #require(HTTPURL(endpoint: endpoint, pathAndQuery: event))
                    let subscription = try await controlPoint.subscribe(to: url)
                    var events = subscription.events.makeAsyncIterator()
                    for expected in 0..<5 {
                        #expect(await events.next()?.sequence == UInt32(expected))
                        await power.publish([EventProperty("Level", "\(expected)")])
                    }
                    await subscription.cancel()
                }
            }
        }
    }
}
