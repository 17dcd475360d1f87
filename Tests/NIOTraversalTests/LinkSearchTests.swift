import NIOCore
import NIOPosix
import NIOTraversal
import NetworkTypes
import Testing
import Traversal
import Tunnel

@Suite("Two sessions that prove to be on one link", .timeLimit(.minutes(1)))
struct LinkSearchTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func link(_ text: String, length: Int = 8) throws -> InterfaceAddress {
        let address = try #require(IPAddress(text))
        let prefix = try #require(IPPrefix(address: address, length: length))
        return InterfaceAddress(interface: "lo", index: 1, address: address, prefix: prefix)
    }

    private func session(_ role: ICEAgent.Role, on link: InterfaceAddress) async throws -> ICESession {
        var configuration = ICESession.Configuration(role, addresses: [link])
        configuration.engine.ice.patience = .seconds(3)
        return try await ICESession(configuration, on: loop)
    }

    /// What a session tells when it has gathered all.
    private func description(of session: ICESession) async throws -> ICEDescription {
        for await description in session.descriptions where description.isComplete { return description }
        throw CancellationError()
    }

    /// Whether two sessions that have told each other of themselves find a route.
    private func findEachOther(_ left: InterfaceAddress, _ right: InterfaceAddress, proving: Bool) async throws -> Bool
    {
        let asker = try await session(.controlling, on: left)
        let witness = try await session(.controlled, on: right)
        defer {
            asker.close()
            witness.close()
        }
        let (asked, answered) = (try await description(of: asker), try await description(of: witness))
        witness.setRemote(asked)
        if proving { await witness.findOnLink(own: answered, peer: asked) }
        asker.setRemote(answered)
        if proving { await asker.findOnLink(own: asked, peer: answered) }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await route in asker.routes { return route.kind == .host }
                return false
            }
            group.addTask {
                for await event in asker.events { if case .failed = event { return false } }
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    @Test func `a multicast that goes no further than the link opens the way between private addresses`() async throws {
        #expect(try await findEachOther(try link("127.0.0.1"), try link("127.0.0.2"), proving: true))
    }

    @Test func `without it, or from another network than the link's, there is no way`() async throws {
        #expect(try await !findEachOther(try link("127.0.0.1"), try link("127.0.0.2"), proving: false))
        #expect(
            try await !findEachOther(
                try link("127.0.1.1", length: 24), try link("127.0.2.1", length: 24), proving: true))
    }
}
