import NetworkTypes
import SUPnP
import Testing

@Suite("Control bodies")
struct ControlMessageTests {
    @Test("A body is the type and the elements in ascending order")
    func bytes() {
        let message = ControlMessage(.registrationFail, [.reason: [0, 3], .deviceID: Array("lamp".utf8)])
        #expect(message.encoded == [0, 5, 0, 1, 0, 4, 0x6C, 0x61, 0x6D, 0x70, 0, 9, 0, 2, 0, 3])
        #expect(message.integer(.reason, as: UInt16.self) == 3)
        #expect(message.integer(.reason, as: UInt8.self) == nil)
    }

    @Test("Setting and removing elements keeps their order")
    func editing() throws {
        var message = ControlMessage(
            .registrationRequest, [.deviceID: [65], .deviceRandom: [UInt8](repeating: 1, count: 16)])
        message[.suites] = [1, 0]
        message[.role] = [1]
        message[.suites] = [2]
        #expect(message.elements.map(\.tag) == [.deviceID, .role, .suites, .deviceRandom])
        message[.role] = nil
        #expect(try ControlMessage.decode(message.encoded) == message)
    }

    @Test(
        "Bytes that are not the canonical encoding are refused",
        arguments: [
            ([], .noType), ([0], .noType), ([0, 0x99], .unknownType(0x99)), ([0, 0x10], .fixedLayout(.rekey)),
            ([0, 1, 0, 1, 0], .truncated(offset: 2)), ([0, 1, 0, 1, 0, 2, 65], .truncated(offset: 2)),
            ([0, 1, 0, 1, 0, 1, 65, 0], .truncated(offset: 7)),
            ([0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 1, 65], .order(.deviceID)),
            ([0, 1, 0, 2, 0, 1, 0, 0, 2, 0, 1, 0], .order(.role)),
            ([0, 1, 0x80, 1, 0, 0], .unknownCritical(Tag(rawValue: 0x8001))),
            ([0, 1, 0, 1, 0, 0], .value(.deviceID)), ([0, 1, 0, 0x7F, 0, 2, 0, 1], .value(.padding)),
            ([0, 1, 0, 0x0A, 0, 7, 6, 1, 1, 1, 1, 0, 1], .value(.origin)),
            ([0, 0x32, 0, 0x29, 0, 2, 0, 1], .value(.directoryVersion)),
            ([0, 0x13, 0, 0x2F, 0, 4, 0, 0, 0, 1], .value(.beaconCounter)),
            ([0, 0x13, 0, 0x7E, 0, 1, 0], .value(.signature)), ([0, 0x21, 0, 0x32, 0, 1, 0], .value(.groupCounter)),
            ([0, 0x20, 0x80, 0x32, 0, 4, 0, 0, 0, 1], .value(.resumeFrom)),
        ] as [([UInt8], ControlError)])
    func refused(bytes: [UInt8], error: ControlError) {
        #expect(throws: error) { try ControlMessage.decode(bytes) }
    }

    @Test("An unknown element that is not critical is skipped and kept")
    func unknown() throws {
        let bytes: [UInt8] = [0, 1, 0, 1, 0, 1, 65, 0x12, 0x34, 0, 2, 9, 9]
        let message = try ControlMessage.decode(bytes)
        #expect(message[.deviceID] == [65])
        #expect(message.encoded == bytes)
    }

    @Test("RND#1 and RND#2 have the lengths that close the oracle, 16 and 32 bytes, and no other")
    func oracleLengths() {
        for count in 0...64 {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(Tag.random1.accepts(bytes) == (count == 16))
            #expect(Tag.random2.accepts(bytes) == (count == 32))
        }
    }

    @Test("What is decoded encodes to the same bytes, and what was encoded decodes", arguments: 0..<8)
    func canonical(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let known = (UInt16(1)...0x27).map { Tag(rawValue: $0) }
        for _ in 0..<500 {
            var bytes: [UInt8] = [0, [1, 2, 3, 4, 5, 9, 10, 0x13, 0x20].randomElement(using: &random) ?? 1]
            for tag in known where Int.random(in: 0..<6, using: &random) == 0 {
                let size = [0, 1, 2, 4, 7, 16, 19, 32, 34, 36, 65, 114].randomElement(using: &random) ?? 1
                bytes.append(bigEndian: tag.rawValue)
                bytes.append(bigEndian: UInt16(size))
                bytes += random.bytes(size)
            }
            if Bool.random(using: &random), !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            if let message = try? ControlMessage.decode(bytes) {
                #expect(message.encoded == bytes, "seed \(seed)")
            }
            if let loose = try? ControlMessage.decode(bytes, checkingValues: false) {
                #expect(loose.encoded == bytes, "seed \(seed)")
            }
        }
    }

    @Test("Every prefix of a message but the whole and those between elements is refused")
    func prefixes() throws {
        let message = ControlMessage(
            .registrationReply, [.deviceID: [65, 66], .suite: [0], .salt: [UInt8](repeating: 5, count: 16)])
        let bytes = message.encoded
        let whole = (0...bytes.count).filter { (try? ControlMessage.decode(Array(bytes.prefix($0)))) != nil }
        #expect(whole == [2, 8, 13, 33])
    }
}
