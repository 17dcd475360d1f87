import Crypto
import GroupKeys
import SUPnP

/// What holds for every sealed datagram.
///
/// The first byte of an input says what the others are: 0 a datagram as it came, 1 the plaintext of one that a peer
/// seals, 2 the plaintext of a broadcast that another member seals, 3 the counters of authentic datagrams.
enum SUPnPChannelProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let mode = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch mode % 4 {
        case 0: try checkForged(bytes)
        case 1: try checkPlaintext(bytes)
        case 2: try checkUnsigned(bytes)
        default: try checkCounters(bytes)
        }
    }

    private static func checkForged(_ datagram: [UInt8]) throws(BrokenProperty) {
        if let message = try? UnverifiedClassicMessage(datagram) {
            try expect(
                message.header.suite == .classic && message.header.flags.contains(.encrypted), "a classic envelope")
        }
        guard let message = try? UnverifiedMessage(datagram) else { return }
        var written = message.header.encoded
        message.envelope.encode(into: &written)
        try expect(written == Array(datagram.prefix(32)), "an envelope has one encoding")
        let peers = ChannelPeers()
        let opened = try? peers.member.open(message, now: peers.start)
        try expect(opened == nil, "a datagram opens that nobody has sealed")
        let outcome = try? peers.receiver().receive(message, now: peers.start)
        if case .opened = outcome { throw BrokenProperty("a broadcast opens that nobody has sealed") }
    }

    private static func checkPlaintext(_ text: [UInt8]) throws(BrokenProperty) {
        guard text.count <= 1_152 else { return }
        let peers = ChannelPeers()
        let datagram = peers.sealed(text, counter: 5)
        guard let message = try? UnverifiedMessage(datagram) else {
            throw BrokenProperty("an envelope of ours is refused")
        }
        let opened = try? peers.member.open(message, now: peers.start)
        let frame = try? Frame(text[...])
        try expect(opened?.frame == frame, "what is opened is what was sealed")
        try expect((try? peers.member.open(message, now: peers.start)) == nil, "a datagram opens once")
    }

    private static func checkUnsigned(_ text: [UInt8]) throws(BrokenProperty) {
        guard text.count <= 1_152 else { return }
        let peers = ChannelPeers()
        guard let message = try? UnverifiedMessage(peers.sealedBroadcast(text)) else {
            throw BrokenProperty("an envelope of ours is refused")
        }
        // The proof of another message of the forwarder does not fit: both headers are signed.
        let outcome = try? peers.receiver().receive(message, now: peers.start)
        if case .opened = outcome { throw BrokenProperty("a broadcast passes that the forwarder has not signed") }
    }

    /// Counters as the input steps them, held against a set of those that were accepted.
    private static func checkCounters(_ steps: [UInt8]) throws(BrokenProperty) {
        let peers = ChannelPeers()
        var counter: UInt64 = 1 << 20
        var highest: UInt64?
        var accepted: Set<UInt64> = []
        for index in stride(from: 0, to: min(steps.count, 200) - 1, by: 2) {
            let step = UInt64(steps[index]) << 8 | UInt64(steps[index + 1])
            counter = step < 0x8000 ? counter + step % 3_000 : counter - step % 3_000
            guard let message = try? UnverifiedMessage(peers.sealed([0, 1], counter: counter)) else {
                throw BrokenProperty("an envelope of ours is refused")
            }
            let isOpened = (try? peers.member.open(message, now: peers.start)) != nil
            let isNew = !accepted.contains(counter) && highest.map { counter + 1_024 >= $0 } ?? true
            try expect(isOpened == isNew, "the window accepts each counter once: \(counter) after \(highest ?? 0)")
            if isOpened {
                accepted.insert(counter)
                highest = max(highest ?? 0, counter)
            }
        }
    }
}

/// What holds for every sequence of segments: `u8 kind ‖ u8 time ‖ u16 length ‖ plaintext`, one after the other.
enum SUPnPSegmentProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        let peers = ChannelPeers()
        var limits = MessageAssembler.Limits()
        limits.bytes = 4_096
        limits.messagesPerKey = 4
        var assembler = MessageAssembler(limits)
        var now = peers.start
        var reader = ByteReader(input)
        var counter: UInt64 = 0
        var sent = 0
        while let kind: UInt8 = reader.read(), let time: UInt8 = reader.read(), let length: UInt16 = reader.read(),
            counter < 100
        {
            now += .milliseconds(Int(time))
            guard let text = reader.read(count: min(Int(length), reader.remaining, 1_152)) else { return }
            let datagram = peers.sealed(text, counter: counter, isControl: kind & 1 == 1)
            counter += 1
            guard let message = try? UnverifiedMessage(datagram),
                let opened = try? peers.member.open(message, now: now)
            else { continue }
            sent += text.count
            if case .whole(let whole) = assembler.receive(opened, now: now) {
                try expect(!whole.body.isEmpty && whole.body.count <= sent, "a message is made of what was sent")
                try expect(whole.body.count <= Frame.messageLimit, "a message is bounded")
                try expect(whole.kind.isControl == (kind & 1 == 1), "segments of one kind make a message of it")
            }
            try expect(0...limits.bytes ~= assembler.byteCount, "what waits is bounded: \(assembler.byteCount)")
        }
        assembler.expire(now: now + limits.patience)
        try expect(assembler.byteCount == 0 && assembler.nextDeadline == nil, "what waits goes with its time")
    }
}

/// What holds for every data message.
enum SUPnPPayloadProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let payload = try? DataPayload(decoding: input) else { return }
        try expect((try? payload.encoded()) == input, "a data message has one encoding: \(payload)")
        try expect(input.count <= DataPayload.lengthLimit, "a data message is bounded")
        switch payload {
        case .request(let request):
            try check(request.service, request.windowMilliseconds)
            try expect(request.maximumAnswers <= DataPayload.answerLimit, "the number of answers is bounded")
        case .broadcast(let broadcast):
            try check(broadcast.service, broadcast.windowMilliseconds)
            try expect(broadcast.id.controller != nil, "a forwarder's number names it")
        default: return
        }
    }

    private static func check(_ service: String, _ window: UInt32) throws(BrokenProperty) {
        try expect(1...DataPayload.serviceLimit ~= service.utf8.count, "a service's name is bounded")
        try expect(DataPayload.windows.contains(window), "a window is bounded")
    }
}
