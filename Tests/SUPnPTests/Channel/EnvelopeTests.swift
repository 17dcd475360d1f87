import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// One encoding of each message: whatever else the headers say is refused before a key is tried, with its reason.
@Suite("Envelopes of sealed datagrams")
struct EnvelopeTests {
    private struct Change {
        let offset: Int
        let bytes: [UInt8]
        let error: EnvelopeError

        init(_ offset: Int, _ bytes: [UInt8], _ error: EnvelopeError) {
            self.offset = offset
            self.bytes = bytes
            self.error = error
        }
    }

    // Flags: C 80, E 40, S 20, B 10, R 08, F 04, G 02, X 01.
    private static let pairwise = [
        Change(2, [0xC0], .flags), Change(2, [0xD1], .flags), Change(2, [0xC5], .flags), Change(2, [0xC3], .flags),
        Change(4, [0, 0], .keyID), Change(4, [0xFF, 0xFF], .keyID), Change(7, [9], .nonce), Change(27, [9], .nonce),
        Change(16, [0, 0, 0, 0], .sender), Change(16, [0, 0, 0, 7], .flags), Change(21, [1], .counter),
        Change(20, [1], .counter), Change(28, [0], .keyKind(0)), Change(28, [3], .keyKind(3)), Change(28, [2], .flags),
        Change(29, [1], .reserved),
    ]
    private static let broadcast = [
        Change(2, [0x56], .flags), Change(2, [0x53], .flags), Change(2, [0x55], .flags), Change(2, [0x47], .flags),
        Change(2, [0x5F], .flags), Change(2, [0x77], .flags), Change(4, [0, 6], .keyID), Change(7, [9], .nonce),
        Change(16, [0, 0, 0, 0], .sender), Change(16, [0, 1, 0, 0], .flags), Change(28, [1], .flags),
        Change(29, [0x80], .reserved),
    ]

    @Test("Of a pairwise message every field has one meaning")
    func pairwise() throws {
        let datagram = try ChannelFixture().channel(.member).seal([1], .control)[0]
        #expect(datagram[2] == 0xC1)
        check(datagram, Self.pairwise)
    }

    @Test("Of a broadcast every field has one meaning, and its sender is a controller")
    func broadcast() throws {
        let datagram = try ChannelFixture().sender(epoch: 5).seal([1])[0]
        #expect(datagram[2] == 0x57)
        check(datagram, Self.broadcast)
        // A member as the sender, with the flags that go with it.
        var asMember = datagram
        asMember[2] = 0x53
        asMember.replaceSubrange(16..<20, with: [0, 1, 0, 0])
        #expect(refusal(asMember.withChecksum) == .envelope(.sender))
    }

    @Test("Of a classic message every field has one meaning")
    func classic() throws {
        var random = SeededGenerator(seed: 9)
        let scope = ClassicScope(keyID: 3, isGroupKey: false, direction: .toController)
        let key = try ClassicSealingKey(
            scope, key: SecretBytes([UInt8](repeating: 1, count: 32)), sender: 3, using: &random)
        let datagram = try key.seal([1], .data)
        let changes = [
            Change(2, [0x41], .flags), Change(12, [3], .keyKind(3)), Change(13, [1], .reserved),
            Change(14, [0, 0], .sender), Change(6, [~datagram[6]], .nonce), Change(23, [~datagram[23]], .nonce),
        ]
        for change in changes {
            let refused = SUPnPTests.refusal { () throws(ChannelRefusal) in
                _ = try UnverifiedClassicMessage(Self.changed(datagram, change))
            }
            #expect(refused == .envelope(change.error), "offset \(change.offset), \(change.bytes)")
        }
    }

    private func check(_ datagram: [UInt8], _ changes: [Change]) {
        #expect(refusal(datagram) == nil)
        for change in changes {
            #expect(
                refusal(Self.changed(datagram, change)) == .envelope(change.error),
                "offset \(change.offset), \(change.bytes)")
        }
    }

    private func refusal(_ datagram: [UInt8]) -> ChannelRefusal? {
        SUPnPTests.refusal { () throws(ChannelRefusal) in _ = try UnverifiedMessage(datagram) }
    }

    private static func changed(_ datagram: [UInt8], _ change: Change) -> [UInt8] {
        var copy = datagram
        copy.replaceSubrange(change.offset..<change.offset + change.bytes.count, with: change.bytes)
        return copy.withChecksum
    }
}
