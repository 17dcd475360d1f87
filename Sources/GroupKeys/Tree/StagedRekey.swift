package import Crypto

/// A rekey that is computed and not yet taken over: what to make durable, what to send once it is, and what the tree
/// will be. Dropping it leaves no trace; `KeyTree.merge` takes it over.
///
/// It holds secrets: make its packets and the joiners' paths, merge it, and let it go.
package struct StagedRekey: Sendable {
    /// The inputs, for the log.
    package let diff: KeyTreeDiff
    /// The secret of the epoch that begins, for the forwarders.
    package let epochSecret: SecretBytes
    /// How many values were derived.
    package let derivations: Int

    let header: RekeyHeader
    let journal: RekeyJournal
    let layout: PacketLayout
    let revision: UInt64
    let tree: TreeIdentity

    init(
        diff: KeyTreeDiff, header: RekeyHeader, epochSecret: SecretBytes, derivations: Int, journal: RekeyJournal,
        layout: PacketLayout, revision: UInt64, tree: TreeIdentity
    ) {
        self.diff = diff
        self.header = header
        self.epochSecret = epochSecret
        self.derivations = derivations
        self.journal = journal
        self.layout = layout
        self.revision = revision
        self.tree = tree
    }

    /// The epoch that begins.
    package var epoch: UInt32 { header.epoch }
    /// The tree's height from then on.
    package var height: Int { header.height }
    /// How many members there are from then on.
    package var memberCount: Int { Int(header.members) }
    /// How many records there are, each of them once.
    package var recordCount: Int { Int(journal.entries[journal.root].records) }
    /// How many packets there will be: one for each subtree of the layout, none if nobody was there before.
    package var packetCount: Int { layout.subtrees.count }

    /// Which subtree each packet serves, in their order, and how many members before and after are in it.
    package var coverage: [(node: TreeNode, members: Int)] {
        layout.subtrees.map { (TreeNode(height: $0.height, index: $0.index), Int($0.existing)) }
    }

    /// Every record, ascending by the child that it is wrapped for.
    package var records: [RekeyRecord] {
        stride(from: 1, through: height, by: 1).flatMap { level in
            journal.entries(ofLevel: level).filter { journal.entries[$0].marks.contains(.record) }.map { place in
                RekeyRecord(
                    child: journal.recordChild(place, level: level),
                    wrapped: Array(UnsafeRawBufferPointer(start: journal.record(place), count: 32))
                )
            }
        }.sorted { $0.child < $1.child }
    }

    /// What the joiner number `index` of the diff will hold, for its REG_DONE or REKEY_USR.
    package func path(ofJoiner index: Int) -> MemberPath {
        let leaf = diff.joined[index].leaf
        let secrets = SecretBytes(count: (height + 1) * RekeyLimits.secretLength) { target in
            var writer = SecretWriter(target)
            for level in 0...height {
                guard let place = journal.entry(level: level, index: leaf >> level) else {
                    preconditionFailure("every node above a joiner is in the journal")
                }
                let length = RekeyLimits.secretLength
                writer.write(UnsafeRawBufferPointer(start: journal.secret(place), count: length))
            }
        }
        return MemberPath(epoch: epoch, height: height, leaf: leaf, secrets: secrets, epochSecret: epochSecret)
    }

    /// The datagrams, signed: one for each entry of `coverage`. Throws `cryptography` if the key fails.
    package func packets(
        signer: RekeySigner, isUrgent: Bool = false, isRepeated: Bool = false
    ) throws(KeyTreeError) -> [[UInt8]] {
        let confirmation = RekeyConfirmation.code(header, epochSecret: epochSecret)
        var flags = header.flags
        if isUrgent { flags.insert(.urgent) }
        if isRepeated { flags.insert(.repeated) }
        var datagrams: [[UInt8]] = []
        datagrams.reserveCapacity(packetCount)
        for index in layout.subtrees.indices {
            let body = PacketWriter.unsigned(
                self, subtree: index, flags: flags, signer: signer.controller, confirmation: confirmation)
            datagrams.append(try signer.sign(body, group: header.group))
        }
        return datagrams
    }
}

/// Who signs rekey packets: the key manager's controller id and its certified key.
package struct RekeySigner: Sendable {
    /// The controller's id, 1 to 65,535.
    package let controller: UInt16
    private let key: Curve25519.Signing.PrivateKey

    package init(controller: UInt16, key: Curve25519.Signing.PrivateKey) {
        self.controller = controller
        self.key = key
    }

    /// A signer with a fresh key.
    package init(generating controller: UInt16) { self.init(controller: controller, key: .init()) }

    /// With this its signatures are checked.
    package var publicKey: Curve25519.Signing.PublicKey { key.publicKey }

    /// The datagram with its signature behind.
    func sign(_ datagram: [UInt8], group: GroupID) throws(KeyTreeError) -> [UInt8] {
        do {
            return datagram + (try key.signature(for: RekeyPacket.signedPrefix(group) + datagram))
        } catch {
            throw .cryptography
        }
    }
}
