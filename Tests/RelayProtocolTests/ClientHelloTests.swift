import NIOCore
import NetworkTypes
import RelayProtocol
import Testing

@Suite("ClientHello")
struct ClientHelloTests {
    /// RFC 8448 §3, the record's bytes.
    private static let published = Bytes.hex(
        "16030100c4010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece70000061301130313020100"
            + "00910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301040023000000330026"
            + "0024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305"
            + "030603020308040805080604010501060102010402050206020202002d00020101001c00024001")
    /// What OpenSSL 3.0 sends to `Home.Relay.example` with the application protocol `latchkey/1`, padding included.
    private static let openSSL =
        Bytes.hex(
            "1603010200010001fc0303c21bfc4bfb43b394e7dac4bc9ee6b2e2f182d89b6da989f7220837d3f2be2e6a2009106dadad2cf64f78f5"
                + "0ae8f22f5a5304961d04f35bba38cb31b837ed82ff5c0024130213031301c02cc030c02bc02fcca9cca8c024c028c023c027009f009e"
                + "006b006700ff0100018f000000170015000012486f6d652e52656c61792e6578616d706c65000b000403000102000a00160014001d00"
                + "17001e0019001801000101010201030104002300000010000d000b0a6c617463686b65792f310016000000170000000d002a00280403"
                + "05030603080708080809080a080b080408050806040105010601030303010302040205020602002b00050403040303002d0002010100"
                + "3300260024001d0020a5f691d23af379de172e3f8fa07c03adeda333cead26b2853c0f5d5122c6bc0e001500ca")
        + Array(repeating: 0, count: 0xCA)

