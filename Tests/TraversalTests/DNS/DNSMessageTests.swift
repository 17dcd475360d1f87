import NetworkTypes
import Testing

@testable import Traversal

@Suite("DNS: names, questions, updates and what proves them")
struct DNSMessageTests {
    private let now: UInt64 = 1_795_000_000

    private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

    private func key(_ secret: UInt8 = 7) throws -> TSIGKey {
        TSIGKey(name: try name("latchkey"), secret: [UInt8](repeating: secret, count: 32))
    }

    @Test func `a question is written byte for byte, with room for a larger answer`() throws {
        let query = DNSMessage.query(try name("_latchkey.Home.Example."), DNSRecord.Kind.txt, id: 0x1234)
        let expected: [UInt8] =
            [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1] + [9] + Array("_latchkey".utf8) + [4] + Array("home".utf8)
            + [7] + Array("example".utf8) + [0, 0, 16, 0, 1] + [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
        #expect(query.encoded == expected)
        #expect(try DNSMessage(query.encoded) == query)
    }

    @Test func `an update replaces every name and type that it has, and removes the others that are named`() throws {
        let home = try name("home.example")
        let records = [
            DNSRecord(home, address: .v4(IPv4Address(203, 0, 113, 5)), ttl: 60),
            DNSRecord(home, address: .v4(IPv4Address(203, 0, 113, 6)), ttl: 60),
        ]
        let update = DNSMessage.update(
            zone: try name("example"), records: records, removing: [.init(home, DNSRecord.Kind.aaaa)], id: 1)
        #expect(update.flags == 0x2800)
        #expect(update.questions == [.init(try name("example"), DNSRecord.Kind.soa)])
        #expect(update.authority.map(\.kind) == [28, 1, 1, 1])
        #expect(update.authority.map(\.recordClass) == [255, 255, 1, 1])
        #expect(update.authority[3].data == [203, 0, 113, 6])
        #expect(try DNSMessage(update.encoded) == update)
    }

    @Test(arguments: [0, 1, 255, 256, 1_000])
    func `a text of any length is one record, and comes back whole`(count: Int) throws {
        let text = String(repeating: "x", count: count)
        let record = DNSRecord(try name("a"), text: text, ttl: 1)
        #expect(record.text == text)
        #expect(record.data.count == count + max(1, (count + 254) / 255))
    }

    @Test func `compressed names are read, and compression that leads in circles is refused`() throws {
        var bytes: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        bytes += [4] + Array("HOME".utf8) + [0, 0, 16, 0, 1]
        bytes += [0xC0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 3, 2, 0x68, 0x69]
        let message = try DNSMessage(bytes)
        #expect(message.answers.first?.name == DNSName("home") && message.answers.first?.text == "hi")
        var circle = bytes
        circle[12] = 0xC0
        circle[13] = 12
        #expect(throws: DNSError.self) { try DNSMessage(circle) }
        for count in bytes.indices { #expect(throws: DNSError.self) { try DNSMessage(Array(bytes.prefix(count))) } }
        bytes[5] = 200
        bytes[7] = 200
        #expect(throws: DNSError.tooMany) { try DNSMessage(bytes) }
    }

    @Test(arguments: ["a..b", "-é", "ä.example", String(repeating: "a", count: 64), "a b"])
    func `what is no name is refused`(text: String) { #expect(DNSName(text) == nil) }

    /// A response as a server signs it: over the request's signature as well.
    private func response(to request: DNSMessage, mac: [UInt8], by key: TSIGKey, at time: UInt64) -> [UInt8] {
        var answer = DNSMessage(id: request.id, flags: 0xA800)
        answer.questions = request.questions
        return key.respond(answer, requestMAC: mac, at: time)
    }

    @Test func `a signed response is believed, and one that is unsigned, changed, another's or old is not`() throws {
        let key = try key()
        let update = DNSMessage.update(zone: try name("example"), records: [], id: 77)
        let signed = key.sign(update, at: now)
        #expect(try DNSMessage(signed.bytes).additional.last?.kind == DNSRecord.Kind.tsig)
        let good = response(to: update, mac: signed.mac, by: key, at: now + 1)
        #expect(try key.verify(good, requestMAC: signed.mac, at: now + 2).id == 77)
        #expect(throws: TSIGKey.Fault.time) { try key.verify(good, requestMAC: signed.mac, at: now + 302) }
        #expect(throws: TSIGKey.Fault.wrong) { try key.verify(good, requestMAC: [1], at: now) }
        let other = response(to: update, mac: signed.mac, by: try self.key(8), at: now)
        #expect(throws: TSIGKey.Fault.wrong) { try key.verify(other, requestMAC: signed.mac, at: now) }
        var plain = DNSMessage(id: 77, flags: 0xA805)
        plain.questions = update.questions
        #expect(throws: TSIGKey.Fault.unsigned) { try key.verify(plain.encoded, requestMAC: signed.mac, at: now) }
        var believed = 0
        for index in good.indices {
            var changed = good
            changed[index] ^= 0x10
            if (try? key.verify(changed, requestMAC: signed.mac, at: now)) != nil { believed += 1 }
        }
        // The id on the outside is not signed: the one inside the signature is (RFC 8945 §5.3). Nor are class and TTL of the
        // signature's own record, which have one value each.
        #expect(believed <= 8, "\(believed) changed bytes were not noticed")
    }

    @Test func `a secret is shown nowhere`() throws { #expect("\(try key())" == "TSIG key latchkey") }
}

extension TSIGKey {
    /// As a server signs (RFC 8945 §5.3): the request's signature, then the message and the variables.
    fileprivate func respond(_ message: DNSMessage, requestMAC: [UInt8], at seconds: UInt64) -> [UInt8] {
        sign(message, at: seconds, after: requestMAC).bytes
    }
}
