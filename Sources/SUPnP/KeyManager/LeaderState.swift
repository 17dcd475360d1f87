/// Whether a key manager leads, and whether it may act by its own clock (group keys specification 3.12.2): it fences
/// itself before its lease ends.
struct LeaderState<Command: Sendable>: Sendable {
    /// Where it is on its way; `KeyManager` has the map.
    enum Phase: Sendable { case starting, leading, rereading, deposed }

    /// The most commands that wait until it leads.
    static var commandLimit: Int { 1_024 }

    var phase = Phase.starting
    private var commands: [Command] = []
    private let fence: Duration?
    private let began: ContinuousClock.Instant
    private let timeAtStart: UInt64
    private var renewedAt: ContinuousClock.Instant

    /// A leader that has just got its lease. Without a fence nobody else can lead.
    /// `time` is the group's at that moment, in seconds since its creation.
    init(fence: Duration?, began: ContinuousClock.Instant, time: UInt64) {
        self.fence = fence
        self.began = began
        timeAtStart = time
        renewedAt = began
    }

    /// An administrator's command waits until the key manager leads. False when it never will, or too many wait.
    mutating func postpone(_ command: Command) -> Bool {
        guard phase == .starting || phase == .rereading, commands.count < Self.commandLimit else { return false }
        commands.append(command)
        return true
    }

    /// The commands that have waited.
    mutating func takeCommands() -> [Command] {
        defer { commands = [] }
        return commands
    }

    /// The lease was renewed by a request sent at this time.
    mutating func renewed(sentAt instant: ContinuousClock.Instant) { renewedAt = max(renewedAt, instant) }

    /// The group's time, in seconds since its creation.
    func groupTime(now: ContinuousClock.Instant) -> UInt64 {
        timeAtStart + UInt64(clamping: (now - began).components.seconds)
    }

    /// Whether it may act.
    func isHeld(now: ContinuousClock.Instant) -> Bool { fence.map { now < renewedAt + $0 } ?? true }
}
