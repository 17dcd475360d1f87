package import NetworkTypes

/// Why bytes are no DNS message.
package enum DNSError: Error, Hashable, Sendable {
    case truncated
    /// A name is too long, or its compression leads in circles.
    case name
    /// More records than are read.
    case tooMany
}

/// A response code of DNS (RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 8945 §3). Unknown numbers are kept.
package struct DNSResponseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let noError = DNSResponseCode(rawValue: 0)
    package static let noSuchName = DNSResponseCode(rawValue: 3)

    /// The name of the standards, with what it means to who has to mend it.
    package var description: String {
        switch rawValue {
        case 0: "NOERROR"
        case 1: "FORMERR"
        case 2: "SERVFAIL (the name server could not do it)"
        case 3: "NXDOMAIN (there is no such name)"
        case 4: "NOTIMP (the name server takes no updates)"
        case 5: "REFUSED (the name server does not let this key change the zone)"
        case 9: "NOTAUTH (the name server is not the zone's, or does not know the key)"
        case 10: "NOTZONE (the name is not in the zone)"
        case 16: "BADSIG (the key's secret is wrong)"
        case 17: "BADKEY (the name server does not know the key)"
        case 18: "BADTIME (the clocks of the two ends differ)"
        default: "code \(rawValue)"
        }
    }
}

