import NetworkTypes
import Testing

@testable import Traversal

@Suite("STUN: messages")
struct STUNMessageTests {
    private let transaction: STUNMessage.Transaction
    private let key = STUNKey(password: "secret")

    init() throws {
        transaction = try #require(STUNMessage.Transaction(bytes: 1...12))
    }

    private func message(_ attributes: (STUNAttributeType, [UInt8])...) -> STUNMessage {
        STUNMessage(
            .request, .binding, transaction: transaction, attributes: attributes.map { .init($0.0, $0.1) })
    }

    private func error(_ bytes: [UInt8]) -> STUNError? {
        do throws(STUNError) {
            _ = try STUNDatagram(bytes)
            return nil
        } catch { return error }
    }

    @Test func `every method and class has its own type, and is read back from it`() throws {
        var types: Set<UInt16> = []
        for number in 0..<0x1000 as Range<UInt16> {
            for kind in STUNMessage.Class.allCases {
                let message = STUNMessage(kind, .init(number), transaction: transaction)
                #expect(message.type < 0x4000)
                #expect(types.insert(message.type).inserted)
                #expect(STUNMessage(type: message.type, transaction: transaction) == message)
            }
        }
        #expect(STUNMessage(.success, .binding, transaction: transaction).type == 0x0101)
        #expect(STUNMessage(.failure, .allocate, transaction: transaction).type == 0x0113)
    }

    @Test func `values of every length are padded and read back`() throws {
        for count in 0..<40 {
            let sent = message((.data, [UInt8](repeating: 7, count: count)), (.nonce, [1]))
            let bytes = sent.encoded(key: key, fingerprint: true)
            #expect(bytes.count % 4 == 0)
            let datagram = try STUNDatagram(bytes)
            #expect(datagram.message == sent)
            #expect(datagram.isAuthentic(key))
        }
    }

    @Test func `addresses are read back, and are not seen in clear in the attributes that disguise them`() throws {
        for text in ["192.0.2.1:1", "255.255.255.255:65535", "[2001:db8::1]:3478", "[::]:0"] {
            let endpoint = try #require(SocketEndpoint(text))
            for type in [STUNAttributeType.xorMappedAddress, .xorPeerAddress, .mappedAddress, .otherAddress] {
                var sent = message()
                sent.append(type, address: endpoint)
                #expect(try STUNDatagram(sent.encoded()).message.address(type) == endpoint)
            }
        }
        var sent = message()
        sent.append(.xorMappedAddress, address: try #require(SocketEndpoint("192.0.2.1:1")))
        #expect(!sent.encoded().contains([192, 0, 2, 1]))
    }

    @Test func `an error's code and reason are read back; codes that no error has are none`() throws {
        for code in [300, 401, 438, 487, 699] {
            var sent = message()
            sent.append(STUNMessage.Failure(code, "Stale Nonce"))
            #expect(sent.failure == .init(code, "Stale Nonce"))
        }
        #expect(message((.errorCode, [0, 0, 2, 1])).failure == nil)
        #expect(message((.errorCode, [0, 0, 4, 100])).failure == nil)
        #expect(message((.errorCode, [0, 0, 4])).failure == nil)
        #expect(message((.errorCode, [0xFF, 0xFF, 0xFC, 1])).failure == .init(401, ""))
    }

    @Test func `attributes behind the integrity are not believed, FINGERPRINT alone may follow`() throws {
        var bytes = message((.software, [1, 2, 3, 4])).encoded(key: key)
        bytes += [0, 6, 0, 4, 0x65, 0x76, 0x69, 0x6C]
        bytes.setLength(bytes.count)
        let datagram = try STUNDatagram(bytes)
        #expect(datagram.message.text(.username) == nil)
        #expect(datagram.isAuthentic(key))
        var after = message().encoded(fingerprint: true)
        after += [0, 6, 0, 4, 0, 0, 0, 0]
        after.setLength(after.count)
        #expect(error(after) == .fingerprint)
    }

    @Test func `of two attributes of a type the first counts, and so of two integrities`() throws {
        #expect(message((.username, [1]), (.username, [2]))[.username] == [1])
        var bytes = message().encoded(key: STUNKey(password: "other"))
        bytes += message().encoded(key: key)[20...]
        bytes.setLength(bytes.count)
        #expect(try !STUNDatagram(bytes).isAuthentic(key))
    }

    @Test func `the stronger integrity decides where there are both`() throws {
        let (weak, strong) = (STUNKey(password: "a"), STUNKey(password: "a", hash: .sha256))
        var both = message((.realm, [1])).encoded(key: weak)
        both += [0, 0x1C, 0, 32] + [UInt8](repeating: 0, count: 32)
        both.setLength(both.count)
        let datagram = try STUNDatagram(both)
        #expect(!datagram.isAuthentic(weak) && !datagram.isAuthentic(strong))
        #expect(try STUNDatagram(message().encoded(key: strong)).isAuthentic(strong, only: .sha256))
        #expect(try !STUNDatagram(message().encoded(key: strong)).isAuthentic(strong, only: .sha1))
    }

    @Test func `a shortened SHA-256 is not taken`() throws {
        let strong = STUNKey(password: "a", hash: .sha256)
        var bytes = message().encoded(key: strong)
        bytes = Array(bytes.dropLast(16))
        bytes[23] = 16
        bytes.setLength(bytes.count)
        #expect(try !STUNDatagram(bytes).isAuthentic(strong))
    }

    @Test func `what is not STUN is told by name`() {
        let good = message((.software, [1, 2, 3, 4])).encoded(fingerprint: true)
        func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] = value
            return bytes
        }
        #expect(error([]) == .notSTUN)
        #expect(error(changed(0, 0x40)) == .notSTUN)
        #expect(error(changed(4, 0)) == .cookie)
        #expect(error(changed(3, good[3] + 1)) == .length)
        #expect(error(good + [0, 0, 0, 0]) == .length)
        #expect(error(changed(23, 200)) == .attribute)
        #expect(error(changed(good.count - 1, good[good.count - 1] ^ 1)) == .fingerprint)
        var many = message()
        for _ in 0...STUNMessage.maximumAttributes { many.append(.software) }
        #expect(error(many.encoded()) == .tooMany)
        #expect(STUNDatagram.looksLikeSTUN(good))
        #expect(!STUNDatagram.looksLikeSTUN(changed(0, 0x16)))
        #expect(!STUNDatagram.looksLikeSTUN(changed(5, 0)))
    }

    @Test func `what has to be understood and is not, is told once each`() {
        let strange = STUNAttributeType(0x7777)
        let sent = message((strange, []), (.username, [1]), (strange, []), (STUNAttributeType(0x9999), []))
        #expect(sent.unknown(besides: [.username]) == [strange])
        #expect(strange.description == "0x7777")
    }

    @Test func `random bytes never trap, and what is read is what would be written`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = Seeded(state: seed)
        for _ in 0..<2_000 {
            var bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            if bytes.count >= 20 {
                bytes[0] &= 0x3F
                bytes.replaceSubrange(4..<8, with: STUNMessage.cookie)
                bytes = Array(bytes[..<(bytes.count / 4 * 4)])
                bytes.setLength(bytes.count)
            }
            guard let datagram = try? STUNDatagram(bytes), !datagram.isProtected, !datagram.hasFingerprint else {
                continue
            }
            let again = try STUNDatagram(datagram.message.encoded())
            #expect(again.message == datagram.message, "seed \(seed)")
        }
    }

    @Test func `the checksum of FINGERPRINT is the CRC-32 of the standard`() {
        #expect(Fingerprint.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    }
}

/// SplitMix64.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
