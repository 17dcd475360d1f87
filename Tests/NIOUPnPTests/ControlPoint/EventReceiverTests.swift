import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Events at the control point", .timeLimit(.minutes(1)))
struct EventReceiverTests {
    /// A device that subscribes whoever asks and lets a test send events.
    private final class Publisher: Sendable {
        let requests = AsyncStream<String>.makeStream()
        private let count = Mutex(0)
        /// What happens between a SUBSCRIBE and its answer.
        let beforeAnswer = Mutex<(@Sendable (_ callback: String, _ sid: String) async throws -> Void)?>(nil)

        func serve(_ peer: RawPeer, _ number: Int) async throws {
            let request = await peer.read(through: "\r\n\r\n")
            requests.continuation.yield(request)
            guard request.hasPrefix("SUBSCRIBE"), !request.has("\r\nSID: ") else {
                return try await peer.send(ScriptedDevice.answer("", fields: "SID: uuid:1\r\nTIMEOUT: Second-1800\r\n"))
            }
            let number = count.withLock { count in
                count += 1
                return count
            }
            if let before = beforeAnswer.withLock({ $0 }) { try await before(Self.callback(request), "uuid:\(number)") }
            try await peer.send(
                ScriptedDevice.answer("", fields: "SID: uuid:\(number)\r\nTIMEOUT: Second-1800\r\n")
            )
        }

        static func callback(_ request: String) -> String {
            String(request.split(separator: "<")[1].prefix { $0 != ">" })
        }

        /// Sends an event and returns the status.
        static func notify(
            _ callback: String, sid: String, sequence: Int, value: String, method: String = "NOTIFY"
        ) async throws -> String {
            let url = try #require(HTTPURL(callback))
            let body = PropertySet([EventProperty("V", value)]).serialized()
            return try await RawPeer.connect(to: try #require(url.endpoint)) { peer in
                try await peer.send(
                    "\(method) \(url.path) HTTP/1.1\r\nHost: \(url.authority)\r\nContent-Type: text/xml\r\n"
                        + "NT: upnp:event\r\nNTS: upnp:propchange\r\nSID: \(sid)\r\nSEQ: \(sequence)\r\n"
                        + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
                )
                return String(await peer.readToEnd().dropFirst(9).prefix(3))
            }
        }
    }

    private func withPublisher(
        _ publisher: Publisher, configure: (inout ControlPointConfiguration) -> Void = { _ in },
        _ body: (ControlPoint, HTTPURL) async throws -> Void
    ) async throws {
        try await withRawServer({ try await publisher.serve($0, $1) }) { endpoint in
            try await HostedTestDevice.withControlPoint(configure: configure) { controlPoint in
                try await body(controlPoint, try ScriptedDevice.url(endpoint, "/e"))
            }
        }
    }

    @Test("an event that overtakes the answer to the subscription is not lost")
    func earlyEvent() async throws {
        let publisher = Publisher()
        publisher.beforeAnswer.withLock {
            $0 = { callback, sid in
                let status = try await Publisher.notify(callback, sid: sid, sequence: 0, value: "early")
                #expect(status == "200")
            }
        }
        try await withPublisher(publisher) { controlPoint, url in
            let subscription = try await controlPoint.subscribe(to: url)
            var events = subscription.events.makeAsyncIterator()
            #expect(await events.next()?.properties["V"] == "early")
            await subscription.cancel()
        }
    }

