import Testing

@testable import SUPnP

/// `wire.json`: headers, the classes of datagrams, control bodies.
struct WireVectors: Encodable {
    struct HeaderCase: Encodable {
        let name: String
        let flag: UInt16
        let keyid: UInt16
        let nonce: UInt16
        let length: Int
        let bytes: Hexadecimal

        init(_ name: String, _ flags: HeaderFlags, _ suite: Suite, keyID: UInt16, nonce: UInt16, bodyCount: Int) {
            let header = Header(flags: flags, suite: suite, keyID: keyID, nonce: nonce, bodyCount: bodyCount)
            self.name = name
            flag = UInt16(flags.rawValue) << 8 | UInt16(suite.rawValue) << 4 | 1
            keyid = keyID
            self.nonce = nonce
            length = Int(header.length)
            bytes = Hexadecimal(header.encoded)
        }
    }

    struct ClassCase: Encodable {
        let name: String
        let datagram: Hexadecimal
        let `class`: String

        init(_ name: String, _ datagram: [UInt8]) {
            self.name = name
            self.datagram = Hexadecimal(datagram)
            `class` =
                switch DatagramClass(datagram) {
                case .plain: "plain"
                case .refused: "refused"
                case .clear: "clear"
                case .sealed: "sealed"
                }
        }
    }

    struct BodyCase: Encodable {
        struct Element: Encodable {
            let tag: UInt16
            let value: Hexadecimal

            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(tag)
                try container.encode(value)
            }
        }

        let name: String
        let type: UInt16
        let tags: [Element]
        let bytes: Hexadecimal

        init(_ name: String, _ message: ControlMessage) {
            self.name = name
            type = message.type.rawValue
            tags = message.elements.map { Element(tag: $0.tag.rawValue, value: Hexadecimal($0.value)) }
            bytes = Hexadecimal(message.encoded)
        }
    }

    struct Refused: Encodable {
        let name: String
        let bytes: Hexadecimal
    }

    let headers: [HeaderCase]
    let classified: [ClassCase]
    let bodies: [BodyCase]
    let refusedBodies: [Refused]
}

extension WireVectors {
    static func made() -> WireVectors {
        WireVectors(headers: headers, classified: classified, bodies: bodies, refusedBodies: refusedBodies)
    }

    private static let headers = [
        HeaderCase("the specification's example", .control, .classic, keyID: 0, nonce: 0x1234, bodyCount: 28),
        HeaderCase(
            "a rekey packet", [.control, .broadcast, .server], .hardenedAESGCM, keyID: 0x0102, nonce: 3,
            bodyCount: 824),
        HeaderCase(
            "a sealed broadcast", [.encrypted, .broadcast, .forwarder, .group, .extended], .hardenedChaChaPoly,
            keyID: 0xFFFF, nonce: 0xFFFF, bodyCount: 1_188),
        HeaderCase("the longest datagram", .control, .classic, keyID: 0xFFFE, nonce: 0, bodyCount: 65_495),
        // With this nonce the other words add up to 0xFFFF.
        HeaderCase("a checksum of zero", .control, .classic, keyID: 0, nonce: 0x2125, bodyCount: 12),
    ]

