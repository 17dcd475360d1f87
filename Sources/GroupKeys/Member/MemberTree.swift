import CLibCrypto

/// A member's side of the derived key tree (group keys §3.9.4): the secrets from its leaf to the root.
///
/// A rekey is computed on a copy and taken over only if its `confirm` matches; whatever does not fit changes nothing,
/// and is answered with what to do. Secrets of before are erased when their last reference goes.
package struct MemberTree: Sendable {
    /// What came of a rekey packet.
    package enum Outcome: Hashable, Sendable {
        /// The member is in the next epoch; `epochSecret` is that one's.
        case advanced
        /// The packet is of this epoch or an earlier one: nothing to do.
        case past
        /// The packet serves another subtree: wait for one's own.
        case elsewhere
        /// Epochs are missing between: ask for the whole path.
        case behind
        /// The member's own leaf is given up or renewed: what it needs comes by unicast, or it is no longer one.
        case served
        /// The packet's secrets do not lead to the epoch's: ask for the whole path.
        case mismatch
    }

    /// The group that it belongs to.
    package let group: GroupID
    /// What it holds.
    package private(set) var path: MemberPath
    private let faults: KeyTreeFaults

    /// A member with a path that its key manager sent.
    package init(group: GroupID, path: MemberPath, faults: KeyTreeFaults = []) {
        self.group = group
        self.path = path
        self.faults = faults
    }

    /// The epoch that it is in.
    package var epoch: UInt32 { path.epoch }
    /// That epoch's secret.
    package var epochSecret: SecretBytes { path.epochSecret }

    /// Takes over a whole path: after REKEY_USR. False, with nothing changed, if it is of an earlier epoch.
    package mutating func install(_ path: MemberPath) -> Bool {
        guard path.epoch >= self.path.epoch else { return false }
        self.path = path
        return true
    }

    /// Follows a rekey, if the packet is the next one for this member.
    package mutating func apply(_ packet: VerifiedRekeyPacket) -> Outcome {
        let fields = packet.fields
        guard packet.group == group, fields.epoch > path.epoch else { return .past }
        guard fields.epoch == path.epoch + 1 else { return .behind }
        guard fields.subtree.covers(leaf: path.leaf) else { return .elsewhere }
        guard !fields.isRemoval(.leaf(path.leaf)), !fields.isJoin(.leaf(path.leaf)) else { return .served }
        guard fields.flags.contains(.grew) == (fields.height > path.height),
            fields.flags.contains(.shrank) == (fields.height < path.height),
            UInt64(path.leaf) < 1 << UInt64(fields.height), let next = follow(fields)
        else { return .mismatch }
        path = next
        return .advanced
    }

    /// The path of the next epoch; nil if it is not the one that the manager has.
    private func follow(_ packet: RekeyPacket) -> MemberPath? {
        let length = RekeyLimits.secretLength
        let kept = min(packet.height, path.height) + 1
        var derived: SecretBytes?
        let secrets = SecretBytes(count: (packet.height + 1) * length) { target in
            target.initializeMemory(as: UInt8.self, repeating: 0)
            path.secrets.withUnsafeBytes { source in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<(kept * length)]))
            }
            if let base = target.baseAddress { derived = climb(packet, path: base) }
        }
        guard let derived else { return nil }
        let header = RekeyHeader(
            group: group, epoch: packet.epoch, height: packet.height, salt: packet.salt, members: packet.members,
            didGrow: false, didShrink: false)
        let expected = RekeyConfirmation.code(header, epochSecret: derived)
        let matches = CRYPTO_memcmp(expected, packet.confirmation, RekeyPacket.confirmationLength) == 0
        guard matches || faults.contains(.memberSkipsConfirm) else { return nil }
        return MemberPath(
            epoch: packet.epoch, height: packet.height, leaf: path.leaf, secrets: secrets, epochSecret: derived)
    }

    /// From the leaf to the root over a copy of the path, as the packet says; gives the epoch's secret.
    private func climb(_ packet: RekeyPacket, path secrets: UnsafeMutableRawPointer) -> SecretBytes {
        var derivation = NodeDerivation(epoch: packet.epoch, salt: packet.salt)
        for level in stride(from: 1, through: packet.height, by: 1) {
            step(packet, level: level, path: secrets, &derivation)
        }
        let root = secrets.secret(UInt32(packet.height))
        let number = TreeNode.root(height: packet.height).number
        derivation.load(root)
        let epoch = SecretBytes(count: RekeyLimits.secretLength) { target in
            if let base = target.baseAddress { derivation.derive(.epoch, node: number, into: base) }
        }
        if !faults.contains(.skipsRootRatchet) { derivation.derive(.next, node: number, into: root) }
        return epoch
    }

    private func step(
        _ packet: RekeyPacket, level: Int, path secrets: UnsafeMutableRawPointer, _ derivation: inout NodeDerivation
    ) {
        let node = TreeNode(height: level, index: path.leaf >> UInt32(level))
        let child = TreeNode(height: level - 1, index: path.leaf >> UInt32(level - 1))
        let target = secrets.secret(UInt32(level))
        let source = secrets.secret(UInt32(level - 1))
        if packet.isRemoval(node) {
            if faults.contains(.skipsRemovalUpdate), target.isSecret { return }
            derivation.load(source)
            if let record = packet.record(for: child.number) {
                derivation.derive(.wrap, node: node.number, into: target)
                record.wrapped.withUnsafeBytes { if let base = $0.baseAddress { target.formXOR(base) } }
            } else {
                derivation.derive(.up, node: node.number, into: target)
            }
            ratchet(child, at: source, &derivation)
        } else if packet.isJoin(node) {
            if level > path.height {
                derivation.load(source)
                derivation.derive(.up, node: node.number, into: target)
                ratchet(child, at: source, &derivation)
            } else if !faults.contains(.skipsJoinUpdate) {
                derivation.load(target)
                derivation.derive(.join, node: node.number, into: target)
            }
        }
    }

    private func ratchet(_ node: TreeNode, at place: UnsafeMutableRawPointer, _ derivation: inout NodeDerivation) {
        guard faults.isDisjoint(with: [.skipsRatchet, .memberSkipsRatchet]) else { return }
        derivation.derive(.next, node: node.number, into: place)
    }
}
