/// What a forwarder keeps of each open request beside its book: where it went, and what to send again.
struct RequestFlights: Sendable {
    private struct Flight: Sendable {
        let channels: Set<GroupChannel>
        var broadcast: [UInt8]?
    }

    private var flights: [UInt64: Flight] = [:]

    init() {}

    /// A request goes out.
    mutating func begin(_ number: UInt64, over channels: Set<GroupChannel>, broadcast: [UInt8]) {
        flights[number] = Flight(channels: channels, broadcast: broadcast)
    }

    /// Whether a request went over a channel.
    func went(_ number: UInt64, over channel: GroupChannel) -> Bool {
        flights[number]?.channels.contains(channel) ?? false
    }

    /// The broadcast and its channels, once: it is not sent a third time.
    mutating func takeBroadcast(_ number: UInt64) -> (bytes: [UInt8], channels: Set<GroupChannel>)? {
        guard let flight = flights[number], let bytes = flight.broadcast else { return nil }
        flights[number]?.broadcast = nil
        return (bytes, flight.channels)
    }

    /// Somebody has answered: the broadcast is not wanted any more.
    mutating func dropBroadcast(_ number: UInt64) { flights[number]?.broadcast = nil }

    /// A request is over.
    mutating func end(_ number: UInt64) { flights[number] = nil }
}