    private static var classified: [ClassCase] {
        let request = ControlMessage(.registrationRequest, [.deviceID: Array("lamp".utf8), .suites: [1, 0]])
        let clear = request.datagram(flags: .control, suite: .classic, nonce: 7)
        let flagged: (HeaderFlags, Suite, Int) -> [UInt8] = { flags, suite, count in
            Header(flags: flags, suite: suite, keyID: 1, nonce: 0, bodyCount: count).encoded
                + [UInt8](repeating: 0, count: count)
        }
        var other = clear
        other[3] = 0x31
        let sum = Header(flags: .control, suite: .classic, keyID: 0, nonce: 7, bodyCount: clear.count - 12).encoded
        // One more in the suite's nibble takes 0x0030 from the checksum, with the carry of the ones' complement.
        let checksum = (UInt16(sum[10]) << 8 | UInt16(sum[11])).subtractingReportingOverflow(0x30)
        let value = checksum.overflow ? checksum.partialValue &- 1 : checksum.partialValue
        other[10] = UInt8(value >> 8)
        other[11] = UInt8(truncatingIfNeeded: value)
        let zero = request.datagram(flags: .control, suite: .classic, nonce: 0x2121)
        let negativeZero = Array(zero.prefix(10)) + [0xFF, 0xFF] + zero.dropFirst(12)
        return [
            ClassCase("a request of a registration", clear),
            ClassCase("a search of SSDP", Array("M-SEARCH * HTTP/1.1\r\n\r\n".utf8)),
            ClassCase("eleven bytes", Array(clear.prefix(11))),
            ClassCase("a byte too many", clear + [0]),
            ClassCase("a changed checksum", Array(clear.prefix(11)) + [clear[11] ^ 1] + clear.dropFirst(12)),
            ClassCase("an unknown suite", other),
            ClassCase("a checksum of zero", zero), ClassCase("0xFFFF in its place", negativeZero),
            ClassCase("data in clear", flagged([], .hardenedAESGCM, 40)),
            ClassCase(
                "a registration's request that was thrown back",
                request.datagram(flags: [.control, .response], suite: .classic, nonce: 7)),
            ClassCase(
                "a leave in clear",
                ControlMessage(.leave, [:]).datagram(flags: .control, suite: .hardenedAESGCM, nonce: 7)),
            ClassCase("a hardened envelope of the least size", flagged([.encrypted, .extended], .hardenedAESGCM, 36)),
            ClassCase("a hardened envelope that is too short", flagged([.encrypted, .extended], .hardenedAESGCM, 35)),
            ClassCase("a hardened one without its envelope", flagged(.encrypted, .hardenedAESGCM, 100)),
            ClassCase("a classic one of the least size", flagged(.encrypted, .classic, 28)),
            ClassCase("a classic one that is too short", flagged(.encrypted, .classic, 27)),
            ClassCase("a classic one with an envelope", flagged([.encrypted, .extended], .classic, 100)),
        ]
    }

    private static let bodies = [
        BodyCase(
            "a hardened request",
            ControlMessage(
                .registrationRequest,
                [
                    .deviceID: Array("lamp".utf8), .role: [1], .suites: [2, 1],
                    .deviceRandom: Array(0..<16), .padding: [UInt8](repeating: 0, count: 8),
                ])),
        BodyCase("nothing but a type", ControlMessage(.leaveAcknowledged, [:])),
        BodyCase(
            "an unknown tag that is not critical",
            ControlMessage(.leave, [.reason: [0, 3], Tag(rawValue: 0x0100): [1, 2, 3]])),
        BodyCase("an empty value", ControlMessage(.ping, [Tag(rawValue: 0x7000): []])),
    ]

    private static let refusedBodies = [
        ("one byte", "00"), ("a tag that is cut off", "0006 0009"), ("a value that is cut off", "0006 0009 0002 00"),
        ("a tag twice", "0006 0009 0002 0000 0009 0002 0000"), ("tags that descend", "0001 0002 0001 00 0001 0001 61"),
        ("a byte behind", "0006 0009 0002 0000 00"), ("an unknown critical tag", "0006 8001 0000"),
        ("an unknown type", "00FF"), ("a random of 32 bytes where 16 belong", "0002 0006 0020 " + zeros(32)),
        ("a random of 16 bytes where 32 belong", "0004 0007 0010 " + zeros(16)),
        ("an empty id", "0001 0001 0000"), ("an id of 65 bytes", "0001 0001 0041 " + zeros(65)),
    ].map { Refused(name: $0.0, bytes: Hexadecimal($0.1)) }

    private static func zeros(_ count: Int) -> String { String(repeating: "00", count: count) }
}

@Suite("Vectors of the wire")
struct WireVectorTests {
    @Test
    func `The wire's vectors are what this code makes`() throws {
        try VectorFile.check("wire", WireVectors.made())
    }

    @Test
    func `Every body that the vectors refuse is refused`() {
        for one in WireVectors.made().refusedBodies {
            #expect(throws: ControlError.self, "\(one.name)") { try ControlMessage.decode(one.bytes.bytes) }
        }
    }

    @Test
    func `The classes are those that the specification names`() {
        let classes = Dictionary(uniqueKeysWithValues: WireVectors.made().classified.map { ($0.name, $0.class) })
        #expect(classes["a request of a registration"] == "clear")
        #expect(classes["an unknown suite"] == "refused")
        #expect(classes["a changed checksum"] == "plain")
        #expect(classes["a hardened envelope of the least size"] == "sealed")
        #expect(classes["a hardened envelope that is too short"] == "refused")
    }
}
