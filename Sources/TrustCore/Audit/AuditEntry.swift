import Crypto
package import FoundationEssentials

/// The state of an audit log in 32 bytes: it follows from every entry up to one of them.
package struct AuditHead: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// The head before the first entry.
    package static let start = AuditHead(unchecked: [UInt8](repeating: 0, count: 32))

    /// Takes a head that was stored or received; nil unless it is 32 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// The head after another entry. It takes the entry's digest and not its content, so that somebody can follow
    /// the chain without being shown what happened.
    package func following(_ digest: AuditDigest) -> AuditHead {
        var hash = SHA256()
        hash.update(data: Array("latchkey audit head 1".utf8))
        hash.update(data: bytes)
        hash.update(data: digest.bytes)
        return AuditHead(unchecked: Array(hash.finalize()))
    }

    /// 64 lower-case hexadecimal digits.
    package var description: String { Hexadecimal.encode(bytes) }
}

/// The SHA-256 of an entry's canonical form.
package struct AuditDigest: Hashable, Sendable {
    /// 32 bytes.
    package let bytes: [UInt8]

    /// Takes a digest that was received; nil unless it is 32 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    init(of encoding: [UInt8]) { self.bytes = Array(SHA256.hash(data: encoding)) }
}

/// An event in its place in the log.
package struct AuditEntry: Hashable, Sendable {
    /// Its number, from 1, without gaps.
    package let sequence: UInt64
    /// Milliseconds since 1970, by the gateway's clock.
    package let milliseconds: Int64
    /// What happened.
    package let event: AuditEvent
    /// The head after this entry, as it is stored.
    package let head: AuditHead

    /// Takes an entry from storage.
    package init(sequence: UInt64, milliseconds: Int64, event: AuditEvent, head: AuditHead) {
        self.sequence = sequence
        self.milliseconds = milliseconds
        self.event = event
        self.head = head
    }

    /// Makes the entry that follows a head.
    package init(_ event: AuditEvent, sequence: UInt64, at now: Date, after head: AuditHead) {
        let event = event.bounded
        let milliseconds = now.auditMilliseconds
        self.init(
            sequence: sequence, milliseconds: milliseconds, event: event,
            head: head.following(
                AuditDigest(of: Self.encode(event, sequence: sequence, milliseconds: milliseconds))))
    }

    /// When it happened.
    package var time: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }
    /// The digest of its canonical form.
    package var digest: AuditDigest { AuditDigest(of: encoding) }
    /// The canonical form: one for each entry, and no two entries have the same.
    package var encoding: [UInt8] { Self.encode(event, sequence: sequence, milliseconds: milliseconds) }

    /// Version 1, the numbers in network order, and each text with its length before it, all ones for none.
    private static func encode(_ event: AuditEvent, sequence: UInt64, milliseconds: Int64) -> [UInt8] {
        var bytes: [UInt8] = [1]
        bytes.append(number: sequence)
        bytes.append(number: milliseconds)
        bytes.append(number: event.count)
        // As they are: what is too long was cut before, and whatever is stored now is covered to its last byte.
        for text in [event.kind.rawValue, event.outcome.rawValue] + event.texts {
            guard let text else {
                bytes.append(number: UInt32.max)
                continue
            }
            bytes.append(number: UInt32(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        return bytes
    }
}

extension [UInt8] {
    mutating func append(number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}

extension Date {
    /// Milliseconds since 1970; of a date beyond what fits, the nearest that does.
    package var auditMilliseconds: Int64 {
        let value = (timeIntervalSince1970 * 1000).rounded(.down)
        return value.isNaN ? 0 : Int64(exactly: value) ?? (value < 0 ? .min : .max)
    }
}
