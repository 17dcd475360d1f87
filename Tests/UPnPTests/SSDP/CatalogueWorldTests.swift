import TestKit
import Testing
import UPnP

@Suite struct `Device catalogue against a world of devices and links` {
    private static let seeds =
        [1998442202743996504, 2668983917939128292, 8544387750000624873]
        + (0..<10).map { _ in UInt64.random(in: 0 ... .max) }

    @Test(
        "Delayed, reordered and repeated messages on links that come and go: the list comes to the truth",
        arguments: seeds)
    func truth(seed: UInt64) {
        var world = CatalogueWorld(seed: seed, lossPercent: 0)
        for step in 0..<100 {
            world.act()
            world.run(for: .milliseconds(Int.random(in: 0..<3000, using: &world.rng)))
            if step % 10 == 9 {
                world.run(for: .seconds(60))
                #expect(world.differences(allowingSilence: true).isEmpty, "seed \(seed) step \(step)")
            }
            #expect(world.complaints.isEmpty, "seed \(seed) step \(step)")
            guard world.complaints.isEmpty else { return }
        }
        // The longest max-age, so that what was left in silence has run out; refreshes go on meanwhile.
        world.run(for: .seconds(1900))
        #expect(world.differences(allowingSilence: false).isEmpty, "seed \(seed)")
        #expect(world.complaints.isEmpty, "seed \(seed)")
        #expect(world.reboots > 0, "seed \(seed): nothing was tested")
    }

    @Test(
        "With a third of all messages lost nothing outlives its announcements, and the changes agree", arguments: seeds)
    func loss(seed: UInt64) {
        var world = CatalogueWorld(seed: seed, lossPercent: 33)
        for _ in 0..<100 {
            world.act()
            world.run(for: .milliseconds(Int.random(in: 0..<20_000, using: &world.rng)))
        }
        // A reboot may be told twice when the messages that would settle it are lost.
        let complaints = world.complaints.filter { !$0.contains("rebooted twice") }
        #expect(complaints.isEmpty, "seed \(seed)")
        for index in world.devices.indices { world.devices[index].isOn = false }
        world.run(for: .seconds(2000))
        #expect(world.catalogue.devices.isEmpty && world.catalogue.nextWake == nil, "seed \(seed)")
    }
}
