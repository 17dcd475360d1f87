import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// A thousand servers of one service and a slow key manager, in virtual time: an event costs each of them a bounded number
/// of datagrams, and the key manager is not asked more than it can take.
@Suite("A crowd of a thousand members")
struct CrowdTests {
    private static let count = 1_000

    @Test("evictions bring all of them into the new epoch, for a bounded number of datagrams each")
    func evictions() throws {
        let seed: UInt64 = 1
        let world = try CrowdWorld(Self.count, seed: seed)
        try #require(world.run(until: { world.asking == 0 && world.lacking == 0 }, limit: .seconds(8)) != nil)
        let directories = world.members.map { $0.engine.services }
        #expect(directories.allSatisfy { $0 == [CrowdWorld.service] }, "seed \(seed): one entry tells of all servers")
        world.loss = 0.05
        // One of many that offer the same: only who has lost the rekey asks.
        let first = world.now
        world.evict(7)
        world.run(for: .milliseconds(50))
        let took = world.run(until: { world.lacking == 0 && world.asking == 0 }, limit: .seconds(10))
        let traffic = world.traffic(since: first)
        #expect(took.map { $0 < .seconds(4) } == true, "seed \(seed): \(took.map { "\($0)" } ?? "never")")
        #expect(traffic.all < 2 * Self.count, "seed \(seed): \(traffic)")
        // The one that stands for all others: all ask once for the directory, spread over a second.
        let second = world.now + .milliseconds(100)
        world.run(for: .milliseconds(200))
        world.evict(0)
        world.run(for: .milliseconds(200))
        let tookNews = world.run(until: { world.lacking == 0 && world.asking == 0 }, limit: .seconds(15))
        let news = world.traffic(since: second)
        // Who loses three questions or answers in a row asks again after 1, 2 and 4 s.
        #expect(tookNews.map { $0 < .seconds(12) } == true, "seed \(seed): \(tookNews.map { "\($0)" } ?? "never")")
        #expect(news.all < 4 * Self.count, "seed \(seed): \(news)")
        #expect(news.most < Self.count / 2, "seed \(seed): \(news)")
        #expect(world.members.filter { $0.isMember && $0.engine.services != [CrowdWorld.service] }.isEmpty)
    }
}
