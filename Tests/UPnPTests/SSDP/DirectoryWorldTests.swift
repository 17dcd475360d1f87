import NetworkTypes
import TestKit
import Testing
import UPnP

@Suite struct `Device directory against a world of devices` {
    private static let seeds = (0..<10).map { _ in UInt64.random(in: 0 ... .max) }

    @Test("Delayed, reordered and repeated messages: the list comes to the truth", arguments: seeds)
    func truth(seed: UInt64) {
        var world = DirectoryWorld(seed: seed, lossPercent: 0)
        for step in 0..<100 {
            world.act()
            // Mostly in quick succession, so that acts overlap in the network.
            world.run(for: .milliseconds(Int.random(in: 0..<3000, using: &world.rng)))
            if step % 10 == 9 {
                // Long enough for every doubt to be settled by asking, too short for most refreshes.
                world.run(for: .seconds(60))
                let differences = world.differences(allowingSilentDeaths: true)
                #expect(differences.isEmpty, "seed \(seed) step \(step)")
            }
            #expect(world.complaints.isEmpty, "seed \(seed) step \(step)")
        }
        // The longest max-age, so that what died in silence has run out; refreshes go on meanwhile.
        world.run(for: .seconds(1900))
        #expect(world.differences(allowingSilentDeaths: false).isEmpty, "seed \(seed)")
        #expect(world.complaints.isEmpty, "seed \(seed)")
    }

    @Test(
        "With a third of all messages lost nothing outlives its announcements, and the changes agree", arguments: seeds)
    func loss(seed: UInt64) {
        var world = DirectoryWorld(seed: seed, lossPercent: 33)
        for _ in 0..<100 {
            world.act()
            let pause = Duration.milliseconds(Int.random(in: 0..<20_000, using: &world.rng))
            world.run(for: pause)
        }
        #expect(world.complaints.isEmpty, "seed \(seed)")
        for index in world.devices.indices { world.devices[index].isOn = false }
        world.run(for: .seconds(2000))
        #expect(world.directory.devices.isEmpty && world.directory.nextWake == nil, "seed \(seed)")
    }

    @Test func `a mirror that repeats a device never takes its place while the device answers`() {
        let seed = UInt64.random(in: 0 ... .max)
        var rng = SeededGenerator(seed: seed)
        var link = DirectoryHarness()
        _ = link.alive("tv", bootID: 5)
        for _ in 0..<5000 {
            // An answer comes within MX and some: less than the directory waits for it.
            _ = link.wait(.milliseconds(Int.random(in: 0..<1900, using: &rng)))
            let answers = link.searches.contains("uuid:tv")
            link.searches = []
            _ = link.alive("tv", bootID: 900, host: 77, isAnswer: Bool.random(using: &rng))
            if answers || Int.random(in: 0..<100, using: &rng) == 0 { _ = link.alive("tv", bootID: 5, isAnswer: true) }
            #expect(link.directory["uuid:tv"]?.source == DirectoryHarness.address(1), "seed \(seed)")
        }
    }
}
