import NetworkTypes
import Testing

@testable import Traversal

@Suite("ICE: what an end tells of itself")
struct ICEDescriptionTests {
    private let seed = UInt64.random(in: 0...UInt64.max)

    private func description(candidates count: Int, _ random: inout SeededGenerator) -> ICEDescription {
        let candidates = (0..<count).compactMap { index -> ICECandidate? in
            let address: IPAddress =
                Bool.random(using: &random)
                ? .v4(IPv4Address(rawValue: random.next().truncated))
                : .v6(IPv6Address(high: random.next(), low: random.next()))
            return ICECandidate(
                ICECandidate.Kind.allCases[index % 4],
                address: SocketEndpoint(address, port: UInt16.random(in: 0 ... .max, using: &random)),
                priority: UInt32.random(in: 1...0x7FFF_FFFF, using: &random), foundation: "f\(index)+/")
        }
        return ICEDescription(
            ICECredentials(using: &random), candidates: candidates, isComplete: Bool.random(using: &random),
            renominates: Bool.random(using: &random), pacing: .milliseconds(Int.random(in: 5...1_000, using: &random)))
    }

    @Test func `what was encoded is read again`() throws {
        var random = SeededGenerator(seed: seed)
        for count in 0...ICEDescription.maximumCandidates {
            let description = description(candidates: count, &random)
            let bytes = description.encoded()
            #expect(bytes.count <= ICEDescription.maximumBytes)
            #expect(try ICEDescription(decoding: bytes) == description, "seed \(seed)")
        }
    }

    @Test func `every cut is noticed, and so is a byte too many`() throws {
        var random = SeededGenerator(seed: seed)
        let bytes = description(candidates: 5, &random).encoded()
        for count in 0..<bytes.count {
            #expect(throws: ICEDescriptionError.self, "seed \(seed), \(count)") {
                try ICEDescription(decoding: Array(bytes[..<count]))
            }
        }
        #expect(throws: ICEDescriptionError.trailing) { try ICEDescription(decoding: bytes + [0]) }
    }

    @Test func `limits are held to`() throws {
        var random = SeededGenerator(seed: 1)
        let plain = ICEDescription(ICECredentials(using: &random)).encoded()
        #expect(throws: ICEDescriptionError.version(2)) { try ICEDescription(decoding: [2] + plain.dropFirst()) }
        #expect(throws: ICEDescriptionError.pacing) { try ICEDescription(decoding: [1, 0, 0, 4] + plain.dropFirst(4)) }
        #expect(throws: ICEDescriptionError.tooManyCandidates) {
            try ICEDescription(decoding: plain.dropLast() + [21])
        }
        #expect(throws: ICEDescriptionError.tooLong) {
            try ICEDescription(decoding: [UInt8](repeating: 1, count: ICEDescription.maximumBytes + 1))
        }
        #expect(throws: ICEDescriptionError.credentials) {
            try ICEDescription(decoding: [1, 0, 0, 50, 3] + Array("abc".utf8) + [0, 0])
        }
        // A candidate without priority.
        #expect(throws: ICEDescriptionError.candidate(0)) {
            try ICEDescription(decoding: plain.dropLast() + [1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 1, 0x31])
        }
        let many = description(candidates: 30, &random)
        #expect(many.candidates.count == 30)
        #expect(try ICEDescription(decoding: many.encoded()).candidates == Array(many.candidates.prefix(20)))
    }

    @Test func `credentials have as many random bits as are asked for, and never show the password`() {
        var random = SystemRandomNumberGenerator()
        let credentials = ICECredentials(using: &random)
        #expect(credentials.fragment.utf8.count * 6 >= 24 && credentials.password.utf8.count * 6 >= 128)
        #expect(!"\(credentials)".contains(credentials.password))
        #expect(ICECredentials(fragment: "abc", password: String(repeating: "x", count: 22)) == nil)
        #expect(ICECredentials(fragment: "abcd", password: String(repeating: "x", count: 21)) == nil)
        #expect(ICECredentials(fragment: "ab:d", password: String(repeating: "x", count: 22)) == nil)
    }

    @Test func `priorities are the standard's`() throws {
        // RFC 8445 §5.1.2.1, with the recommended preferences.
        #expect(ICECandidate.priority(.host, preference: 65_535) == 2_130_706_431)
        #expect(ICECandidate.priority(.peerReflexive, preference: 65_535) == 1_862_270_975)
        #expect(ICECandidate.priority(.serverReflexive, preference: 65_535) == 1_694_498_815)
        #expect(ICECandidate.priority(.relayed, preference: 65_535) == 16_777_215)
    }

    @Test func `a candidate's line is read and written by the grammar of RFC 8839`() throws {
        let line = "candidate:1 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998"
        let candidate = try #require(ICECandidate(text: line))
        #expect(candidate.kind == .serverReflexive && candidate.address == SocketEndpoint("192.0.2.3:45664"))
        #expect(candidate.text == "1 1 udp 1694498815 192.0.2.3 45664 typ srflx")
        #expect(ICECandidate(text: candidate.text) == candidate)
        #expect(
            ICECandidate(text: "x 1 udp 5 2001:db8::1 9000 typ host")?.address == SocketEndpoint("[2001:db8::1]:9000"))
        for bad in [
            "1 2 udp 5 192.0.2.3 9 typ host", "1 1 tcp 5 192.0.2.3 9 typ host", "1 1 udp 0 192.0.2.3 9 typ host",
            "1 1 udp 5 printer.local 9 typ host", "1 1 udp 5 192.0.2.3 99999 typ host", "1 1 udp 5 192.0.2.3 9 typ x",
            "1 1 udp 5 192.0.2.3 9", "", "é 1 udp 5 192.0.2.3 9 typ host",
            "\(String(repeating: "a", count: 33)) 1 udp 5 192.0.2.3 9 typ host",
        ] { #expect(ICECandidate(text: bad) == nil, "\(bad)") }
    }

    @Test(arguments: [
        ("192.0.2.1", ICEReach.open), ("2001:db8::1", .open), ("172.32.0.1", .open), ("100.128.0.1", .open),
        ("10.1.2.3", .sameNetworkOnly), ("172.16.0.1", .sameNetworkOnly), ("192.168.1.1", .sameNetworkOnly),
        ("169.254.1.1", .sameNetworkOnly), ("127.0.0.1", .sameNetworkOnly), ("100.64.0.1", .sameNetworkOnly),
        ("::1", .sameNetworkOnly), ("fe80::1", .sameNetworkOnly), ("fd00::1", .sameNetworkOnly),
        ("fec0::1", .sameNetworkOnly), ("::ffff:10.0.0.1", .sameNetworkOnly), ("::ffff:8.8.8.8", .open),
        ("64:ff9b::a00:1", .sameNetworkOnly), ("64:ff9b::808:808", .open), ("64:ff9b:1::1", .sameNetworkOnly),
        ("2002:c0a8:101::1", .sameNetworkOnly), ("2002:808:808::1", .open),
        ("0.0.0.0", .never), ("0.1.2.3", .never), ("224.0.0.1", .never), ("255.255.255.255", .never),
        ("240.0.0.1", .never), ("::", .never), ("ff02::1", .never), ("::7f00:1", .never),
    ])
    func `what an address is good for is judged by its number`(text: String, reach: ICEReach) throws {
        #expect(ICEReach(of: try #require(IPAddress(text))) == reach)
    }
}

extension UInt64 {
    fileprivate var truncated: UInt32 { UInt32(truncatingIfNeeded: self) }
}
