package import RemoteAccess

/// Which kinds of paths an away client uses, and when it looks for a better one.
package struct PathSettings: Hashable, Sendable {
    /// The best first; all of them by default.
    package var order: PathOrder
    /// 0.1 s, 3 s, 10 s, 1 min and then every 5 min by default, a hundred times.
    package var climb: ClimbSchedule
    /// A quarter of a second by default.
    package var headStart: Duration

    /// The pace of a session that keeps to this.
    package var pace: SessionKeeper.Pace {
        var pace = SessionKeeper.Pace()
        pace.order = order
        pace.climb = climb
        pace.headStart = headStart
        return pace
    }

    private static let expectedKind = "direct, punched, turn or relay"
    private static let expectedPause = "a pause of 100 ms to one day, such as 100ms, 10s or 5m"

    package init(_ settings: Settings) throws {
        order = .all
        if let kinds = try settings.list(.awayPaths, expecting: Self.expectedKind, PathKind.init(name:)) {
            do {
                order = try PathOrder(kinds)
            } catch {
                throw ProgramError.usage("the paths \(kinds.map(\.name).joined(separator: ",")) cannot be: \(error)")
            }
        }
        let usual = ClimbSchedule()
        climb = ClimbSchedule(
            pauses: try settings.list(.awayPathPauses, limit: 16, expecting: Self.expectedPause, Self.pause)
                ?? usual.pauses,
            attempts: try settings.integer(.awayPathAttempts, in: 0...100_000) ?? usual.attempts)
        guard !climb.pauses.isEmpty else {
            throw ProgramError.usage("away.pathPauses is empty; away.pathAttempts 0 looks for no better path")
        }
        headStart =
            try settings.value(.awayPathHeadStart, expecting: "a time of 0 to 60 s, such as 250ms") { text in
                DurationText.duration(text).flatMap { (.zero ... .seconds(60)).contains($0) ? $0 : nil }
            } ?? .milliseconds(250)
    }

    /// Pauses that nobody can make a gateway or a battery suffer by.
    private static func pause(_ text: String) -> Duration? {
        DurationText.duration(text).flatMap { (.milliseconds(100) ... .seconds(86_400)).contains($0) ? $0 : nil }
    }
}