/// One record (RFC 1035 §4.1.3).
package struct DNSRecord: Hashable, Sendable {
    /// Types that are used here.
    package enum Kind {
        package static let a: UInt16 = 1
        package static let soa: UInt16 = 6
        package static let txt: UInt16 = 16
        package static let aaaa: UInt16 = 28
        package static let opt: UInt16 = 41
        package static let tsig: UInt16 = 250
    }

    /// Classes; ANY has a meaning of its own in UPDATE (RFC 2136 §2.5.2).
    package enum Class {
        package static let internet: UInt16 = 1
        package static let any: UInt16 = 255
    }

    package var name: DNSName
    package var kind: UInt16
    package var recordClass: UInt16
    package var ttl: UInt32
    package var data: [UInt8]

    package init(
        _ name: DNSName, _ kind: UInt16, class recordClass: UInt16 = Class.internet, ttl: UInt32, data: [UInt8]
    ) {
        self.name = name
        self.kind = kind
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// A or AAAA.
    package init(_ name: DNSName, address: IPAddress, ttl: UInt32) {
        switch address.unmapped {
        case .v4(let v4):
            var data: [UInt8] = []
            data.append(bigEndian: v4.rawValue)
            self.init(name, Kind.a, ttl: ttl, data: data)
        case .v6: self.init(name, Kind.aaaa, ttl: ttl, data: address.sixteenBytes)
        }
    }

    /// TXT: a text in strings of at most 255 bytes, which belong together (RFC 7208 §3.3 does it so).
    package init(_ name: DNSName, text: String, ttl: UInt32) {
        let bytes = Array(text.utf8)
        let strings = stride(from: 0, to: max(bytes.count, 1), by: 255).map { bytes[$0..<min($0 + 255, bytes.count)] }
        self.init(name, Kind.txt, ttl: ttl, data: strings.flatMap { [UInt8($0.count)] + $0 })
    }

    /// The strings of a TXT record as one text; nil for another type, and where they reach beyond the end.
    package var text: String? {
        guard kind == Kind.txt else { return nil }
        var joined: [UInt8] = []
        var rest = data[...]
        while let length = rest.first {
            guard rest.count > Int(length) else { return nil }
            joined += rest.dropFirst().prefix(Int(length))
            rest = rest.dropFirst(1 + Int(length))
        }
        return String(validating: joined, as: UTF8.self)
    }

    fileprivate var encoded: [UInt8] {
        var bytes = name.encoded
        bytes.append(bigEndian: kind)
        bytes.append(bigEndian: recordClass)
        bytes.append(bigEndian: ttl)
        bytes.append(bigEndian: UInt16(data.count))
        return bytes + data
    }
}

/// A message of DNS, as a client sends and reads it. In UPDATE the sections are zone, prerequisites, changes and
/// additional records.
package struct DNSMessage: Hashable, Sendable {
    /// No more records are read.
    package static let maximumRecords = 256
    /// UDP answers are asked for up to this size: what passes everywhere unfragmented.
    package static let datagramBytes: UInt16 = 1_232

    package struct Question: Hashable, Sendable {
        package var name: DNSName
        package var kind: UInt16

        package init(_ name: DNSName, _ kind: UInt16) {
            self.name = name
            self.kind = kind
        }
    }

    package var id: UInt16
    package var flags: UInt16
    package var questions: [Question] = []
    package var answers: [DNSRecord] = []
    package var authority: [DNSRecord] = []
    package var additional: [DNSRecord] = []

    package init(id: UInt16, flags: UInt16) {
        self.id = id
        self.flags = flags
    }

    /// A question with recursion desired, and room for a larger answer than 512 bytes (RFC 6891).
    package static func query(_ name: DNSName, _ kind: UInt16, id: UInt16) -> DNSMessage {
        var message = DNSMessage(id: id, flags: 0x0100)
        message.questions = [Question(name, kind)]
        message.additional = [
            DNSRecord(DNSName(labels: []), DNSRecord.Kind.opt, class: datagramBytes, ttl: 0, data: [])
        ]
        return message
    }

    /// UPDATE (RFC 2136): of each name and type that occurs in `records` everything is replaced by them; what is in
    /// `removing` besides is removed.
    package static func update(
        zone: DNSName, records: [DNSRecord], removing: [Question] = [], id: UInt16
    ) -> DNSMessage {
        var message = DNSMessage(id: id, flags: 5 << 11)
        message.questions = [Question(zone, DNSRecord.Kind.soa)]
        var replaced = removing
        for record in records where !replaced.contains(Question(record.name, record.kind)) {
            replaced.append(Question(record.name, record.kind))
        }
        message.authority =
            replaced.map { DNSRecord($0.name, $0.kind, class: DNSRecord.Class.any, ttl: 0, data: []) } + records
        return message
    }

    package var isResponse: Bool { flags & 0x8000 != 0 }
    /// The answer did not fit, and is to be asked for over TCP.
    package var isTruncated: Bool { flags & 0x0200 != 0 }
    package var responseCode: DNSResponseCode { DNSResponseCode(rawValue: flags & 0xF) }

    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: id)
        bytes.append(bigEndian: flags)
        for count in [questions.count, answers.count, authority.count, additional.count] {
            bytes.append(bigEndian: UInt16(count))
        }
        for question in questions {
            bytes += question.name.encoded
            bytes.append(bigEndian: question.kind)
            bytes.append(bigEndian: DNSRecord.Class.internet)
        }
        return bytes + (answers + authority + additional).flatMap(\.encoded)
    }

    /// Reads a message.
    package init(_ bytes: [UInt8]) throws(DNSError) { try self.init(bytes, lastRecord: nil) }

    /// `lastRecord` is told where the last record begins, which TSIG has to know.
    init(_ bytes: [UInt8], lastRecord: ((Int) -> Void)?) throws(DNSError) {
        var reader = DNSReader(bytes)
        self.init(id: UInt16(try reader.number(2)), flags: UInt16(try reader.number(2)))
        let counts = (
            Int(try reader.number(2)), Int(try reader.number(2)), Int(try reader.number(2)), Int(try reader.number(2))
        )
        guard counts.0 + counts.1 + counts.2 + counts.3 <= Self.maximumRecords else { throw .tooMany }
        for _ in 0..<counts.0 {
            let name = try reader.name()
            questions.append(Question(name, UInt16(try reader.number(2))))
            _ = try reader.number(2)
        }
        answers = try Self.records(counts.1, &reader, lastRecord)
        authority = try Self.records(counts.2, &reader, lastRecord)
        additional = try Self.records(counts.3, &reader, lastRecord)
    }

    private static func records(
        _ count: Int, _ reader: inout DNSReader, _ lastRecord: ((Int) -> Void)?
    ) throws(DNSError) -> [DNSRecord] {
        var records: [DNSRecord] = []
        for _ in 0..<count {
            lastRecord?(reader.offset)
            let name = try reader.name()
            let kind = UInt16(try reader.number(2))
            let recordClass = UInt16(try reader.number(2))
            let ttl = UInt32(try reader.number(4))
            let length = Int(try reader.number(2))
            records.append(
                DNSRecord(name, kind, class: recordClass, ttl: ttl, data: Array(try reader.take(length))))
        }
        return records
    }
}
