package import Crypto

/// Why a datagram is not a rekey packet that this member may use.
package enum RekeyPacketError: Error, Hashable, Sendable {
    /// It is not of the one form that its fields have: too short or long, a wrong header or constant, a list that does
    /// not ascend or names what cannot be, a mask with a bit too many.
    case malformed
    /// It is of another group.
    case otherGroup
    /// Nobody with that controller id may sign rekeys.
    case unknownSigner(UInt16)
    /// The signature is not that signer's.
    case badSignature
}

/// A rekey packet as it came: of the right form, and from anybody.
package struct UnverifiedRekeyPacket: Sendable {
    /// What it says.
    package let fields: RekeyPacket
    private let datagram: [UInt8]

    /// Decodes a datagram, base header included. Throws `malformed` for anything that an encoder does not write.
    package init(_ datagram: [UInt8]) throws(RekeyPacketError) {
        guard let fields = RekeyPacketDecoder.decode(datagram) else { throw .malformed }
        self.fields = fields
        self.datagram = datagram
    }

    /// Checks who sent it: `keys` gives the certified key of a controller that may sign rekeys.
    package func verified(
        for group: GroupID, keys: (UInt16) -> Curve25519.Signing.PublicKey?
    ) throws(RekeyPacketError) -> VerifiedRekeyPacket {
        guard fields.groupHint == group.hint else { throw .otherGroup }
        guard let key = keys(fields.signer) else { throw .unknownSigner(fields.signer) }
        let end = datagram.count - RekeyPacket.signatureLength
        let signed = RekeyPacket.signedPrefix(group) + datagram[..<end]
        guard key.isValidSignature(Array(datagram[end...]), for: signed) else { throw .badSignature }
        return VerifiedRekeyPacket(fields: fields, group: group)
    }
}

/// A rekey packet that a key manager of this group signed.
package struct VerifiedRekeyPacket: Sendable {
    /// What it says.
    package let fields: RekeyPacket
    /// The group that its signature was checked for.
    package let group: GroupID
}

/// Reads a rekey packet's fields. Every byte string but the canonical one is refused, and none traps.
private enum RekeyPacketDecoder {
    static func decode(_ datagram: [UInt8]) -> RekeyPacket? {
        datagram.withUnsafeBytes { bytes -> RekeyPacket? in
            guard bytes.count >= RekeyPacket.length(leaves: 0, records: 0), bytes.count <= 65_507 else { return nil }
            var reader = SecretReader(bytes)
            let header = Array(reader.raw(RekeyPacket.headerLength))
            guard reader.word() >> 8 == 0x0010_01, let packet = fields(&reader, flags: bytes[15]) else { return nil }
            let expected = RekeyBaseHeader.octets(epoch: packet.epoch, index: packet.index, length: bytes.count)
            return header == expected && isConsistent(packet) ? packet : nil
        }
    }

    private static func fields(_ reader: inout SecretReader, flags: UInt8) -> RekeyPacket? {
        let flags = RekeyFlags(rawValue: flags)
        let height = Int(reader.byte())
        let level = Int(reader.byte())
        let hint = reader.half()
        let epoch = reader.word()
        let index = reader.word()
        let (number, count) = (reader.half(), reader.half())
        let salt = Array(reader.raw(RekeyLimits.saltLength))
        let (removalMask, joinMask, members) = (reader.word(), reader.word(), reader.word())
        let (removedCount, joinedCount, recordCount) = (Int(reader.half()), Int(reader.half()), Int(reader.half()))
        let signer = reader.half()
        let rest = RekeyPacket.length(leaves: removedCount + joinedCount, records: recordCount)
        guard RekeyFlags.known.isSuperset(of: flags), !flags.isSuperset(of: [.grew, .shrank]),
            height <= RekeyLimits.wireHeight, level <= height, UInt64(index) < 1 << UInt64(height - level),
            number < count, epoch > 0, signer > 0, members > 0, UInt64(members) <= 1 << UInt64(height),
            reader.count == rest - RekeyPacket.headerLength - RekeyPacket.fixedLength
        else { return nil }
        return RekeyPacket(
            flags: flags, height: height, subtree: TreeNode(height: level, index: index), groupHint: hint,
            epoch: epoch, index: number, count: count, salt: salt, removalMask: removalMask, joinMask: joinMask,
            members: members, signer: signer,
            removed: (0..<removedCount).map { _ in reader.word() },
            joined: (0..<joinedCount).map { _ in reader.word() },
            records: (0..<recordCount).map { _ in
                RekeyRecord(child: reader.word(), wrapped: Array(reader.raw(RekeyLimits.secretLength)))
            },
            confirmation: Array(reader.raw(RekeyPacket.confirmationLength))
        )
    }

    private static func isConsistent(_ packet: RekeyPacket) -> Bool {
        for leaves in [packet.removed, packet.joined] {
            guard leaves.isStrictlyAscending, leaves.allSatisfy({ packet.subtree.covers(leaf: $0) }) else {
                return false
            }
        }
        return masksFit(packet) && packet.records.lazy.map(\.child).isStrictlyAscending
            && packet.records.allSatisfy { recordFits($0, in: packet) }
    }

    /// Ancestors of an ancestor in TR are in TR, those of one in TA are in one of both, and no node is in both.
    private static func masksFit(_ packet: RekeyPacket) -> Bool {
        let above = UInt64(1) << UInt64(packet.height + 1) - UInt64(1) << UInt64(packet.subtree.height + 1)
        let removal = UInt64(packet.removalMask)
        let touched = removal | UInt64(packet.joinMask)
        guard removal & UInt64(packet.joinMask) == 0, touched & ~above == 0, removal.isUpper(of: above),
            touched.isUpper(of: above)
        else { return false }
        if !packet.removed.isEmpty, removal != above { return false }
        return packet.joined.isEmpty || touched == above
    }

    /// A record is for a right child, inside the subtree or on its way up, whose parent is above a removed leaf.
    private static func recordFits(_ record: RekeyRecord, in packet: RekeyPacket) -> Bool {
        guard let child = TreeNode(number: record.child), child.height < packet.height, child.index & 1 == 1 else {
            return false
        }
        let subtree = packet.subtree
        if child.height < subtree.height {
            guard child.index >> UInt32(subtree.height - child.height) == subtree.index else { return false }
        } else {
            guard subtree.index >> UInt32(child.height - subtree.height) == child.index else { return false }
        }
        return packet.isRemoval(child.parent)
    }
}

extension UInt64 {
    /// Whether it is the upper part of `whole`, a run of ones: with each bit all those of the run above it.
    fileprivate func isUpper(of whole: UInt64) -> Bool {
        let missing = whole & ~self
        return self & (missing == 0 ? 0 : (1 << UInt64(64 - missing.leadingZeroBitCount)) - 1) == 0
    }
}
