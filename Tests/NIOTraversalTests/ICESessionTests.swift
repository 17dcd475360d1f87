import NIOCore
import NIOPosix
import NIOTraversal
import NetworkTypes
import Testing
import Traversal
import Tunnel

@Suite("A path of datagrams by ICE, on loopback", .timeLimit(.minutes(1)))
struct ICESessionTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func session(
        _ role: ICEAgent.Role, isSameNetwork: Bool = true, patience: Duration = .seconds(20),
        addresses: [String] = ["127.0.0.1"]
    ) async throws -> ICESession {
        var configuration = ICESession.Configuration(
            role,
            addresses: try addresses.map { text in
                let address = try #require(IPAddress(text))
                let prefix = try #require(IPPrefix(address: address, length: 8))
                return InterfaceAddress(interface: "lo", index: 1, address: address, prefix: prefix)
            })
        configuration.engine.isSameNetwork = isSameNetwork
        configuration.engine.ice.patience = patience
        return try await ICESession(configuration, on: loop)
    }

    /// Tells each end what the other says, for as long as both say something.
    private func introduce(_ left: ICESession, _ right: ICESession) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await description in left.descriptions { right.setRemote(description) } }
            group.addTask { for await description in right.descriptions { left.setRemote(description) } }
        }
    }

    private func withPair(
        _ left: ICESession, _ right: ICESession, _ body: @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await introduce(left, right) }
            try await body()
            left.close()
            right.close()
            try await group.waitForAll()
        }
    }

    @Test func `two ends find each other and carry datagrams both ways, up to the largest`() async throws {
        let (left, right) = (try await session(.controlling), try await session(.controlled))
        try await withPair(left, right) {
            for end in [left, right] {
                var routes = end.routes.makeAsyncIterator()
                #expect(await routes.next()?.kind == .host)
            }
            for (from, to) in [(left, right), (right, left)] {
                var read = to.datagrams.makeAsyncIterator()
                from.send(ByteBuffer(repeating: 0xC0, count: from.maximumDatagramSize + 1))
                for size in [1, 700, from.maximumDatagramSize] {
                    let sent = ByteBuffer(repeating: 0x41, count: size)
                    from.send(sent)
                    #expect(await read.next() == sent)
                }
            }
        }
        for end in [left, right] {
            var read = end.datagrams.makeAsyncIterator()
            #expect(await read.next() == nil)
            end.send(ByteBuffer(string: "late"))
        }
    }

    @Test func `ends that have not proved to be on the same host do not look there`() async throws {
        let left = try await session(.controlling, isSameNetwork: false, patience: .milliseconds(300))
        let right = try await session(.controlled, isSameNetwork: false, patience: .milliseconds(300))
        try await withPair(left, right) {
            for end in [left, right] {
                var events = end.events.makeAsyncIterator()
                #expect(await events.next() == .failed(.noPair))
            }
            let loopback = IPAddress.v4(.loopback)
            left.provedSameNetwork(ICENeighbours(own: loopback, peer: loopback))
            right.provedSameNetwork(ICENeighbours(own: loopback, peer: loopback))
            var routes = left.routes.makeAsyncIterator()
            #expect(await routes.next()?.kind == .host)
        }
    }

    @Test func `an address that is not the host's is left out with a word, and the others serve`() async throws {
        let left = try await session(.controlling, addresses: ["203.0.113.77", "127.0.0.1"])
        let right = try await session(.controlled)
        try await withPair(left, right) {
            var events = left.events.makeAsyncIterator()
            guard case .unusable(let address, _)? = await events.next() else {
                Issue.record("nothing was said of it")
                return
            }
            #expect(address == IPAddress("203.0.113.77"))
            var routes = left.routes.makeAsyncIterator()
            #expect(await routes.next() != nil)
        }
    }

    @Test func `data goes on when an end changes its address`() async throws {
        let (left, right) = (
            try await session(.controlling), try await session(.controlled, addresses: ["127.0.0.1"])
        )
        try await withPair(left, right) {
            var routes = right.routes.makeAsyncIterator()
            _ = await routes.next()
            let address = try #require(IPAddress("127.0.0.2"))
            let prefix = try #require(IPPrefix(address: address, length: 8))
            left.setAddresses([InterfaceAddress(interface: "lo", index: 1, address: address, prefix: prefix)])
            var moved: DatagramRoute?
            while moved?.remote.address != address {
                moved = await routes.next()
                if moved == nil { break }
            }
            #expect(moved?.remote.address == address)
        }
    }

    @Test func `a server that does not answer leaves a NAT's behaviour unknown`() async throws {
        let address = try #require(IPAddress("127.0.0.1"))
        let prefix = try #require(IPPrefix(address: address, length: 8))
        let own = InterfaceAddress(interface: "lo", index: 1, address: address, prefix: prefix)
        // Nobody listens at port 1 of a loopback's other address.
        let server = SocketEndpoint(.v4(IPv4Address(127, 9, 9, 9)), port: 1)
        let found = try await findNATBehavior(server: server, from: own, on: loop)
        #expect(found.mapping == nil && found.filtering == nil && found.outside == nil)
    }
}
