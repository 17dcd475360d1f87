/// Checks a log from its stub to its newest checkpoint. Feed it every entry in the order of storage, then finish.
package struct AuditVerification: Sendable {
    /// What is wrong with a log.
    package enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// The stub, or a checkpoint (with its sequence), does not bear the authority's signature.
        case stubNotSigned
        case checkpointNotSigned(UInt64)
        /// An entry stands where another number is due: entries were removed, put in or moved.
        case outOfOrder(expected: UInt64, found: UInt64)
        /// An entry's head does not follow from its content and the head before it.
        case altered(UInt64)
        /// A checkpoint says another head than the log has there.
        case otherHead(UInt64)
        /// A checkpoint speaks of an entry that is not there.
        case cutShort(last: UInt64, checkpoint: UInt64)
        /// Entries after the newest checkpoint: every commit signs one.
        case notCovered(UInt64)
        /// The head that a client holds is of another gateway, or lies before the stub.
        case otherGateway
        case pruned(UInt64)

        /// A sentence.
        package var description: String {
            switch self {
            case .stubNotSigned: "the stub of the removed entries does not bear the gateway's signature"
            case .checkpointNotSigned(let sequence):
                "the checkpoint at entry \(sequence) does not bear the gateway's signature"
            case .outOfOrder(let expected, let found):
                "entry \(expected) is missing: entry \(found) stands in its place"
            case .altered(let sequence): "entry \(sequence) was altered, or one before it was replaced"
            case .otherHead(let sequence):
                "the log was written anew: its head at entry \(sequence) is not the one that was signed"
            case .cutShort(let last, let checkpoint):
                "the log was cut short: it ends with entry \(last), and entry \(checkpoint) was signed"
            case .notCovered(let sequence): "entry \(sequence) comes after the newest signed checkpoint"
            case .otherGateway: "the given head is of another gateway"
            case .pruned(let sequence):
                "the given head is of entry \(sequence), which was removed since: it cannot be compared"
            }
        }
    }

    private let authority: IssuedCertificate
    private var checkpoints: [UInt64: [AuditCheckpoint]]
    private let newestCheckpoint: UInt64?
    private let stubThrough: UInt64
    private var head: AuditHead
    /// The last entry so far.
    package private(set) var last: UInt64
    /// What was found; at most `limit` findings are kept.
    package private(set) var findings: [Finding] = []
    private static let limit = 64

    /// `against`: a checkpoint that was kept elsewhere, as by a client.
    package init(
        authority: IssuedCertificate, stub: AuditStub?, checkpoints: [AuditCheckpoint],
        against: AuditCheckpoint? = nil
    ) {
        self.authority = authority
        self.head = stub?.head ?? .start
        self.last = stub?.through ?? 0
        self.stubThrough = stub?.through ?? 0
        self.newestCheckpoint = checkpoints.map(\.sequence).max()
        self.checkpoints = [:]
        if let stub, !stub.isSigned(by: authority) { findings.append(.stubNotSigned) }
        for checkpoint in checkpoints {
            guard checkpoint.isSigned(by: authority) else {
                findings.append(.checkpointNotSigned(checkpoint.sequence))
                continue
            }
            self.checkpoints[checkpoint.sequence, default: []].append(checkpoint)
        }
        if let against {
            if against.gateway != GatewayID(authority: authority) {
                findings.append(.otherGateway)
            } else if !against.isSigned(by: authority) {
                findings.append(.checkpointNotSigned(against.sequence))
            } else if against.sequence < stubThrough {
                findings.append(.pruned(against.sequence))
            } else {
                self.checkpoints[against.sequence, default: []].append(against)
            }
        }
        compare()
    }

    /// Takes the next entry.
    package mutating func take(_ entry: AuditEntry) {
        if entry.sequence != last + 1 { note(.outOfOrder(expected: last + 1, found: entry.sequence)) }
        let expected = head.following(entry.digest)
        if expected != entry.head { note(.altered(entry.sequence)) }
        // What is stored goes on, so that one altered entry is one finding and not all that follow.
        head = entry.head
        last = entry.sequence
        compare()
    }

    /// Ends the check; answers everything that is wrong.
    package mutating func finish() -> [Finding] {
        for sequence in checkpoints.keys.sorted() where sequence > last {
            note(.cutShort(last: last, checkpoint: sequence))
        }
        if last > (newestCheckpoint ?? 0) { note(.notCovered((newestCheckpoint ?? 0) + 1)) }
        return findings
    }

    private mutating func compare() {
        for checkpoint in checkpoints.removeValue(forKey: last) ?? [] where checkpoint.head != head {
            note(.otherHead(last))
        }
    }

    private mutating func note(_ finding: Finding) {
        guard findings.count < Self.limit, !findings.contains(finding) else { return }
        findings.append(finding)
    }
}

/// Shows a client that a newer checkpoint extends the one that it holds, without telling it what happened: the
/// digests of the entries between.
package struct AuditExtension: Sendable {
    /// How far it has come.
    package private(set) var sequence: UInt64
    private var head: AuditHead
    private let newer: AuditCheckpoint

    /// Digests that are asked for and sent at a time.
    package static let step = 1024

    /// Begins at what is held.
    package init(from held: AuditCheckpoint, to newer: AuditCheckpoint) {
        self.sequence = held.sequence
        self.head = held.head
        self.newer = newer
    }

    /// What the digests so far show.
    package enum Verdict: Hashable, Sendable {
        /// More are needed, after `sequence`.
        case unfinished
        /// The newer checkpoint extends the older one.
        case extends
        /// It does not: the log was written anew.
        case contradicts
    }

    /// Takes the next digests.
    package mutating func take(_ digests: [AuditDigest]) -> Verdict {
        guard sequence <= newer.sequence else { return .contradicts }
        for digest in digests.prefix(Self.step) {
            guard sequence < newer.sequence else { break }
            head = head.following(digest)
            sequence += 1
        }
        if sequence < newer.sequence { return .unfinished }
        return head == newer.head ? .extends : .contradicts
    }
}