    private static func read(_ bytes: [UInt8], in pieces: Int = .max) -> ClientHelloReader.Step {
        var reader = ClientHelloReader()
        var step = ClientHelloReader.Step.more
        var rest = bytes[...]
        while step == .more, !rest.isEmpty {
            step = reader.feed(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return step
    }

    @Test("The hello of RFC 8448 names its server")
    func vector() {
        #expect(Self.read(Self.published) == .hello(ClientHello(serverName: "server")))
    }

    @Test("OpenSSL's hello is read, its name in lower case")
    func other() {
        #expect(
            Self.read(Self.openSSL)
                == .hello(ClientHello(serverName: "home.relay.example", protocols: ["latchkey/1"])))
    }

    @Test("However a hello is cut into segments, it is read once it is whole and not before", arguments: 1...40)
    func segments(size: Int) {
        let expected = Self.read(Self.openSSL)
        #expect(Self.read(Self.openSSL, in: size) == expected)
        #expect(Self.read(Array(Self.openSSL.dropLast()), in: size) == .more)
    }

    @Test("However a hello is cut into records, it is read; more records than there may be are refused")
    func records() {
        let message = Array(Self.openSSL.dropFirst(5))
        for size in [9, 16, 100, 511, 512] {
            #expect(Self.read(Bytes.records(message, of: size)) == Self.read(Self.openSSL), "records of \(size)")
            #expect(Self.read(Bytes.records(message, of: size), in: 3) == Self.read(Self.openSSL), "records of \(size)")
        }
        #expect(Self.read(Bytes.records(message, of: 4)) == .refused(.tooLong))
    }

    @Test("What is no TLS is refused at its first byte that is wrong")
    func garbage() {
        #expect(Self.read(Array("GET / HTTP/1.1\r\n".utf8).prefix(1) + []) == .refused(.notTLS))
        #expect(Self.read([22, 2]) == .refused(.notTLS))
        // An alert, and a change of cipher: records of other types.
        #expect(Self.read([21]) == .refused(.notTLS))
        #expect(Self.read([20]) == .refused(.notTLS))
        // A ServerHello in a handshake record.
        #expect(Self.read([22, 3, 3, 0, 5, 2]) == .refused(.notTLS))
    }

    @Test("Empty records, records beyond 2^14 and messages beyond the limit are refused by their lengths alone")
    func lengths() {
        #expect(Self.read([22, 3, 1, 0, 0]) == .refused(.malformed))
        #expect(Self.read([22, 3, 1, 0x40, 1]) == .refused(.malformed))
        #expect(Self.read([22, 3, 1, 0x40, 0, 1, 0, 0x40, 1]) == .refused(.tooLong))
        #expect(Self.read([22, 3, 1, 0x40, 0, 1, 0xFF, 0xFF, 0xFF]) == .refused(.tooLong))
        #expect(Self.read([22, 3, 1, 0x40, 0, 1, 0, 0x40, 0]) == .more)
    }

    @Test("A hello without extensions, or without a name, is one without a name")
    func nameless() {
        #expect(Self.read(Bytes.hello([], withExtensions: false)) == .hello(ClientHello(serverName: nil)))
        #expect(Self.read(Bytes.hello([(43, [2, 3, 4])])) == .hello(ClientHello(serverName: nil)))
    }

    @Test("A name that is hidden (Encrypted ClientHello) is not routed by the one that is shown")
    func encrypted() {
        let hello = Bytes.hello([(0, Bytes.name("a.example")), (0xFE0D, [0, 0, 1])])
        #expect(Self.read(hello) == .refused(.encrypted))
    }

    @Test(
        "Contradictions inside are refused",
        arguments: [
            [(0, Bytes.name("a.example")), (0, Bytes.name("b.example"))],
            [(0, [])], [(0, [0, 0])], [(0, [0, 5, 0, 0, 1, 65])], [(0, [0, 4, 0, 0, 2, 65])], [(0, Bytes.name(""))],
            [(0, Bytes.name("a b"))], [(0, Bytes.name("ä.example"))],
            [(0, Bytes.name(String(repeating: "a", count: 256)))],
            [(0, [0, 8, 0, 0, 1, 65, 0, 0, 1, 66])],
            [(16, [0, 1, 0])], [(16, [0, 2, 2, 65])], [(16, [])],
        ] as [[(UInt16, [UInt8])]])
    func contradictions(extensions: [(UInt16, [UInt8])]) {
        #expect(Self.read(Bytes.hello(extensions)) == .refused(.malformed))
    }

    @Test("No mutation of a hello does more than be refused, wait, or name another name")
    func mutations() {
        for seed in UInt64(1)...4_000 {
            var random = SeededGenerator(seed: seed)
            var bytes = seed.isMultiple(of: 2) ? Self.openSSL : Self.published
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = .random(in: .min ... .max, using: &random)
            }
            if case .hello(let hello) = Self.read(bytes, in: .random(in: 1...600, using: &random)) {
                #expect(hello.serverName.map { (1...255).contains($0.utf8.count) } ?? true, "seed \(seed)")
            }
        }
    }

    @Test("A plain hello is read as it was written")
    func plain() {
        var random = SeededGenerator(seed: 1)
        for purpose in [RelayPurpose.standby, .answer] {
            let ticket = RelayTicket(using: &random)
            var reader = ClientHelloReader()
            let step = reader.feed(PlainHello.record(ticket: ticket, purpose: purpose, using: &random))
            let expected = ClientHello(serverName: "\(ticket).relay.invalid", protocols: [purpose.rawValue])
            #expect(step == .hello(expected))
            #expect(RelayTicket(serverName: "\(ticket).relay.invalid") == ticket)
        }
    }
}

/// Bytes that tests make.
enum Bytes {
    static func hex(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8).map { UInt8($0 > 0x60 ? $0 - 0x57 : $0 - 0x30) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func records(_ message: [UInt8], of size: Int) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap { start -> [UInt8] in
            let part = message[start..<min(start + size, message.count)]
            return [22, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 0xFF)] + part
        }
    }

    static func name(_ name: String) -> [UInt8] { vector(vector([0], name: Array(name.utf8))) }

    static func vector(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes }

    private static func vector(_ type: [UInt8], name: [UInt8]) -> [UInt8] { type + vector(name) }

    static func hello(_ extensions: [(UInt16, [UInt8])], withExtensions: Bool = true) -> [UInt8] {
        var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
        let list = extensions.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xFF)] + vector($0.1) }
        if withExtensions { body += vector(list) }
        return records([1, 0] + vector(body), of: 16_384)
    }
}
