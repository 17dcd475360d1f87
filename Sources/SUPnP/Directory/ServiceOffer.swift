/// A service that a server offers.
package struct ServiceOffer: Hashable, Sendable {
    /// Its name.
    package let name: ServiceName
    /// The lowest suite whose clients it serves: 0 also classic ones, 1 hardened ones only.
    package let lowestSuite: UInt8
    /// Whether requests of hardened clients may come to it over the classic channel, if the client accepts that too.
    /// What a classic server claims here counts only if its credential says so.
    package let admitsHardenedOverClassic: Bool

    /// Describes an offer. Without more it serves hardened clients only, over the hardened channel only.
    package init(_ name: ServiceName, lowestSuite: UInt8 = 1, admitsHardenedOverClassic: Bool = false) {
        self.name = name
        self.lowestSuite = min(lowestSuite, 1)
        self.admitsHardenedOverClassic = admitsHardenedOverClassic
    }
}

/// The value of the tag SERVICES: n × (u8 lowestSuite ‖ u8 flags ‖ u8 length ‖ name), sorted by name, no name twice.
/// Bit 0 of the flags: admits hardened clients' requests over the classic channel; the others are zero.
package enum ServiceOfferCodec {
    /// The most services of one server.
    package static let maximumOffers = 32
    /// The most bytes of a list, so that it fits one datagram.
    package static let maximumBytes = 1_024

    /// Why a list of services is none.
    package enum Failure: Error, Hashable, Sendable {
        /// It ends within an offer.
        case truncated
        /// A name, suite or flag that there is not.
        case value
        /// Not in the order of the names, or a name twice.
        case order
        /// Too many services or bytes.
        case tooLarge
    }

    /// Writes a list, sorted; nil when it is larger than a list may be or has a name twice.
    package static func encode(_ offers: [ServiceOffer]) -> [UInt8]? {
        let sorted = offers.sorted { $0.name < $1.name }
        guard sorted.count <= maximumOffers, Set(sorted.map(\.name)).count == sorted.count else { return nil }
        var bytes: [UInt8] = []
        for offer in sorted {
            bytes += [offer.lowestSuite, offer.admitsHardenedOverClassic ? 1 : 0, UInt8(offer.name.bytes.count)]
            bytes += offer.name.bytes
        }
        return bytes.count <= maximumBytes ? bytes : nil
    }

    /// Reads a list; only the encoding that ``encode(_:)`` writes is accepted.
    package static func decode(_ bytes: [UInt8]) throws(Failure) -> [ServiceOffer] {
        guard bytes.count <= maximumBytes else { throw .tooLarge }
        var offers: [ServiceOffer] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= 3 else { throw .truncated }
            let head = Array(rest.prefix(3))
            rest = rest.dropFirst(3)
            guard rest.count >= Int(head[2]) else { throw .truncated }
            guard let name = ServiceName(rest.prefix(Int(head[2]))), head[0] <= 1, head[1] <= 1 else { throw .value }
            rest = rest.dropFirst(Int(head[2]))
            if let last = offers.last, last.name >= name { throw .order }
            offers.append(ServiceOffer(name, lowestSuite: head[0], admitsHardenedOverClassic: head[1] == 1))
            guard offers.count <= maximumOffers else { throw .tooLarge }
        }
        return offers
    }
}
