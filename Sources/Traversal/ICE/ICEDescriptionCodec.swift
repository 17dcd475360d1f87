internal import NetworkTypes

/// Why bytes are no description.
package enum ICEDescriptionError: Error, Hashable, Sendable {
    /// More bytes than any description has.
    case tooLong
    /// It ends within the field that begins at this offset.
    case truncated(at: Int)
    /// Another version of the form, which is to be ignored.
    case version(UInt8)
    /// Name or password has a length or characters that none has.
    case credentials
    /// Checks would be closer together than is allowed, or further apart.
    case pacing
    /// More than ``ICEDescription/maximumCandidates``.
    case tooManyCandidates
    /// The candidate of this number, counted from 0, is none.
    case candidate(Int)
    /// Bytes follow.
    case trailing
}

extension ICEDescription {
    private static let version: UInt8 = 1

    /// The compact form:
    ///
    ///     version 1 │ flags │ pacing, ms (2) │ name │ password │ number of candidates │ candidates
    ///     candidate: kind, with bit 7 for IPv6 │ priority (4) │ port (2) │ address (4 or 16) │ foundation
    ///
    /// Numbers are big-endian; texts have their length in one byte before them. Flags: 1 renominates, 2 is complete;
    /// others are ignored. Candidates beyond the limit are left out.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = [Self.version, (renominates ? 1 : 0) | (isComplete ? 2 : 0)]
        bytes.append(bigEndian: UInt16(clamping: Int(pacing.clamped(to: Self.pacings) / .milliseconds(1))))
        bytes.append(text: credentials.fragment)
        bytes.append(text: credentials.password)
        let told = candidates.prefix(Self.maximumCandidates)
        bytes.append(UInt8(told.count))
        for candidate in told {
            switch candidate.address.address {
            case .v4(let address):
                bytes.append(candidate.kind.rawValue)
                bytes.append(bigEndian: candidate.priority)
                bytes.append(bigEndian: candidate.address.port)
                bytes.append(bigEndian: address.rawValue)
            case .v6(let address):
                bytes.append(candidate.kind.rawValue | 0x80)
                bytes.append(bigEndian: candidate.priority)
                bytes.append(bigEndian: candidate.address.port)
                bytes.append(bigEndian: address.high)
                bytes.append(bigEndian: address.low)
            }
            bytes.append(text: candidate.foundation)
        }
        return bytes
    }

    /// Reads the compact form, whole.
    package init(decoding bytes: [UInt8]) throws(ICEDescriptionError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLong }
        var reader = Reader(bytes: bytes)
        let version = try reader.number(UInt8.self)
        guard version == Self.version else { throw .version(version) }
        let flags = try reader.number(UInt8.self)
        let pacing = Duration.milliseconds(Int(try reader.number(UInt16.self)))
        guard Self.pacings.contains(pacing) else { throw .pacing }
        let fragment = try reader.text()
        let password = try reader.text()
        guard let credentials = ICECredentials(fragment: fragment, password: password) else { throw .credentials }
        let count = Int(try reader.number(UInt8.self))
        guard count <= Self.maximumCandidates else { throw .tooManyCandidates }
        var candidates: [ICECandidate] = []
        for index in 0..<count {
            let form = try reader.number(UInt8.self)
            let priority = try reader.number(UInt32.self)
            let port = try reader.number(UInt16.self)
            let address: IPAddress
            if form & 0x80 == 0 {
                address = .v4(IPv4Address(rawValue: try reader.number(UInt32.self)))
            } else {
                let high = try reader.number(UInt64.self)
                address = .v6(IPv6Address(high: high, low: try reader.number(UInt64.self)))
            }
            let foundation = try reader.text()
            guard let kind = ICECandidate.Kind(rawValue: form & 0x7F),
                let candidate = ICECandidate(
                    kind, address: SocketEndpoint(address, port: port), priority: priority, foundation: foundation)
            else { throw .candidate(index) }
            candidates.append(candidate)
        }
        guard reader.offset == bytes.count else { throw .trailing }
        self.init(
            credentials, candidates: candidates, isComplete: flags & 2 != 0, renominates: flags & 1 != 0, pacing: pacing
        )
    }

    private struct Reader {
        let bytes: [UInt8]
        var offset = 0

        mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
            _: Number.Type
        ) throws(ICEDescriptionError) -> Number {
            let size = Number.bitWidth / 8
            guard offset + size <= bytes.count else { throw .truncated(at: offset) }
            defer { offset += size }
            return bytes[offset..<offset + size].reduce(0) { $0 << 8 | Number($1) }
        }

        /// What is not UTF-8 is no candidate's or credentials' text either: it fails there.
        mutating func text() throws(ICEDescriptionError) -> String {
            let start = offset
            let count = Int(try number(UInt8.self))
            guard offset + count <= bytes.count else { throw .truncated(at: start) }
            defer { offset += count }
            return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
        }
    }
}

extension [UInt8] {
    /// A text of at most 255 bytes; more is cut off, and what has more is refused by the types that hold it.
    fileprivate mutating func append(text: String) {
        let utf8 = Array(text.utf8.prefix(255))
        append(UInt8(utf8.count))
        self += utf8
    }
}

extension Comparable {
    func clamped(to range: ClosedRange<Self>) -> Self { min(max(self, range.lowerBound), range.upperBound) }
}
