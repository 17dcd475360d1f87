import AccessPolicy
import NIOUPnP
import UPnP

/// Finds out where objects of ContentDirectories lie, by asking for their parents up to the root.
///
/// What was found is kept for a short time, so that a page of results costs a question for each container and not for
/// each object. The time is what bounds how long a moved object is still found at its old place.
actor AncestryResolver {
    /// The bounds.
    struct Limits: Hashable, Sendable {
        /// Containers above an object.
        var depth = 64
        /// Parents that are kept, of all devices.
        var entries = 8_192
        /// How long one is kept.
        var age = Duration.seconds(30)
        /// How long one object may take.
        var time = Duration.seconds(10)
    }

    /// A service of a device, as it was described.
    struct Source: Hashable, Sendable {
        let udn: String
        let revision: Int
        let url: HTTPURL
    }

    private struct Key: Hashable {
        let source: Source
        let object: String
    }

    private let limits: Limits
    private let clock = ContinuousClock()
    private var parents: [Key: (parent: String, at: ContinuousClock.Instant)] = [:]

    init(limits: Limits = .init()) {
        self.limits = limits
    }

    /// The chain of containers from an object to the root. `parent` asks the device for an object's parent.
    func ancestry(
        of object: String, at source: Source, parent: @Sendable (String) async -> String?
    ) async -> Ancestry {
        var chain = [object]
        let deadline = clock.now + limits.time
        while let last = chain.last, last != "0" {
            guard chain.count <= limits.depth, clock.now < deadline,
                let next = await known(Key(source: source, object: last), parent)
            else { return .unavailable }
            // A tree has no way back.
            guard !next.isEmpty, next != "-1", !chain.contains(next) else { return .unavailable }
            chain.append(next)
        }
        return .known(chain)
    }

    private func known(_ key: Key, _ ask: @Sendable (String) async -> String?) async -> String? {
        if let known = parents[key], known.at.duration(to: clock.now) < limits.age { return known.parent }
        guard let answer = await ask(key.object), answer.utf8.count <= 1_024 else { return nil }
        // Emptied as a whole: what is needed is asked for again, and no order has to be kept.
        if parents.count >= limits.entries { parents = [:] }
        parents[key] = (answer, clock.now)
        return answer
    }
}
