/// What a key manager holds at most, and its times (group keys specification 3.9.6, 3.9.7, 3.14, 3.15).
package struct KeyManagerLimits: Sendable {
    /// How long the oldest join or leave waits for others.
    package var batchInterval: Duration = .milliseconds(200)
    /// The shortest time between two batches.
    package var minimumGap: Duration = .milliseconds(20)
    /// As many joins and leaves do not wait any longer.
    package var batchEvents = 4_096
    /// The most joins and leaves that wait; more are refused.
    package var waitingEvents = 65_536
    /// The most members.
    package var members = 1 << 26
    /// The time between two beacons.
    package var beaconInterval: Duration = .seconds(1)
    /// The time between two beacons when the directory or the controllers have changed.
    package var beaconGap: Duration = .milliseconds(100)
    /// The time between two copies of a rekey packet.
    package var repetitionGap: Duration = .milliseconds(15)
    /// The most copies of a rekey packet.
    package var maximumRepetition = 4
    /// Unicast resyncs per second.
    package var resyncsPerSecond = 2_000
    /// A member gets one resync per epoch in this time.
    package var resyncGap: Duration = .milliseconds(200)
    /// The share of a packet's members, in percent, beyond which the packet is sent again to all instead.
    package var resendPercent = 5
    /// As few missing members are always served one by one.
    package var resendFloor = 3
    /// How long a member may be silent.
    package var lease: Duration = .seconds(90)
    /// How long after the sending of an answered renewal a leader acts; nil where no other can lead.
    package var leaderFence: Duration?
    /// Changes in one commit that need no rekey.
    package var changesPerCommit = 64
    /// Changes that wait for a commit; more are refused.
    package var waitingChanges = 4_096

    /// The specification's limits.
    package init() {}
}
