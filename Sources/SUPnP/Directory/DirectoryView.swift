/// What a member or a forwarder knows of the service directory.
package struct DirectoryView: Sendable {
    /// The version up to which it is complete.
    package private(set) var version: UInt32 = 0
    private var names: [ServiceName: [UInt32: ServiceDirectory.Entry]] = [:]
    private var nameOf: [UInt32: ServiceName] = [:]

    /// Knows nothing.
    package init() {}

    /// What comes and goes.
    package enum Change: Hashable, Sendable {
        /// The first server offers a service.
        case appeared(ServiceName)
        /// The last server that offered it is gone.
        case vanished(ServiceName)
    }

    /// All services that are offered, sorted.
    package var services: [ServiceName] { names.keys.sorted() }

    /// The offers of a service, oldest first.
    package func offers(named name: ServiceName) -> [ServiceDirectory.Entry] {
        (names[name]?.values).map { $0.sorted { $0.number < $1.number } } ?? []
    }

    /// Takes changes up to `version`. Those it has already change nothing.
    package mutating func apply(_ entries: [ServiceDirectory.Entry], upTo version: UInt32) -> [Change] {
        var changes: [Change] = []
        for entry in entries where entry.version > self.version {
            if entry.isOffered { add(entry, &changes) } else { remove(entry.number, &changes) }
        }
        self.version = max(self.version, version)
        return changes
    }

    /// Forgets everything, to begin at version 0.
    package mutating func reset() -> [Change] {
        let gone = services
        self = DirectoryView()
        return gone.map { .vanished($0) }
    }

    private mutating func add(_ entry: ServiceDirectory.Entry, _ changes: inout [Change]) {
        guard nameOf[entry.number] != nil || nameOf.count < ServiceDirectory.maximumEntries else { return }
        if names[entry.offer.name] == nil { changes.append(.appeared(entry.offer.name)) }
        names[entry.offer.name, default: [:]][entry.number] = entry
        nameOf[entry.number] = entry.offer.name
    }

    private mutating func remove(_ number: UInt32, _ changes: inout [Change]) {
        guard let name = nameOf.removeValue(forKey: number) else { return }
        names[name]?[number] = nil
        guard names[name]?.isEmpty == true else { return }
        names[name] = nil
        changes.append(.vanished(name))
    }
}
