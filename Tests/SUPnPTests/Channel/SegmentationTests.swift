import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Segments")
struct SegmentationTests {
    @Test("A message that fits is whole, and one that does not is cut into as few segments as will hold it")
    func frames() throws {
        #expect(try Frame.frames(of: [7, 8], room: 3, message: 1) == [[0, 7, 8]])
        let frames = try Frame.frames(of: [7, 8, 9], room: 7, message: 0x0102)
        #expect(frames == [[0, 7, 8, 9]])
        let cut = try Frame.frames(of: Array(0..<8), room: 8, message: 0x0102)
        #expect(cut == [[1, 0, 3, 1, 2, 0, 1, 2], [1, 1, 3, 1, 2, 3, 4, 5], [1, 2, 3, 1, 2, 6, 7]])
        #expect(throws: ChannelFault.empty) { try Frame.frames(of: [], room: 100, message: 0) }
        #expect(throws: ChannelFault.tooLong) { try Frame.frames(of: [1, 2, 3], room: 3, message: 0) }
        #expect(throws: ChannelFault.tooLong) {
            try Frame.frames(of: [UInt8](repeating: 0, count: 65), room: 6, message: 0)
        }
        #expect(try Frame.frames(of: [UInt8](repeating: 0, count: 64), room: 6, message: 0).count == 64)
    }

    @Test("Every frame that is written is read, and nothing else is")
    func reading() throws {
        for body in [1, 2, 900, 5_000, 65_536] {
            for frame in try Frame.frames(of: [UInt8](repeating: 1, count: body), room: 1_152, message: 9) {
                _ = try Frame(frame[...])
            }
        }
        #expect(throws: FrameError.empty) { try Frame([]) }
        #expect(throws: FrameError.empty) { try Frame([0]) }
        #expect(throws: FrameError.kind) { try Frame([2, 1]) }
        #expect(throws: FrameError.empty) { try Frame([1, 0, 2, 0, 0]) }
        #expect(throws: FrameError.count) { try Frame([1, 0, 1, 0, 0, 9]) }
        #expect(throws: FrameError.count) { try Frame([1, 0, 65, 0, 0, 9]) }
        #expect(throws: FrameError.count) { try Frame([1, 2, 2, 0, 0, 9]) }
        #expect(throws: FrameError.count) { try Frame([1, 0, 0, 0, 0, 9]) }
    }

    @Test("A message of up to 65,536 bytes is put together in any order")
    func assembly() throws {
        for (length, seed) in [(1_152, 1), (9_000, 2), (65_536, 3)] as [(Int, UInt64)] {
            var bench = try Bench()
            var random = SeededGenerator(seed: seed)
            let body = random.bytes(length)
            let opened = try bench.open(bench.member.seal(body, .data)).shuffled(using: &random)
            for message in opened.dropLast() { #expect(bench.receive(message) == "waiting") }
            #expect(bench.receive(opened[opened.count - 1]) == "whole \(length)")
            #expect(bench.last == body)
            #expect(bench.assembler.byteCount == 0)
            #expect(bench.assembler.nextDeadline == nil)
        }
    }

    @Test("Segments of two long messages do not mix, however they come")
    func interleaved() throws {
        var bench = try Bench()
        let bodies = [SeededGenerator.bytes(5_000, seed: 1), SeededGenerator.bytes(5_000, seed: 2)]
        let opened = try bodies.map { try bench.open(bench.member.seal($0, .data)) }
        var whole: [[UInt8]] = []
        for message in zip(opened[0], opened[1]).flatMap({ [$0, $1] })
        where bench.receive(message) == "whole 5000" { whole.append(bench.last) }
        #expect(whole == bodies)
    }

    @Test("A segment that comes again in another datagram is ignored")
    func duplicate() throws {
        var bench = try Bench()
        let opened = try bench.seal(frames: [
            segment(0, of: 2, message: 1, [1]), segment(0, of: 2, message: 1, [9]), segment(1, of: 2, message: 1, [2]),
        ])
        #expect(opened.map { bench.receive($0) } == ["waiting", "duplicate", "whole 2"])
        #expect(bench.last == [1, 2])
    }

    @Test("A segment that contradicts the others takes the message with it")
    func contradiction() throws {
        var bench = try Bench()
        let opened = try bench.seal(frames: [
            segment(0, of: 2, message: 1, [1]), segment(1, of: 3, message: 1, [2]), segment(1, of: 2, message: 1, [2]),
        ])
        #expect(opened.map { bench.receive($0) } == ["waiting", "contradiction", "waiting"])
    }

    @Test("Segments of another kind, message or key do not mix")
    func apart() throws {
        var bench = try Bench()
        let piece = segment(0, of: 2, message: 1, [1])
        let other = segment(1, of: 2, message: 1, [2])
        let first = try bench.seal(frames: [piece])
        let control = try bench.seal(frames: [other], .control)
        let message = try bench.seal(frames: [segment(1, of: 2, message: 2, [2])])
        let next = try Bench(generation: 1)
        let generation = try next.seal(frames: [other])
        for opened in first + control + message + generation { #expect(bench.receive(opened) == "waiting") }
    }

    @Test("A message is given up 2 s after its first segment")
    func patience() throws {
        var bench = try Bench()
        let opened = try bench.seal(frames: [
            segment(0, of: 3, message: 1, [1]), segment(1, of: 3, message: 1, [1]), segment(2, of: 3, message: 1, [1]),
        ])
        #expect(bench.receive(opened[0]) == "waiting")
        #expect(bench.assembler.nextDeadline == bench.now + .seconds(2))
        bench.now += .milliseconds(1_999)
        #expect(bench.receive(opened[1]) == "waiting")
        bench.now += .milliseconds(1)
        #expect(bench.receive(opened[2]) == "waiting")
        bench.now += .seconds(2)
        bench.assembler.expire(now: bench.now)
        #expect(bench.assembler.byteCount == 0)
    }

    @Test("A key has 32 messages in the making; the oldest makes room")
    func messages() throws {
        var bench = try Bench()
        let first = try bench.seal(frames: (0..<33).map { segment(0, of: 2, message: $0, [1]) })
        let second = try bench.seal(frames: [1, 0].map { segment(1, of: 2, message: $0, [2]) })
        for opened in first {
            bench.now += .milliseconds(1)
            #expect(bench.receive(opened) == "waiting")
        }
        #expect(bench.receive(second[0]) == "whole 2")
        #expect(bench.receive(second[1]) == "waiting")
    }

    @Test("A message longer than 65,536 bytes is given up")
    func tooLong() throws {
        var bench = try Bench()
        let piece = [UInt8](repeating: 0, count: 33_000)
        let opened = try bench.seal(frames: [
            segment(0, of: 3, message: 1, piece), segment(1, of: 3, message: 1, piece),
        ])
        #expect(opened.map { bench.receive($0) } == ["waiting", "contradiction"])
        #expect(bench.assembler.byteCount == 0)
    }

    @Test("All keys together hold no more than the limit, and what is out of date makes room")
    func budget() throws {
        var limits = MessageAssembler.Limits()
        limits.bytes = 1_000
        var bench = try Bench(limits: limits)
        let opened = try bench.seal(
            frames: (0..<8).map { segment(0, of: 2, message: $0, [UInt8](repeating: 0, count: 200)) })
        // Each of them counts 200 bytes of text and twice 64 for its places.
        #expect(opened.prefix(4).map { bench.receive($0) } == ["waiting", "waiting", "waiting", "full"])
        #expect(bench.assembler.byteCount == 984)
        bench.now += .seconds(3)
        #expect(opened.suffix(4).map { bench.receive($0) } == ["waiting", "waiting", "waiting", "full"])
        #expect(bench.assembler.byteCount == 984)
    }

    @Test("Whatever an authentic peer sends, the limits hold and complete messages are right")
    func hostile() throws {
        for seed in 1...5 as ClosedRange<UInt64> {
            var limits = MessageAssembler.Limits()
            limits.bytes = 20_000
            var bench = try Bench(limits: limits)
            var random = SeededGenerator(seed: seed)
            for _ in 0..<2_000 {
                let count = Int.random(in: 2...64, using: &random)
                let frame = segment(
                    Int.random(in: 0..<count, using: &random), of: count,
                    message: UInt16.random(in: 0..<40, using: &random),
                    [UInt8](repeating: 1, count: Int.random(in: 1...600, using: &random)))
                bench.now += .milliseconds(Int.random(in: 0...30, using: &random))
                for opened in try bench.seal(frames: [frame]) { _ = bench.receive(opened) }
                #expect(0...20_000 ~= bench.assembler.byteCount, "seed \(seed)")
            }
            bench.assembler.expire(now: bench.now + .seconds(2))
            #expect(bench.assembler.byteCount == 0, "seed \(seed)")
        }
    }

    private func segment(_ index: Int, of count: Int, message: UInt16, _ piece: [UInt8]) -> [UInt8] {
        [1, UInt8(index), UInt8(count), UInt8(message >> 8), UInt8(message & 0xFF)] + piece
    }
}

/// A member that seals what it likes, and a controller that puts it together.
private struct Bench {
    let fixture: ChannelFixture
    let member: PairwiseChannel
    let key: SealingKey
    let opening: OpeningKey
    let controller: PairwiseChannel
    var assembler: MessageAssembler
    var now: ContinuousClock.Instant
    var last: [UInt8] = []

    init(generation: UInt32 = 0, limits: MessageAssembler.Limits = .init()) throws {
        fixture = try ChannelFixture()
        member = try fixture.channel(.member, generation: generation)
        controller = try fixture.channel(.controller, generation: generation)
        var random = SeededGenerator(seed: UInt64(generation) + 77)
        let secret = SecretBytes(count: 32, using: &random)
        let scope = KeyScope.pairwise(try fixture.parties, generation: generation, direction: .toController)
        key = try SealingKey(scope, key: secret)
        opening = try OpeningKey(scope, key: secret)
        assembler = MessageAssembler(limits)
        now = fixture.start
    }

    func open(_ datagrams: [[UInt8]]) throws -> [OpenedMessage] {
        try datagrams.map { try controller.open(UnverifiedMessage($0), now: now) }
    }

    func seal(frames: [[UInt8]], _ kind: MessageKind = .data) throws -> [OpenedMessage] {
        try frames.map { try opening.open(UnverifiedMessage(key.seal(frame: $0, kind))) }
    }

    mutating func receive(_ opened: OpenedMessage) -> String {
        switch assembler.receive(opened, now: now) {
        case .whole(let message):
            last = message.body
            return "whole \(message.body.count)"
        case .waiting: return "waiting"
        case .duplicate: return "duplicate"
        case .contradiction: return "contradiction"
        case .full: return "full"
        }
    }
}
