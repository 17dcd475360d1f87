import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Rules 1 to 6: events go to nobody but the neighbour who asks (CallStranger)", .timeLimit(.minutes(1)))
struct CallStrangerTests {
    @Test(
        "refuses every other address (CVE-2020-12695)",
        arguments: [
            // Another host: near, far, a name.
            "<http://192.0.2.1/>", "<http://8.8.8.8:80/x>", "<http://127.0.0.2:1/>", "<http://10.0.0.1/>",
            "<http://169.254.1.1/>", "<http://localhost/>", "<http://example.com/>",
            // What only some parsers take for an address.
            "<http://127.1/>", "<http://2130706433/>", "<http://0x7f000001/>", "<http://0177.0.0.1/>",
            "<http://127.0.0.1.:9/>", "<http://127.0.0.01:9/>", "<http://%3127.0.0.1:9/>",
            // Addresses that are no host's.
            "<http://239.255.255.250/>", "<http://255.255.255.255/>", "<http://127.255.255.255/>", "<http://0.0.0.0/>",
            // IPv6: v4-mapped and the other ways to write IPv4, loopback, link-local, multicast, zones.
            "<http://[::ffff:127.0.0.1]:9/>", "<http://[::127.0.0.1]:9/>", "<http://[64:ff9b::7f00:1]:9/>",
            "<http://[2002:7f00:1::]:9/>", "<http://[::1]:9/>", "<http://[::]:9/>", "<http://[fe80::1]:9/>",
            "<http://[fe80::1%25lo]:9/>", "<http://[fe80::1%lo]:9/>", "<http://[ff02::1]:9/>",
            // More than an address and a path.
            "<https://127.0.0.1:9/>", "<ftp://127.0.0.1:9/>", "<http://user@127.0.0.1:9/>",
            "<http://user:pw@127.0.0.1:9/>", "<http://192.0.2.1\\@127.0.0.1:9/>", "<http://127.0.0.1:9/#@192.0.2.1/>",
            "<http://127.0.0.1:0/>", "<http://127.0.0.1:65536/>", "<http://127.0.0.1:-1/>", "<http://127.0.0.1:/>",
            // One bad URL among good ones, and lists that are none.
            "<http://127.0.0.1:9/><http://192.0.2.1/>", "<http://192.0.2.1/><http://127.0.0.1:9/>",
            "<http://127.0.0.1:9/> <http://[::1]:9/>", "<http://127.0.0.1:9/>x", "http://127.0.0.1:9/", "<>", "",
            "<<>>",
            String(repeating: "<http://127.0.0.1:9/>", count: 5), "<http://127.0.0.1:9/",
            "<http://127.0.0.1:9/" + String(repeating: "a", count: 600) + ">",
        ]
    )
    func strangers(callback: String) async throws {
        try await AttackedHost.with { host async throws in
            let status = try await host.ask(
                "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: \(callback)"])
            #expect(status == 412)
        }
    }

    @Test(
        "refuses every other address over IPv6, too",
        arguments: [
            "<http://[::2]:9/>", "<http://[::]:9/>", "<http://[fe80::1]:9/>", "<http://[2001:db8::1]:9/>",
            "<http://[fd00::1]:9/>", "<http://[ff02::1]:9/>", "<http://[ff05::c]:9/>", "<http://[::ffff:127.0.0.1]:9/>",
            "<http://[::ffff:0:127.0.0.1]:9/>", "<http://[::1%25lo]:9/>", "<http://[::1]:0/>", "<http://a@[::1]:9/>",
            "<http://127.0.0.1:9/>", "<http://ip6-localhost:9/>", "<http://::1/>", "<http://[::1/>", "<http://::1]/>",
            "<http://[::1]:9/><http://[::2]:9/>", "<http://[::1]:9/><http://127.0.0.1:9/>", "<https://[::1]:9/>",
            "<http://[0:0:0:0:0:0:0:0:1]:9/>", "<http://[1::2::3]:9/>", "<http://[::1]9/>",
        ]
    )
    func strangersOverIPv6(callback: String) async throws {
        try await HostedTestDevice.withHost { (_: HTTPURL, running: DeviceHost) async throws in
            let location = try #require(running.locations.first { $0.ipAddress == .v6(.loopback) })
            let host = try await AttackedHost(location)
            let status = try await host.ask(
                "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: \(callback)"])
            #expect(status == 412)
            let good = try await host.ask(
                "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: <http://[::1]:9/>"])
            #expect(good == 200)
        }
    }

    /// A server that counts who connects to it.
    private func withWitness<Result: Sendable>(
        _ body: (SocketEndpoint, @escaping @Sendable () -> Int) async throws -> Result
    ) async throws -> Result {
        let connections = Mutex(0)
        let count: @Sendable () -> Int = { connections.withLock { $0 } }
        return try await withRawServer({ peer, _ in
            connections.withLock { $0 += 1 }
            _ = await peer.readToEnd()
        }) { endpoint in try await body(endpoint, count) }
    }

    @Test("makes no connection for a subscription that it refused")
    func noConnection() async throws {
        let power = HostedTestDevice.power()
        try await AttackedHost.with(power) { host async throws in
            try await withWitness { witness, connections in
                // The witness is where the host itself could be sent: on loopback, under a name and with another.
                for callback in [
                    "<http://localhost:\(witness.port)/>", "<http://[::ffff:127.0.0.1]:\(witness.port)/>",
                    "<http://\(witness)/><http://192.0.2.1/>", "<http://a@\(witness)/>",
                ] {
                    let status = try await host.ask(
                        "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: \(callback)"])
                    #expect(status == 412)
                }
                // A good subscriber hears the event, so that the others would have heard it, too.
                try await HostedTestDevice.withControlPoint { controlPoint in
                    let url = try #require(HTTPURL(endpoint: host.endpoint, pathAndQuery: host.eventPath))
                    let subscription = try await controlPoint.subscribe(to: url)
                    var events = subscription.events.makeAsyncIterator()
                    #expect(await events.next()?.sequence == 0)
                    await power.publish([EventProperty("Level", "7")])
                    #expect(await events.next()?.sequence == 1)
                    await subscription.cancel()
                }
                #expect(connections() == 0)
            }
        }
    }

    @Test("follows no redirect of a subscriber", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let power = HostedTestDevice.power()
        try await AttackedHost.with(power) { host async throws in
            try await withWitness { witness, connections in
                let asked = AsyncStream<Void>.makeStream()
                try await withRawServer({ peer, _ in
                    _ = await peer.read(through: "</e:propertyset>")
                    try await peer.send(
                        "HTTP/1.1 \(status) Elsewhere\r\nLocation: http://\(witness)/\r\nContent-Length: 0\r\n"
                            + "Connection: close\r\n\r\n")
                    asked.continuation.yield()
                }) { subscriber in
                    let answer = try await host.ask(
                        "SUBSCRIBE \(host.eventPath)",
                        AttackedHost.subscription + ["CALLBACK: <http://\(subscriber)/>"])
                    #expect(answer == 200)
                    var iterator = asked.stream.makeAsyncIterator()
                    await iterator.next()
                    // The next event comes after the host has dealt with the first one's answer.
                    await power.publish([EventProperty("Level", "8")])
                    await iterator.next()
                    #expect(connections() == 0)
                }
            }
        }
    }

    @Test(
        "answers broken subscriptions with the status of the standard, and each header is missed",
        arguments: [
            (["NT: upnp:event"], 412), (["CALLBACK: <http://127.0.0.1:9/>"], 412),
            (["NT: upnp:other", "CALLBACK: <http://127.0.0.1:9/>"], 412),
            (["NT: upnp:event", "SID: uuid:1", "CALLBACK: <http://127.0.0.1:9/>"], 400),
            (["NT: upnp:event", "SID: uuid:1"], 400), (["CALLBACK: <http://127.0.0.1:9/>", "SID: uuid:1"], 400),
            (["SID: uuid:unknown"], 412), (["SID: "], 412), (["SID: \(String(repeating: "s", count: 300))"], 412),
            ([], 412),
        ] as [([String], Int)]
    )
    func brokenSubscriptions(fields: [String], status: Int) async throws {
        try await AttackedHost.with { host async throws in
            #expect(try await host.ask("SUBSCRIBE \(host.eventPath)", fields) == status)
        }
    }

    @Test("ends a subscription only for its own identifier, and identifiers are not to be guessed (rule 17)")
    func identifiers() async throws {
        try await AttackedHost.with { host async throws in
            var identifiers: Set<String> = []
            for _ in 0..<4 {
                let answer = try await host.askAll(
                    "SUBSCRIBE \(host.eventPath)", AttackedHost.subscription + ["CALLBACK: <http://127.0.0.1:9/>"])
                let line = answer.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sid:") } ?? ""
                identifiers.insert(String(line.dropFirst(4).filter { $0 != " " }))
            }
            #expect(identifiers.count == 4)
            // 128 random bits: no two share what a counter or a clock would leave alike.
            let random = identifiers.map { $0.dropFirst("uuid:".count).filter { $0 != "-" } }
            #expect(random.allSatisfy { $0.count == 32 })
            #expect(Set(random.map { $0.prefix(8) }).count == 4 && Set(random.map { $0.suffix(8) }).count == 4)
            let known = try #require(identifiers.first)
            for stranger in ["uuid:00000000-0000-4000-8000-000000000000", "\(known)0", String(known.dropLast()), "*"] {
                #expect(try await host.ask("UNSUBSCRIBE \(host.eventPath)", ["SID: \(stranger)"]) == 412)
            }
            #expect(try await host.ask("UNSUBSCRIBE \(host.eventPath)", ["SID: \(known)"]) == 200)
            #expect(try await host.ask("UNSUBSCRIBE \(host.eventPath)", ["SID: \(known)"]) == 412)
        }
    }
}
