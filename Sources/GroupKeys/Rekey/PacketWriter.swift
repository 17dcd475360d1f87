/// Writes the packets of a staged rekey.
enum PacketWriter {
    /// The datagram of one subtree, up to its signature.
    static func unsigned(
        _ rekey: StagedRekey, subtree index: Int, flags: RekeyFlags, signer: UInt16, confirmation: [UInt8]
    ) -> [UInt8] {
        let subtree = rekey.layout.subtrees[index]
        let removed = leaves(of: rekey.diff.removed, in: subtree) { $0 }
        let joined = leaves(of: rekey.diff.joined, in: subtree) { $0.leaf }
        let records = records(of: subtree, in: rekey.journal)
        let length = RekeyPacket.length(leaves: removed.count + joined.count, records: records.count)
        let packet = UInt16(truncatingIfNeeded: index)
        var bytes = RekeyBaseHeader.octets(epoch: rekey.epoch, index: packet, length: length)
        bytes.reserveCapacity(length)
        bytes.append(0x0010 as UInt16)
        bytes.append(1 as UInt8)
        bytes.append(flags.rawValue)
        bytes.append(UInt8(rekey.height))
        bytes.append(UInt8(subtree.height))
        bytes.append(rekey.header.group.hint)
        bytes.append(rekey.epoch)
        bytes.append(subtree.index)
        bytes.append(packet)
        bytes.append(UInt16(truncatingIfNeeded: rekey.packetCount))
        bytes += rekey.header.salt
        bytes.append(subtree.removalMask)
        bytes.append(subtree.joinMask)
        bytes.append(rekey.header.members)
        for count in [removed.count, joined.count, records.count] { bytes.append(UInt16(count)) }
        bytes.append(signer)
        for leaf in removed { bytes.append(leaf) }
        for leaf in joined { bytes.append(leaf) }
        for record in records {
            bytes.append(record.child)
            bytes += UnsafeRawBufferPointer(start: rekey.journal.record(record.entry), count: RekeyLimits.secretLength)
        }
        return bytes + confirmation
    }

    private static func leaves<Element>(
        of list: [Element], in subtree: PacketLayout.Subtree, leaf: (Element) -> UInt32
    ) -> [UInt32] {
        guard subtree.entry != nil else { return [] }
        var low = 0
        var high = list.count
        while low < high {
            let middle = low + (high - low) / 2
            if leaf(list[middle]) >> subtree.height < subtree.index { low = middle + 1 } else { high = middle }
        }
        return list[low...].lazy.map(leaf).prefix { $0 >> subtree.height == subtree.index }.map { $0 }
    }

    /// The records of the spine and of everything inside, ascending by child.
    private static func records(
        of subtree: PacketLayout.Subtree, in journal: RekeyJournal
    ) -> [(child: UInt32, entry: Int)] {
        var found: [(child: UInt32, entry: Int)] = []
        for place in subtree.spine {
            found.append((journal.recordChild(Int(place), level: level(of: Int(place), in: journal)), Int(place)))
        }
        var pending: [(entry: Int, level: Int)] = subtree.entry.map { [($0, subtree.height)] } ?? []
        while let (place, level) = pending.popLast() {
            let entry = journal.entries[place]
            guard entry.records > 0 else { continue }
            if entry.marks.contains(.record) { found.append((journal.recordChild(place, level: level), place)) }
            if entry.left >= 0 { pending.append((Int(entry.left), level - 1)) }
            if entry.right >= 0 { pending.append((Int(entry.right), level - 1)) }
        }
        return found.sorted { $0.child < $1.child }
    }

    private static func level(of place: Int, in journal: RekeyJournal) -> Int {
        // `levels` ends with the number of entries, which is above every place.
        journal.levels.lowerBound(place + 1) - 1
    }
}

extension [UInt8] {
    /// Appends a number, big-endian.
    fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        var shift = Number.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }
}