    @Test("after a gap the subscription is made anew, and the old one is given up")
    func gap() async throws {
        let publisher = Publisher()
        try await withPublisher(publisher) { controlPoint, url in
            let subscription = try await controlPoint.subscribe(to: url)
            var requests = publisher.requests.stream.makeAsyncIterator()
            var events = subscription.events.makeAsyncIterator()
            let first = Publisher.callback(try #require(await requests.next()))
            _ = try await Publisher.notify(first, sid: "uuid:1", sequence: 0, value: "a")
            _ = try await Publisher.notify(first, sid: "uuid:1", sequence: 2, value: "c")
            #expect(await events.next()?.sequence == 0)
            #expect(await events.next()?.sequence == 2)
            #expect(await requests.next()?.hasPrefix("UNSUBSCRIBE /e") == true)
            let second = Publisher.callback(try #require(await requests.next()))
            #expect(second != first)
            #expect(try await Publisher.notify(first, sid: "uuid:1", sequence: 3, value: "late") == "412")
            // The answer with the new identifier may still be on its way: an event that comes earlier waits.
            #expect(try await Publisher.notify(second, sid: "uuid:2", sequence: 0, value: "new") == "200")
            #expect(await events.next()?.properties["V"] == "new")
            await subscription.cancel()
        }
    }

    @Test("a reader that has fallen behind gets the whole state of a subscription that was made anew")
    func overrun() async throws {
        let publisher = Publisher()
        try await withPublisher(publisher, configure: { $0.waitingEvents = 2 }) { controlPoint, url in
            let subscription = try await controlPoint.subscribe(to: url)
            var requests = publisher.requests.stream.makeAsyncIterator()
            let first = Publisher.callback(try #require(await requests.next()))
            for number in 0...9 {
                #expect(
                    try await Publisher.notify(first, sid: "uuid:1", sequence: number, value: "\(number)") == "200")
            }
            let reader = Task { () -> DeviceEvent? in
                for await event in subscription { return event }
                return nil
            }
            #expect(await requests.next()?.hasPrefix("UNSUBSCRIBE /e") == true)
            let second = Publisher.callback(try #require(await requests.next()))
            #expect(try await Publisher.notify(second, sid: "uuid:2", sequence: 0, value: "whole") == "200")
            let event = try #require(await reader.value)
            #expect(event.properties["V"] == "whole")
            #expect(event.isInitialState)
            await subscription.cancel()
        }
    }

    @Test("a subscription to a service follows it to another URL, and begins there with the whole state")
    func move() async throws {
        let publisher = Publisher()
        try await withPublisher(publisher) { controlPoint, url in
            let location = try ScriptedDevice.url(try #require(url.endpoint))
            let interface = try #require(try NetworkInterface.named("lo").ipv4)
            func device(event: String) throws -> RootDevice {
                RootDevice(
                    udn: ScriptedDevice.udn, location: location,
                    description: try RootDescription(parsing: ScriptedDevice.description(event: event).utf8),
                    base: location, interface: interface
                )
            }
            let service = try DeviceProxy(device(event: "/e"), controlPoint: controlPoint).service("SwitchPower")
            let subscription = try await service.subscribe()
            var requests = publisher.requests.stream.makeAsyncIterator()
            var events = subscription.makeAsyncIterator()
            // The service's own description is asked for before.
            while let request = await requests.next(), !request.hasPrefix("SUBSCRIBE /e") {}
            await controlPoint.subscriptions.handle(.described(try device(event: "/e"), hasRestarted: false))
            await controlPoint.subscriptions.handle(.described(try device(event: "/f"), hasRestarted: false))
            let request = try #require(await requests.next())
            #expect(request.hasPrefix("SUBSCRIBE /f"))
            let callback = Publisher.callback(request)
            #expect(try await Publisher.notify(callback, sid: "uuid:2", sequence: 0, value: "there") == "200")
            let event = try #require(await events.next())
            #expect(event["V"] == "there")
            #expect(event.isInitialState)
        }
    }

    @Test("cancelling tells the device; so does the end of the control point")
    func unsubscribe() async throws {
        for explicit in [true, false] {
            let publisher = Publisher()
            try await withPublisher(publisher) { controlPoint, url in
                let subscription = try await controlPoint.subscribe(to: url)
                if explicit { await subscription.cancel() }
            }
            publisher.requests.continuation.finish()
            var seen: [String] = []
            for await request in publisher.requests.stream { seen.append(String(request.prefix { $0 != " " })) }
            #expect(seen == ["SUBSCRIBE", "UNSUBSCRIBE"], "explicit: \(explicit)")
        }
    }

    @Test(
        "a device that refuses is told to the caller", arguments: ["404 Not Found", "412 Precondition Failed", "503 X"])
    func refused(status: String) async throws {
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(ScriptedDevice.answer("", status: status))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let error = await #expect(throws: ControlPointError.self) {
                    try await controlPoint.subscribe(to: try ScriptedDevice.url(endpoint))
                }
                #expect(error?.code == .httpStatus(Int(status.prefix(3)) ?? 0))
            }
        }
    }

    @Test("the callback server takes nothing but events of its subscriptions")
    func callbackServer() async throws {
        let publisher = Publisher()
        try await withPublisher(publisher) { controlPoint, url in
            let subscription = try await controlPoint.subscribe(to: url)
            var requests = publisher.requests.stream.makeAsyncIterator()
            let callback = Publisher.callback(try #require(await requests.next()))
            #expect(callback.utf8.count > "http://127.0.0.1:1/".utf8.count + 30)
            #expect(try await Publisher.notify(callback, sid: "uuid:other", sequence: 0, value: "x") == "412")
            #expect(try await Publisher.notify(callback + "x", sid: "uuid:1", sequence: 0, value: "x") == "412")
            #expect(
                try await Publisher.notify(callback, sid: "uuid:1", sequence: 0, value: "x", method: "POST") == "405")
            #expect(try await Publisher.notify(callback, sid: "uuid:1", sequence: 0, value: "x") == "200")
            await subscription.cancel()
            #expect(try await Publisher.notify(callback, sid: "uuid:1", sequence: 1, value: "x") == "412")
        }
    }

    @Test("a device that restarts is subscribed to anew; one that moves the service or leaves ends the stream")
    func deviceChanges() async throws {
        let publisher = Publisher()
        try await withPublisher(publisher) { controlPoint, url in
            let location = try ScriptedDevice.url(try #require(url.endpoint))
            let interface = try #require(try NetworkInterface.named("lo").ipv4)
            func device(event: String) throws -> RootDevice {
                RootDevice(
                    udn: ScriptedDevice.udn, location: location,
                    description: try RootDescription(parsing: ScriptedDevice.description(event: event).utf8),
                    base: location, interface: interface
                )
            }
            var requests = publisher.requests.stream.makeAsyncIterator()
            let first = try await controlPoint.subscribe(to: url, udn: ScriptedDevice.udn)
            var events = first.events.makeAsyncIterator()
            let old = Publisher.callback(try #require(await requests.next()))
            await controlPoint.subscriptions.handle(.described(try device(event: "/e"), hasRestarted: true))
            let new = Publisher.callback(try #require(await requests.next()))
            #expect(new != old)
            #expect(try await Publisher.notify(new, sid: "uuid:2", sequence: 0, value: "again") == "200")
            #expect(await events.next()?.properties["V"] == "again")
            await controlPoint.subscriptions.handle(.described(try device(event: "/f"), hasRestarted: false))
            #expect(await events.next() == nil)
            let second = try await controlPoint.subscribe(to: url, udn: ScriptedDevice.udn)
            await controlPoint.subscriptions.handle(.gone(udn: "uuid:other"))
            await controlPoint.subscriptions.handle(.gone(udn: ScriptedDevice.udn))
            var rest = second.events.makeAsyncIterator()
            #expect(await rest.next() == nil)
        }
    }
}
