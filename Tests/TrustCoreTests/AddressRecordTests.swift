import Foundation
import NetworkTypes
import TestKit
import Testing

@testable import TrustCore

@Suite("Address records: sealed to clients, signed by the gateway")
struct AddressRecordTests {
    private let now = Date(timeIntervalSince1970: 1_795_000_000)
    private let root = [UInt8](repeating: 7, count: 32)
    private let server = IdentityKey()
    private let addresses: [GatewayAddress]
    private let ann: SubjectID
    private let ben: SubjectID

    init() throws {
        addresses = try ["203.0.113.5:4433", "[2001:db8::7]:4433", "home.example.org:4433"].map {
            try #require(GatewayAddress($0))
        }
        var random = SeededGenerator(seed: 11)
        ann = SubjectID(using: &random)
        ben = SubjectID(using: &random)
    }

    private func key(_ client: SubjectID) -> AddressRecordKey { AddressRecordKey(root: root, client: client) }

    private func record(_ sequence: UInt64 = 5, life: TimeInterval = 86_400, issued: TimeInterval = 0) -> AddressRecord
    {
        AddressRecord(
            addresses: addresses, sequence: sequence, issuedAt: now + issued, expiresAt: now + issued + life)
    }

    private func sealed(_ record: AddressRecord, to clients: [SubjectID], by key: IdentityKey? = nil) throws -> String {
        var random = SeededGenerator(seed: 3)
        return try record.sealed(to: clients.map(self.key), signedBy: key ?? server, using: &random)
    }

    private func open(
        _ text: String, as client: SubjectID? = nil, after last: UInt64? = nil, at moment: TimeInterval = 0
    ) throws(AddressRecordError) -> AddressRecord {
        try AddressRecord(
            opening: text, with: key(client ?? ann), pins: [IdentityKey().pin, server.pin], after: last,
            now: now + moment)
    }

    @Test func `every client that it is for reads it, and it says what was sealed`() throws {
        let text = try sealed(record(), to: [ann, ben])
        #expect(try open(text) == record())
        #expect(try open(text, as: ben) == record())
        #expect(!text.contains("203"))
    }

    @Test func `a client whose pairing was revoked no longer reads new ones`() throws {
        #expect(throws: AddressRecordError.notForThisClient) { try open(try sealed(record(6), to: [ben])) }
    }

    @Test func `a record that was seen, or is older, is refused`() throws {
        let text = try sealed(record(5), to: [ann])
        #expect(try open(text, after: 4).sequence == 5)
        #expect(throws: AddressRecordError.replayed) { try open(text, after: 5) }
        #expect(throws: AddressRecordError.replayed) { try open(text, after: 6) }
    }

    @Test func `a record is good until its end, with ten minutes for clocks, and not before its time`() throws {
        let text = try sealed(record(), to: [ann])
        #expect(try open(text, at: 86_400 + 599).sequence == 5)
        #expect(throws: AddressRecordError.expired) { try open(text, at: 86_400 + 600) }
        #expect(try open(text, at: -600).sequence == 5)
        #expect(throws: AddressRecordError.wrongTime) { try open(text, at: -601) }
        let long = try sealed(record(life: AddressRecord.longestLife + 1), to: [ann])
        #expect(throws: AddressRecordError.wrongTime) { try open(long) }
    }

    @Test func `another key's signature is refused, also of somebody who knows the client's secret`() throws {
        let text = try sealed(record(), to: [ann], by: IdentityKey())
        #expect(throws: AddressRecordError.wrongSigner) { try open(text) }
    }

    @Test func `a changed bit anywhere is noticed, and nothing traps`() throws {
        let text = try sealed(record(), to: [ann, ben])
        let bytes = try #require(Base64URL.decode(String(text.dropFirst(AddressRecord.prefix.count))))
        var opened = 0
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << (index % 8)
            if (try? open(AddressRecord.prefix + Base64URL.encode(changed))) != nil { opened += 1 }
        }
        #expect(opened == 0)
        for count in 0..<bytes.count {
            #expect((try? open(AddressRecord.prefix + Base64URL.encode(Array(bytes.prefix(count))))) == nil)
        }
        for other in ["", "latchkey1:", "latchkey2:" + Base64URL.encode(bytes), "latchkey1:!!", "x" + text] {
            #expect(throws: AddressRecordError.notRecord) { try open(other) }
        }
    }

    @Test func `the number of clients shows only in fours, and two records do not tell who reads both`() throws {
        let one = try sealed(record(1), to: [ann])
        let four = try sealed(record(1), to: [ann, ben, ann, ben])
        #expect(one.utf8.count == four.utf8.count)
        var random = SystemRandomNumberGenerator()
        let texts = try (1...2).map { sequence in
            try record(UInt64(sequence)).sealed(to: [key(ann)], signedBy: server, using: &random)
        }
        let tags = try texts.map { text in
            let bytes = try #require(Base64URL.decode(String(text.dropFirst(AddressRecord.prefix.count))))
            return Set((0..<4).map { Array(bytes[(18 + $0 * 56)..<(26 + $0 * 56)]) })
        }
        #expect(tags[0].isDisjoint(with: tags[1]))
    }

    @Test func `64 clients fit, and 65 or none are refused`() throws {
        var random = SeededGenerator(seed: 1)
        let clients = (0..<65).map { _ in SubjectID(using: &random) }
        let text = try sealed(record(), to: Array(clients.prefix(64)))
        #expect(text.utf8.count <= AddressRecord.maximumText)
        #expect(try open(text, as: clients[63]).addresses == addresses)
        #expect(throws: TrustError.self) { try sealed(record(), to: clients) }
        #expect(throws: TrustError.self) { try sealed(record(), to: []) }
    }

    @Test func `keys differ by client and by gateway, and are shown nowhere`() {
        #expect(key(ann) != key(ben))
        #expect(key(ann) != AddressRecordKey(root: [UInt8](repeating: 8, count: 32), client: ann))
        #expect(AddressRecordKey(rawRepresentation: key(ann).rawRepresentation) == key(ann))
        #expect(AddressRecordKey(rawRepresentation: [1, 2, 3]) == nil)
        #expect("\(key(ann))" == "address record key")
    }
}
