import NetworkTypes
import SUPnP
import Testing

@Suite("Classification of a datagram")
struct DatagramClassTests {
    private func datagram(
        _ flags: HeaderFlags, _ suite: Suite, type: UInt16? = nil, padding: Int = 36
    ) -> [UInt8] {
        var body: [UInt8] = []
        if let type { body.append(bigEndian: type) }
        body += [UInt8](repeating: 0, count: padding)
        return Header(flags: flags, suite: suite, nonce: 1, bodyCount: body.count).encoded + body
    }

    @Test("Of all flags and types in clear, those of the table and no others are taken", arguments: Suite.allCases)
    func clearMatrix(suite: Suite) {
        let allowed: [UInt16: Set<UInt8>] = [
            1: [0x80, 0x94], 2: [0x88], 3: [0x80], 4: [0x88], 5: [0x88], 9: [0x88], 10: [0x80], 0x10: [0xB0],
            0x13: [0xB0],
        ]
        for raw in UInt8.min ... .max where raw & 0x40 == 0 {
            for type in UInt16(0)...0x48 {
                let flags = HeaderFlags(rawValue: raw)
                let got = DatagramClass(datagram(flags, suite, type: type))
                let taken = if case .clear = got { true } else { false }
                #expect(taken == (allowed[type]?.contains(raw) ?? false), "flags \(raw), type \(type)")
                if raw & 0x80 == 0 { #expect(got == .refused(.clearData)) }
            }
        }
    }

    @Test("Sealed messages have the extension header in the hardened suites and only there", arguments: Suite.allCases)
    func sealedMatrix(suite: Suite) {
        for raw in UInt8.min ... .max where raw & 0x40 != 0 {
            let flags = HeaderFlags(rawValue: raw)
            let got = DatagramClass(datagram(flags, suite))
            if flags.contains(.extended) == suite.isHardened {
                #expect(got == .sealed(Header(flags: flags, suite: suite, nonce: 1, bodyCount: 36)))
            } else {
                #expect(got == .refused(.envelope))
            }
        }
    }

    @Test("A sealed message has room for what its envelope holds")
    func room() {
        #expect(DatagramClass(datagram([.encrypted, .extended], .hardenedAESGCM, padding: 35)) == .refused(.short))
        #expect(DatagramClass(datagram(.encrypted, .classic, padding: 27)) == .refused(.short))
        let least = datagram(.encrypted, .classic, padding: 28)
        #expect(DatagramClass(least) == .sealed(Header(flags: .encrypted, suite: .classic, nonce: 1, bodyCount: 28)))
    }

    @Test("What is no SUPnP goes to the plain path, what is broken SUPnP does not")
    func plain() {
        #expect(DatagramClass(Array("NOTIFY * HTTP/1.1\r\n\r\n".utf8)) == .plain(.magic))
        #expect(DatagramClass([]) == .plain(.short))
        #expect(DatagramClass(datagram(.control, .classic, padding: 0)) == .refused(.type(.noType)))
        #expect(DatagramClass(datagram(.control, .classic, type: 0x7777)) == .refused(.type(.unknownType(0x7777))))
        #expect(DatagramClass(datagram(.control, .classic, type: 6)) == .refused(.clearControl(.leave)))
        #expect(
            DatagramClass(datagram(.control, .classic, type: 2))
                == .refused(.flags(.registrationReply, .control)))
    }

    @Test("Random bytes are plain, with and without the magic")
    func noise() {
        var random = SeededGenerator(seed: 32)
        for _ in 0..<20_000 {
            var bytes = random.bytes(.random(in: 0...60, using: &random))
            if bytes.count > 4, Bool.random(using: &random) { bytes.replaceSubrange(0..<2, with: [0x5E, 0xC1]) }
            guard case .plain = DatagramClass(bytes) else {
                Issue.record("taken: \(bytes)")
                continue
            }
        }
    }
}
