import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("A key manager on the store in SQLite")
struct StoredKeyManagerTests {
    /// Random histories; the key manager is killed at a random output of each second step or so, with everything that it
    /// has not committed, and another starts from the file.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `that is killed is followed by one with every confirmed member in place, and no epoch twice`(
        seed: UInt64
    ) async throws {
        let group = try StoredGroup(seed: seed)
        _ = try await group.start()
        let names = (0..<6).map { "d\($0)" }
        for name in names { try await group.enroll(name) }
        try await group.run(for: .milliseconds(200))
        var gone: Set<String> = []
        var kills = 0
        for step in 0..<30 {
            let what = "seed \(seed), step \(step)"
            if Bool.random(using: &group.random) {
                group.manager?.outputsLeft = Int.random(in: 0...25, using: &group.random)
            }
            let name = names[Int.random(in: 0..<names.count, using: &group.random)]
            switch Int.random(in: 0..<8, using: &group.random) {
            case 0..<4:
                if group.nodes[name]?.engine.id == nil {
                    gone.remove(name)
                    group.join(name)
                }
            case 4:
                gone.insert(name)
                if let node = group.nodes[name] { group.tell(node, .leave) }
            case 5:
                gone.insert(name)
                if let device = DeviceID(name) { try await group.tell(.evict(device, isUrgent: true)) }
            case 6: if let node = group.nodes[name] { group.tell(node, .refresh) }
            default:
                let offers = ["urn:a", "urn:b"].filter { _ in Bool.random(using: &group.random) }
                    .compactMap { ServiceName($0).map { ServiceOffer($0) } }
                if let node = group.nodes[name] { group.tell(node, .offer(offers)) }
            }
            try await group.run(for: .milliseconds(300))
            guard group.manager == nil else {
                group.manager?.outputsLeft = .max
                continue
            }
            kills += 1
            let confirmed = group.nodes.compactMapValues { $0.engine.id }.filter { !gone.contains($0.key) }
            let found = try await group.start()
            #expect(found.isTrue, "\(what): the file is not what was committed")
            for (name, id) in confirmed {
                let member = DeviceID(name).flatMap { found.state.member(of: $0) }
                #expect(member?.id == id.rawValue, "\(what): \(name) was confirmed, and is not in place")
            }
            try await group.run(for: .milliseconds(100))
        }
        #expect(kills > 2, "seed \(seed)")
        try await group.run(for: .seconds(4))
        let secret = try #require(group.epochSecret, "seed \(seed)")
        for (name, node) in group.nodes where node.engine.id != nil && !gone.contains(name) {
            #expect(node.engine.epochSecret == secret, "seed \(seed): \(name) has another epoch")
        }
        for (epoch, confirmations) in group.epochs {
            #expect(confirmations.count == 1, "seed \(seed): epoch \(epoch) was used for two secrets")
        }
        try group.close()
    }
}
