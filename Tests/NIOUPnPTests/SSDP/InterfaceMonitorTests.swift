import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing

@Suite(.needsTestInterface, .timeLimit(.minutes(1))) struct `Interface monitor` {
    @Test func `the kernel's news of links and addresses of both families arrive without polling`() async throws {
        try await TestWire.with { wire in
            let name = wire.name
            let monitor = InterfaceMonitor(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"),
                pollInterval: .seconds(3600))
            let (own4, own6, ownLocal) = (wire.own4, wire.own6, wire.ownLocal)
            try await withServices([{ try await monitor.run() }]) {
                func seen(
                    _ comment: Comment, _ condition: @escaping @Sendable (NetworkInterface?) -> Bool
                ) async throws {
                    _ = try await monitor.changes.first(comment) { condition($0.first { $0.name == name }) }
                }
                try await seen("has all addresses") {
                    $0?.addresses.map(\.address) == [own4, own6, ownLocal] || $0?.addresses.count == 3
                }
                try TestInterface.address("del", "\(own4)/24", name)
                try await seen("has lost IPv4") { $0?.ipv4 == nil }
                try TestInterface.address("add", "\(own4)/24", name)
                try await seen("has IPv4 again") { $0?.ipv4?.address == own4 }
                try TestInterface.address("del", "\(own6)/64", name)
                try await seen("has lost an IPv6 address") { $0?.addresses.contains { $0.address == own6 } == false }
                try TestInterface.ip("link", "set", name, "down")
                try await seen("is down") { $0?.isUp == false }
                try TestInterface.ip("link", "set", name, "up")
                try await seen("is up") { $0?.isUp == true }
                try TestInterface.ip("link", "del", name)
                try await seen("is gone") { $0 == nil }
            }
        }
    }

    @Test func `tentative, deprecated and temporary addresses are left out`() async throws {
        try await TestWire.with { wire in
            let name = wire.name
            try TestInterface.ip("-6", "address", "add", "fd78::1/64", "dev", name, "nodad", "preferred_lft", "0")
            let listed = try NetworkInterface.named(name)
            let deprecated = try #require(IPAddress("fd78::1"))
            #expect(listed.addresses.contains { $0.address == deprecated })
            #expect(listed.transientAddresses == [deprecated])
            let monitor = InterfaceMonitor(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
            let own = try #require(monitor.interfaces.first { $0.name == name })
            #expect(Set(own.addresses.map(\.address)) == [wire.own4, wire.own6, wire.ownLocal])
        }
    }

    @Test func `streams end with the run`() async throws {
        let monitor = InterfaceMonitor(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
        let changes = monitor.changes
        try await withServices([{ try await monitor.run() }]) {
            _ = try await monitor.changes.first("lists interfaces") { !$0.isEmpty }
        }
        var count = 0
        for await _ in changes { count += 1 }
        #expect(count >= 1)
    }
}
