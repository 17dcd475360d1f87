import HTTPTypes
import Logging
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Publishing events over the network", .timeLimit(.minutes(1)))
struct EventPublishingTests {
    /// What a subscriber receives, and how it answers.
    private final class Subscriber: Sendable {
        let received: AsyncStream<(sequence: String, body: String)>
        private let continuation: AsyncStream<(sequence: String, body: String)>.Continuation
        private let answer: @Sendable (HTTPServerExchange) async throws -> Void

        init(answer: @escaping @Sendable (HTTPServerExchange) async throws -> Void = { try await $0.respond(.ok) }) {
            (received, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
            self.answer = answer
        }

        func handle(_ exchange: HTTPServerExchange) async throws {
            let body = try await exchange.body.collect(upTo: 64 << 10)
            let sequence = HTTPField.Name("SEQ").flatMap { exchange.request.headerFields[$0] } ?? ""
            continuation.yield((sequence, String(buffer: body)))
            try await answer(exchange)
        }

        func next() async -> (sequence: String, body: String)? {
            for await event in received { return event }
            return nil
        }
    }

    private static func link(_ prefix: String = "127.0.0.0/8") throws -> InterfaceAddress {
        InterfaceAddress(
            interface: "lo", index: 1, address: .v4(.loopback), prefix: try #require(IPPrefix(prefix)))
    }

    private func publishing(
        _ client: HTTPClient, moderation: [String: EventModeration] = [:], limits: EventPublisherLimits = .init(),
        rule: @escaping @Sendable (SocketEndpoint) -> CallbackRule?
    ) -> EventPublishing {
        EventPublishing(
            variables: [EventProperty("A", "0")], moderation: moderation, limits: limits, client: client,
            serverName: "Test/1", callbackRule: rule, logger: HTTPTestSupport.logger)
    }

    private func subscribe(
        _ client: HTTPClient, to host: SocketEndpoint, callback: SocketEndpoint
    ) async throws -> HTTPResponse {
        var request = HTTPRequest(
            method: try #require(.init("SUBSCRIBE")), scheme: "http", authority: "\(host)", path: "/events")
        let url = try #require(HTTPURL("http://\(callback)/callback"))
        for (name, value) in SubscribeRequest(callbacks: [url], timeout: .seconds(1800)).headers {
            request.headerFields[try #require(HTTPField.Name(name))] = value
        }
        return try await client.withResponse(request, to: host) { response, _ in response }
    }

    /// Runs a publishing behind a server, and a subscriber behind another.
    private func withBoth(
        _ subscriber: Subscriber, moderation: [String: EventModeration] = [:], limits: EventPublisherLimits = .init(),
        rule: @escaping @Sendable (SocketEndpoint) -> CallbackRule?,
        _ body: (EventPublishing, HTTPClient, SocketEndpoint, SocketEndpoint) async throws -> Void
    ) async throws {
        let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
        defer { client.shutDown() }
        let publishing = publishing(client, moderation: moderation, limits: limits, rule: rule)
        try await withHTTPServer(handler: { try await subscriber.handle($0) }) { callback, _ in
            try await withHTTPServer(handler: { try await publishing.handle($0) }) { host, _ in
                try await body(publishing, client, host, callback)
            }
        }
        await publishing.endAll()
    }

    @Test func `A subscriber is told the state and then each change, and the rule is asked for its link each time`()
        async throws
    {
        let subscriber = Subscriber()
        let asked = Mutex<[SocketEndpoint]>([])
        let rule = CallbackRule(interface: try Self.link())
        try await withBoth(subscriber) { local in
            asked.withLock { $0.append(local) }
            return rule
        } _: { publishing, client, host, callback in
            let response = try await subscribe(client, to: host, callback: callback)
            #expect(response.status == .ok)
            #expect(await subscriber.next()?.sequence == "0")
            await publishing.publish([EventProperty("A", "1")])
            let second = try #require(await subscriber.next())
            #expect(second.sequence == "1" && second.body.contains("<A>1</A>"))
            #expect(asked.withLock { $0 } == [host, host, host])
        }
    }

    @Test func `When the link is gone, nothing more is sent and the subscription ends`() async throws {
        let subscriber = Subscriber()
        let rule = CallbackRule(interface: try Self.link())
        let isUp = Mutex(true)
        try await withBoth(subscriber) { _ in
            isUp.withLock { $0 } ? rule : nil
        } _: { publishing, client, host, callback in
            _ = try await subscribe(client, to: host, callback: callback)
            _ = await subscriber.next()
            #expect(await publishing.subscriptionCount == 1)
            isUp.withLock { $0 = false }
            await publishing.linksChanged()
            #expect(await publishing.subscriptionCount == 0)
            let refused = try await subscribe(client, to: host, callback: callback)
            #expect(refused.status.code == 412)
        }
    }

    @Test func `The rule is asked again before each event, whoever forgot to tell of the change`() async throws {
        let subscriber = Subscriber()
        let rules = Mutex(CallbackRule(interface: try Self.link()))
        let elsewhere = CallbackRule(interface: try Self.link("127.0.7.0/24"))
        try await withBoth(subscriber) { _ in
            rules.withLock { $0 }
        } _: { publishing, client, host, callback in
            _ = try await subscribe(client, to: host, callback: callback)
            _ = await subscriber.next()
            rules.withLock { $0 = elsewhere }
            await publishing.publish([EventProperty("A", "1")])
            while await publishing.subscriptionCount > 0 { await Task.yield() }
        }
    }

    @Test func `A redirect is not followed, and a subscriber that always fails is dropped`() async throws {
        let other = Subscriber()
        let rule = CallbackRule(interface: try Self.link())
        try await withHTTPServer(handler: { try await other.handle($0) }) { trap, _ in
            let subscriber = Subscriber { exchange in
                try await exchange.respond(.temporaryRedirect, headers: [.location: "http://\(trap)/"])
            }
            let limits = EventPublisherLimits(
                failures: 3, firstBackOff: .milliseconds(1), lastBackOff: .milliseconds(2))
            try await withBoth(subscriber, limits: limits) { _ in
                rule
            } _: { publishing, client, host, callback in
                _ = try await subscribe(client, to: host, callback: callback)
                for sequence in 0..<3 { #expect(await subscriber.next()?.sequence == "\(sequence)") }
                while await publishing.subscriptionCount > 0 { await Task.yield() }
            }
        }
    }

    @Test func `A subscriber's long answer is not read`() async throws {
        let rule = CallbackRule(interface: try Self.link())
        let subscriber = Subscriber { exchange in
            let field = try #require(HTTPField.Name("X-Long"))
            try await exchange.respond(.ok, headers: [field: String(repeating: "x", count: 4000)])
        }
        let limits = EventPublisherLimits(failures: 1)
        try await withBoth(subscriber, limits: limits) { _ in
            rule
        } _: { publishing, client, host, callback in
            _ = try await subscribe(client, to: host, callback: callback)
            while await publishing.subscriptionCount > 0 { await Task.yield() }
        }
    }

    @Test func `A moderated variable comes late, but it comes`() async throws {
        let subscriber = Subscriber()
        let rule = CallbackRule(interface: try Self.link())
        let moderation = ["A": EventModeration(maximumRate: .milliseconds(50))]
        try await withBoth(subscriber, moderation: moderation) { _ in
            rule
        } _: { publishing, client, host, callback in
            _ = try await subscribe(client, to: host, callback: callback)
            _ = await subscriber.next()
            for value in 1...5 { await publishing.publish([EventProperty("A", "\(value)")]) }
            var last = ""
            while !last.contains("<A>5</A>") { last = try #require(await subscriber.next()).body }
        }
    }
}
