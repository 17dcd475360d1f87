import NIOCore
import NetworkTypes
import RelayProtocol
import Testing

@Suite("The standby connection")
struct StandbyTests {
    private static func pair(seed: UInt64 = 1) -> (gateway: StandbyCodec, relay: StandbyCodec, key: StandbyKey) {
        var random = SeededGenerator(seed: seed)
        let key = StandbyKey(using: &random)
        return (StandbyCodec(key: key, side: .gateway), StandbyCodec(key: key, side: .relay), key)
    }

    private static let frames: [StandbyFrame] = {
        var random = SeededGenerator(seed: 9)
        return [
            .ping, .pong, .call(RelayTicket(using: &random)), .decline(RelayTicket(using: &random)), .replaced,
            .draining(30), .draining(.max),
        ]
    }()

    @Test("Frames are read in order as they were written, however they are cut")
    func roundTrip() throws {
        var (gateway, relay, _) = Self.pair()
        var stream: [UInt8] = []
        for frame in Self.frames { stream += gateway.encode(frame).readableBytesView }
        // They read as TLS's application data.
        #expect(stream.prefix(3) == [23, 3, 3])
        var held = ByteBuffer()
        var read: [StandbyFrame] = []
        for byte in stream {
            held.writeInteger(byte)
            while let frame = try relay.decode(from: &held) { read.append(frame) }
        }
        #expect(read == Self.frames)
        #expect(held.readableBytes == 0)
    }

    @Test("A frame that was altered in any bit ends the connection")
    func altered() {
        for index in 0..<(5 + 17 + 16) * 8 {
            var (gateway, relay, _) = Self.pair()
            var bytes = Array(gateway.encode(Self.frames[2]).readableBytesView)
            bytes[index / 8] ^= 1 << (index % 8)
            var buffer = ByteBuffer(bytes: bytes)
            // A length that was made longer waits for the rest, and takes it for something else.
            buffer.writeBytes(Array(repeating: 0, count: 64))
            #expect(throws: StandbyFault.self, "bit \(index)") { _ = try relay.decode(from: &buffer) }
        }
    }

    @Test(
        "A frame that comes twice, out of order, back to its sender, or with another connection's key, ends the connection"
    )
    func misplaced() throws {
        var (gateway, relay, _) = Self.pair()
        let first = gateway.encode(.ping)
        let second = gateway.encode(.ping)
        var late = second
        #expect(throws: StandbyFault.forged) { _ = try relay.decode(from: &late) }
        var once = first
        #expect(try relay.decode(from: &once) == .ping)
        var twice = first
        #expect(throws: StandbyFault.forged) { _ = try relay.decode(from: &twice) }
        var (other, _, _) = Self.pair()
        var mirrored = other.encode(.ping)
        #expect(throws: StandbyFault.forged) { _ = try other.decode(from: &mirrored) }
        var (stranger, _, _) = Self.pair(seed: 2)
        var (_, fresh, _) = Self.pair()
        var foreign = stranger.encode(.ping)
        #expect(throws: StandbyFault.forged) { _ = try fresh.decode(from: &foreign) }
    }

    @Test("What answers a call follows from the key and the call, and from nothing that can be seen on the way")
    func answers() {
        var random = SeededGenerator(seed: 3)
        let call = RelayTicket(using: &random)
        let (_, _, key) = Self.pair()
        let (_, _, other) = Self.pair(seed: 2)
        #expect(key.answer(to: call) == key.answer(to: call))
        #expect(key.answer(to: call) != call)
        #expect(key.answer(to: call) != other.answer(to: call))
        #expect("\(key)" == "standby key of 32 bytes")
    }
}

@Suite("A registration")
struct RegistrationTests {
    @Test("Requests and answers are read as they were written, and nothing else is")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 4)
        let request = RegistrationRequest(audience: random.bytes(32), invitation: random.bytes(32))
        #expect(RegistrationRequest(bytes: request.bytes) == request)
        let plain = RegistrationRequest(audience: random.bytes(32))
        #expect(RegistrationRequest(bytes: plain.bytes) == plain)
        #expect(RegistrationRequest(bytes: Array(plain.bytes.dropLast())) == nil)
        #expect(RegistrationRequest(bytes: [2] + plain.bytes.dropFirst()) == nil)
        let answer = RegistrationAnswer.accepted(
            ticket: RelayTicket(using: &random), key: StandbyKey(using: &random), keepalive: 50)
        #expect(RegistrationAnswer(bytes: answer.bytes) == answer)
        #expect(RegistrationAnswer(bytes: Array(answer.bytes.dropLast())) == nil)
        for refusal in RelayRefusal.allCases {
            #expect(RegistrationAnswer(bytes: RegistrationAnswer.refused(refusal).bytes) == .refused(refusal))
        }
    }

    @Test("An invitation's proof is good at one relay for one gateway")
    func proofs() throws {
        var random = SeededGenerator(seed: 5)
        let name = try #require(RelayName(keyDigest: random.bytes(32)))
        let other = try #require(RelayName(keyDigest: random.bytes(32)))
        let here = random.bytes(32)
        let elsewhere = random.bytes(32)
        let invited = try InviteList(text: "# who may\n\n\(other)  # by name\ntoken a-secret-of-19-chars\n")
        let proof = RegistrationRequest.proof(token: "a-secret-of-19-chars", audience: here, name: name)
        #expect(invited.admits(name, RegistrationRequest(audience: here, invitation: proof)))
        #expect(!invited.admits(name, RegistrationRequest(audience: elsewhere, invitation: proof)))
        #expect(!invited.admits(name, RegistrationRequest(audience: here)))
        #expect(invited.admits(other, RegistrationRequest(audience: here)))
        let third = try #require(RelayName(keyDigest: random.bytes(32)))
        #expect(!invited.admits(third, RegistrationRequest(audience: here, invitation: proof)))
        #expect(!InviteList().admits(name, RegistrationRequest(audience: here, invitation: proof)))
    }

    @Test(
        "A line of an invite list that says nothing is told by its number",
        arguments: [
            "token short", "nonsense", "token", "one two three",
        ])
    func faults(line: String) {
        #expect(throws: InviteListFault(line: 2)) { try InviteList(text: "# first\n\(line)\n") }
    }

    @Test("A name is 52 characters, reads back in either case, and is the first label alone")
    func names() throws {
        var random = SeededGenerator(seed: 6)
        let digest = random.bytes(32)
        let name = try #require(RelayName(keyDigest: digest))
        #expect("\(name)".utf8.count == RelayName.characters)
        #expect("\(name)" == "\(name)".lowercased())
        #expect(name.keyDigest == digest)
        #expect(RelayName(serverName: "\(name).relay.example.org") == name)
        #expect(RelayName(serverName: "\(name)".uppercased()) == name)
        #expect(RelayName(serverName: "x.\(name)") == nil)
        #expect(RelayName(serverName: "\(name)a.example") == nil)
        #expect(RelayName(serverName: "") == nil)
        #expect(name.serverName(at: "relay.example.org") == "\(name).relay.example.org")
        #expect(name.serverName(at: "203.0.113.10") == "\(name).relay.invalid")
    }
}
