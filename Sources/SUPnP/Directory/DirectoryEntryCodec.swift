/// The value of the tag ENTRIES: n × (u32 number ‖ u32 version ‖ u8 flags ‖ u8 lowestSuite ‖ u8 length ‖ name), the
/// versions ascending. Flags: bit 0 still offered, bit 1 admits hardened clients' requests over the classic channel,
/// bit 2 offered by a classic member; the others are zero.
package enum DirectoryEntryCodec {
    /// The most bytes of a list, so that it fits one datagram.
    package static let maximumBytes = 1_024
    /// A list that is longer than this may have been cut: the longest entry has no room beside it.
    static let fullBytes = maximumBytes - 11 - ServiceName.maximumBytes

    /// Why bytes are no list of entries.
    package enum Failure: Error, Hashable, Sendable {
        /// It ends within an entry.
        case truncated
        /// A name, number, suite or flag that there is not.
        case value
        /// The versions do not ascend.
        case order
        /// Too many bytes.
        case tooLarge
    }

    /// Writes as many entries from the front as fit, and says how many those are.
    package static func encode(_ entries: some Sequence<ServiceDirectory.Entry>) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        var count = 0
        for entry in entries {
            let name = entry.offer.name.bytes
            guard bytes.count + 11 + name.count <= maximumBytes else { break }
            bytes.append(bigEndian: entry.number)
            bytes.append(bigEndian: entry.version)
            let flags: [Bool] = [entry.isOffered, entry.offer.admitsHardenedOverClassic, entry.isClassic]
            bytes.append(flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
            bytes += [entry.offer.lowestSuite, UInt8(name.count)] + name
            count += 1
        }
        return (bytes, count)
    }

    /// Reads a list; only what ``encode(_:)`` writes is accepted.
    package static func decode(_ bytes: [UInt8]) throws(Failure) -> [ServiceDirectory.Entry] {
        guard bytes.count <= maximumBytes else { throw .tooLarge }
        var entries: [ServiceDirectory.Entry] = []
        var reader = ByteReader(bytes)
        while reader.remaining > 0 {
            guard let number: UInt32 = reader.read(), let version: UInt32 = reader.read(),
                let flags: UInt8 = reader.read(), let lowest: UInt8 = reader.read(), let length: UInt8 = reader.read(),
                let nameBytes = reader.read(count: Int(length))
            else { throw .truncated }
            guard let name = ServiceName(nameBytes), flags <= 7, lowest <= 1, number > 0, version >= number else {
                throw .value
            }
            if let last = entries.last, last.version >= version { throw .order }
            let offer = ServiceOffer(name, lowestSuite: lowest, admitsHardenedOverClassic: flags & 2 != 0)
            entries.append(
                ServiceDirectory.Entry(
                    number: number, version: version, server: 0, isClassic: flags & 4 != 0, offer: offer,
                    isOffered: flags & 1 != 0))
        }
        return entries
    }
}
