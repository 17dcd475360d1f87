import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Rules 3 and 14: floods are bounded", .timeLimit(.minutes(1)))
struct FloodTests {
    @Test(
        "bounds the head",
        arguments: [
            "GET / HTTP/1.1\r\nHost: h\r\n" + (0..<65).map { "A\($0): b\r\n" }.joined() + "\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA: " + String(repeating: "b", count: 9000) + "\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "c", count: 9000) + ": d\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n"
                + (0..<20).map { "A\($0): " + String(repeating: "b", count: 1500) + "\r\n" }.joined() + "\r\n",
            "GET /" + String(repeating: "p", count: 100_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
        ]
    )
    func headFlood(request: String) async throws {
        try await withHTTPServer(handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend(request)
                let answer = await peer.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(40))")
            }
        }
    }

    @Test(
        "an endless head costs bounded memory: the connection closes",
        arguments: ["GET /", "GET / HTTP/1.1\r\nA: ", ""])
    func endlessHead(start: String) async throws {
        // Empty lines before a request are allowed and kept nowhere; the time for a head bounds them.
        var limits = HTTPServerLimits()
        limits.headTime = .milliseconds(start.isEmpty ? 100 : 60_000)
        try await withHTTPServer(limits: limits, handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                let block = String(repeating: start.isEmpty ? "\r\n" : "x", count: 64 * 1024)
                await peer.trySend(start)
                var sent = 0
                do {
                    while start.isEmpty || sent < 64 << 20 {
                        try await peer.send(block)
                        sent += block.utf8.count
                    }
                } catch {}
                #expect(start.isEmpty || sent < 64 << 20)
            }
        }
    }

    @Test("a body above the limit is refused, announced or not")
    func largeBodies() async throws {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 1000
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                _ = try await exchange.body.collect(upTo: 1 << 20)
                try await exchange.respond(.ok)
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 413"))
            }
            try await RawPeer.connect(to: endpoint) { peer in
                let chunk = "1f4\r\n" + String(repeating: "a", count: 500) + "\r\n"
                try await peer.send(
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk
                )
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 413"))
            }
        }
    }

    @Test("limits connections by address and in all, and takes new ones when old ones close")
    func connectionLimits() async throws {
        var limits = HTTPServerLimits()
        limits.connectionsPerAddress = 2
        try await withHTTPServer(limits: limits, handler: { try await $0.respond(.ok, body: ByteBuffer(string: "hi")) })
        {
            endpoint, _ in
            func ask(_ peer: RawPeer) async throws -> Bool {
                await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                return await peer.read(through: "hi").hasSuffix("hi")
            }
            try await RawPeer.connect(to: endpoint) { first in
                #expect(try await ask(first))
                try await RawPeer.connect(to: endpoint) { second in
                    #expect(try await ask(second))
                    try await RawPeer.connect(to: endpoint) { third in
                        #expect(await third.readToEnd() == "")
                    }
                    try await second.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    _ = await second.readToEnd()
                    let served = try await RawPeer.connect(to: endpoint) { try await ask($0) }
                    #expect(served)
                }
            }
        }
    }

    @Test("a peer that is not accepted gets not a byte")
    func refusedPeers() async throws {
        try await withHTTPServer(accepts: { _ in false }, handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await peer.readToEnd() == "")
            }
        }
    }

    private final class Answers: Sendable {
        let counts = Mutex((served: 0, refused: 0))
    }

    @Test("a thousand connections at once: those beyond the limit are closed, the others are served")
    func thousandConnections() async throws {
        var limits = HTTPServerLimits()
        limits.connections = 300
        limits.connectionsPerAddress = 300
        let (served, refused) = try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                try await exchange.respond(.ok, body: ByteBuffer(string: "hi"))
            }
        ) { endpoint, _ in
            let answers = Answers()
            let all = Event<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try await RawPeer.connect(to: endpoint) { peer in
                            await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                            let answer = await peer.read(through: "hi")
                            let done = answers.counts.withLock { answers in
                                if answer.hasSuffix("hi") { answers.served += 1 } else { answers.refused += 1 }
                                return answers.served + answers.refused == 1000
                            }
                            if done { all.set() }
                            // Stays connected until everybody has had an answer.
                            await all.value
                        }
                    }
                }
                try await group.waitForAll()
            }
            return answers.counts.withLock { ($0.served, $0.refused) }
        }
        #expect(served == 300)
        #expect(refused == 700)
    }

    // MARK: A running host

    @Test("subscriptions of one address are limited (rule 3), and room comes back")
    func subscriptions() async throws {
        try await AttackedHost.with { host async throws in
            var first = ""
            for number in 1...40 {
                let answer = try await host.askAll(
                    "SUBSCRIBE \(host.eventPath)",
                    AttackedHost.subscription + ["CALLBACK: <http://127.0.0.1:9/\(number)>"])
                #expect(AttackedHost.status(answer) == (number <= 8 ? 200 : 503), "\(number)")
                if number == 1 { first = answer }
            }
            let line = first.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sid:") } ?? ""
            let sid = line.dropFirst(4).filter { $0 != " " }
            #expect(try await host.ask("UNSUBSCRIBE \(host.eventPath)", ["SID: \(sid)"]) == 200)
            let again = try await host.ask(
                "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: <http://127.0.0.1:9/>"])
            #expect(again == 200)
        }
    }

    @Test(
        "a running host refuses heads beyond its limits",
        arguments: [
            (0..<65).map { "A\($0): b\r\n" }.joined(), "A: " + String(repeating: "b", count: 2300) + "\r\n",
            String(repeating: "c", count: 2300) + ": d\r\n",
            (0..<16).map { "A\($0): " + String(repeating: "b", count: 1500) + "\r\n" }.joined(),
        ])
    func hostHeads(fields: String) async throws {
        try await AttackedHost.with { host async throws in
            let status = try await host.send(
                "GET \(host.location.path) HTTP/1.1\r\nHost: \(host.endpoint)\r\n\(fields)\r\n")
            #expect(status == 431 || status == 400)
        }
    }

    @Test("trailers count as header fields", arguments: [64, 1000])
    func trailers(count: Int) async throws {
        try await AttackedHost.with { host async throws in
            let body = AttackedHost.envelope("GetStatus")
            let status = try await host.send(
                "POST \(host.controlPath) HTTP/1.1\r\nHost: \(host.endpoint)\r\nConnection: close\r\n"
                    + "\(AttackedHost.soapAction("GetStatus"))\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + String(body.utf8.count, radix: 16) + "\r\n\(body)\r\n0\r\n"
                    + (0..<count).map { "T\($0): x\r\n" }.joined() + "\r\n")
            #expect(status == 400 || status == 431)
        }
    }

    @Test("connections of one address are limited by a running host, and one that waits is not shut out for ever")
    func hostConnections() async throws {
        try await AttackedHost.with {
            $0.http.connectionsPerAddress = 4
        } _: { host async throws in
            for _ in 0..<3 {
                try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<40 {
                        group.addTask {
                            try await RawPeer.connect(to: host.endpoint) { peer in
                                await peer.trySend("GET \(host.location.path) HTTP/1.1\r\nHost: \(host.endpoint)\r\n")
                                // The four that are let in hold their place until the others have been refused.
                                if peer.channel.isActive { await peer.trySend("Connection: close\r\n\r\n") }
                                return await peer.readToEnd()
                            }
                        }
                    }
                    for try await answer in group {
                        let status = AttackedHost.status(answer)
                        #expect(status == 200 || status == 0)
                    }
                }
            }
        }
    }

    @Test("a body larger than an action may have is refused before it is sent, and while it is")
    func hostBodies() async throws {
        try await AttackedHost.with { host async throws in
            let start = "POST \(host.controlPath) HTTP/1.1\r\nHost: \(host.endpoint)\r\n"
            #expect(try await host.send("\(start)Content-Length: 1073741824\r\n\r\n") == 413)
            let large = String(repeating: "x", count: 300 * 1024)
            let action = AttackedHost.soapAction("GetStatus")
            #expect(try await host.ask("POST \(host.controlPath)", [action], body: large) == 413)
            let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
            let chunks = String(repeating: chunk, count: 40)
            #expect(try await host.send("\(start)\(action)\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)") == 413)
        }
    }

    @Test("events to a subscriber that never answers do not hold up another one")
    func silentSubscriber() async throws {
        let power = HostedTestDevice.power()
        try await HostedTestDevice.withHost(power) { location in
            let host = try await AttackedHost(location)
            try await withRawServer({ peer, _ in _ = await peer.readToEnd() }) { silent in
                let answer = try await host.ask(
                    "SUBSCRIBE \(host.eventPath)", ["NT: upnp:event", "CALLBACK: <http://\(silent)/>"])
                #expect(answer == 200)
                try await HostedTestDevice.withControlPoint { controlPoint in
                    let url = try #require(HTTPURL(endpoint: host.endpoint, pathAndQuery: host.eventPath))
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
