import Logging
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP
@testable import UPnP

@Suite("Discovered devices become described devices", .timeLimit(.minutes(1)))
struct DeviceTrackerTests {
    private func makeTracker(
        updated: @escaping @Sendable (DeviceTracker.Update) async -> Void = { _ in }
    ) -> (DeviceTracker, HTTPClient) {
        var configuration = ControlPointConfiguration(interface: "lo")
        configuration.firstRetry = .milliseconds(5)
        let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
        let tracker = DeviceTracker(
            configuration: configuration, fetcher: DeviceFetcher(configuration: configuration, client: client),
            links: OwnLinks(name: "lo") { try NetworkInterface.named("lo").addresses }, logger: HTTPTestSupport.logger,
            updated: updated
        )
        return (tracker, client)
    }

    /// An announcement. The address is one of loopback's, of which each test may take its own.
    private func discovered(
        _ location: String, source: String = "127.0.0.1", bootID: UInt32 = 1, udn: String = ScriptedDevice.udn
    ) throws -> DiscoveredDevice {
        let link = InterfaceAddress(
            interface: "lo", index: 1, address: .v4(.loopback),
            prefix: try #require(IPPrefix(address: .v4(.loopback), length: 8))
        )
        return DiscoveredDevice(
            udn: udn, location: location, source: try #require(IPAddress(source)), interface: link, maxAge: 1800,
            server: "", bootID: bootID, configID: 1, searchPort: nil, embedded: [], expires: .now + .seconds(1800)
        )
    }

    private func withTracker(
        updated: @escaping @Sendable (DeviceTracker.Update) async -> Void = { _ in },
        _ script: @escaping @Sendable (RawPeer, Int) async throws -> Void,
        _ body: (DeviceTracker, SocketEndpoint) async throws -> Void
    ) async throws {
        try await withRawServer(script) { endpoint in
            let (tracker, client) = makeTracker(updated: updated)
            try await body(tracker, endpoint)
            await tracker.stop()
            client.shutDown()
        }
    }

    /// Describes the scripted device, whatever is asked for.
    private static let describes: @Sendable (RawPeer, Int) async throws -> Void = { peer, _ in
        _ = await peer.read(through: "\r\n\r\n")
        try await peer.send(ScriptedDevice.answer(ScriptedDevice.description()))
    }

    @Test("an announcement of somebody else's address, of a name or of another link is not followed")
    func foreignLocation() async throws {
        let requests = Mutex(0)
        try await withTracker({ peer, number in
            requests.withLock { $0 = number + 1 }
            try await Self.describes(peer, number)
        }) { tracker, endpoint in
            var changes = tracker.changes.makeAsyncIterator()
            await tracker.handle(.appeared(try discovered("http://\(endpoint)/d.xml", source: "127.0.0.9")))
            for location in [
                "http://localhost:\(endpoint.port)/", "https://\(endpoint)/", "http://192.0.2.1/", "x", "",
            ] {
                await tracker.handle(.relocated(try discovered(location)))
            }
            await tracker.handle(.relocated(try discovered("http://\(endpoint)/d.xml")))
            guard case .appeared(let device)? = await changes.next() else { return #expect(Bool(false)) }
            #expect(device.location.endpoint == endpoint)
        }
        #expect(requests.withLock { $0 } == 1)
    }

    @Test("a description that is empty, cut off or another device's is asked for again")
    func retries() async throws {
        try await withTracker({ peer, number in
            _ = await peer.read(through: "\r\n\r\n")
            let good = ScriptedDevice.description()
            switch number {
            case 0: try await peer.send(ScriptedDevice.answer(""))
            case 1: try await peer.send(ScriptedDevice.answer(String(good.prefix(200))))
            case 2: try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n\(good)")
            case 3: try await peer.send(ScriptedDevice.answer(ScriptedDevice.description(udn: "uuid:other")))
            default: try await peer.send(ScriptedDevice.answer(good))
            }
        }) { tracker, endpoint in
            var changes = tracker.changes.makeAsyncIterator()
            await tracker.handle(.appeared(try discovered("http://\(endpoint)/d.xml")))
            #expect(await changes.next()?.udn == ScriptedDevice.udn)
            #expect(tracker.devices.map(\.udn) == [ScriptedDevice.udn])
        }
    }

    @Test("a restart is told when the description has been read again")
    func restart() async throws {
        let restarted = Event<UInt32?>()
        try await withTracker(
            updated: {
                guard case .described(let device, hasRestarted: true) = $0 else { return }
                restarted.set(device.bootID)
            }, Self.describes
        ) { tracker, endpoint in
            var changes = tracker.changes.makeAsyncIterator()
            await tracker.handle(.appeared(try discovered("http://\(endpoint)/d.xml")))
            guard case .appeared? = await changes.next() else { return #expect(Bool(false)) }
            #expect(!restarted.isSet)
            await tracker.handle(.rebooted(try discovered("http://\(endpoint)/d.xml", bootID: 2)))
            guard case .changed(let device)? = await changes.next() else { return #expect(Bool(false)) }
            #expect(device.bootID == 2)
            #expect(await restarted.value == 2)
            // A later reader begins with what there is.
            var later = tracker.changes.makeAsyncIterator()
            guard case .appeared(let known)? = await later.next() else { return #expect(Bool(false)) }
            #expect(known.bootID == 2)
        }
    }

    @Test("a device that goes is told once, and not at all if it was never described")
    func disappearance() async throws {
        let asked = Event<Void>()
        try await withTracker({ peer, number in
            if number == 0 {
                _ = await peer.read(through: "\r\n\r\n")
                asked.set()
                // Answers only when nobody wants to know any more.
                _ = await peer.readToEnd()
            } else {
                try await Self.describes(peer, number)
            }
        }) { tracker, endpoint in
            var changes = tracker.changes.makeAsyncIterator()
            let device = try discovered("http://\(endpoint)/d.xml")
            await tracker.handle(.appeared(device))
            await asked.value
            await tracker.handle(.disappeared(udn: device.udn, reason: .byebye))
            await tracker.handle(.appeared(device))
            guard case .appeared? = await changes.next() else { return #expect(Bool(false)) }
            await tracker.handle(.disappeared(udn: device.udn, reason: .expired))
            await tracker.handle(.disappeared(udn: device.udn, reason: .expired))
            guard case .disappeared(let udn, _)? = await changes.next() else { return #expect(Bool(false)) }
            #expect(udn == device.udn)
            #expect(tracker.devices.isEmpty)
            await tracker.stop()
            #expect(await changes.next() == nil)
        }
    }

    @Test("a description that was asked for before the device moved is not published after")
    func lateDescription() async throws {
        let asked = Event<Void>()
        let release = Event<Void>()
        try await withTracker({ peer, _ in
            let request = await peer.read(through: "\r\n\r\n")
            if request.hasPrefix("GET /old") {
                asked.set()
                await release.value
            }
            try await peer.send(ScriptedDevice.answer(ScriptedDevice.description()))
        }) { tracker, endpoint in
            var changes = tracker.changes.makeAsyncIterator()
            await tracker.handle(.appeared(try discovered("http://\(endpoint)/old.xml")))
            await asked.value
            await tracker.handle(.relocated(try discovered("http://\(endpoint)/new.xml")))
            release.set()
            guard case .appeared(let device)? = await changes.next() else { return #expect(Bool(false)) }
            #expect(device.location.path == "/new.xml")
            await tracker.stop()
            #expect(await changes.next() == nil)
        }
    }
}
