import NetworkTypes
import SUPnP
import Testing

@Suite("Data messages")
struct DataPayloadTests {
    private static let service = "urn:schemas-upnp-org:service:SwitchPower:1"

    private static var samples: [DataPayload] {
        let id = DataPayload.ForwardID(rawValue: 0x0007_0000_0000_0001)
        return [
            .request(.init(id: 1, service: service, maximumAnswers: 63, payload: [1, 2])),
            .request(
                .init(
                    id: .max, service: "a", windowMilliseconds: 50, lowestSuite: .classic,
                    payload: [])),
            .answer(.init(id: 0x0007_0000_0000_0001, alias: 2, isLast: true, payload: [1])),
            .deliver(.init(id: 9, alias: 7, isLast: false, payload: [])),
            .accepted(id: 3), .complete(id: 4, answers: 2, reason: 1), .refused(id: 5, reason: 6),
        ]
            + [true, false].compactMap { isHardened in
                id.map {
                    .broadcast(
                        .init(
                            id: $0, alias: 5, service: service, windowMilliseconds: 30_000,
                            isFromHardened: isHardened, payload: [3]))
                }
            }
    }

    @Test("Each kind is read as it was written", arguments: samples)
    func roundTrip(payload: DataPayload) throws {
        let bytes = try payload.encoded()
        #expect(try DataPayload(decoding: bytes) == payload)
        #expect(bytes.count >= DataPayload.headLength)
    }

    @Test("The bytes of a request are those of the specification, 3.10.1")
    func layout() throws {
        let request = DataPayload.Request(
            id: 0x0102_0304_0506_0708, service: "ab", windowMilliseconds: 2_000, maximumAnswers: 5, payload: [9])
        #expect(
            try DataPayload.request(request).encoded() == [
                0, 0x0A, 0, 2, 0, 0, 0x07, 0xD0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0x61, 0x62, 9,
            ])
    }

    @Test("A forwarder's number is its own and a counter of 48 bits")
    func forwardID() throws {
        let controller = try #require(ControllerID(0x0A0B))
        let id = try #require(DataPayload.ForwardID(controller, counter: 0x0102_0304_0506))
        #expect(id.rawValue == 0x0A0B_0102_0304_0506)
        #expect(id.controller == controller)
        #expect(DataPayload.ForwardID(controller, counter: 1 << 48) == nil)
        #expect(DataPayload.ForwardID(rawValue: 5) == nil)
    }

    @Test("There is one encoding of each message: whatever is read is written as the same bytes")
    func canonical() throws {
        var random = SeededGenerator(seed: 8)
        let samples = try Self.samples.map { try $0.encoded() }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = samples.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<min(bytes.count, 24), using: &random)] =
                    [
                        0, 1, 2, 0x80, 0xFF, random.next(),
                    ].randomElement(using: &random) ?? 0
            }
            guard let payload = try? DataPayload(decoding: bytes) else { continue }
            accepted += 1
            #expect(try payload.encoded() == bytes)
        }
        #expect(accepted > 1_000)
    }

    @Test("What is out of bounds is neither written nor read")
    func bounds() throws {
        let request = DataPayload.Request(id: 1, service: "s", payload: [])
        func refused(_ expected: DataPayloadError, _ change: (inout DataPayload.Request) -> Void) {
            var copy = request
            change(&copy)
            #expect(throws: expected) { try DataPayload.request(copy).encoded() }
        }
        refused(.field) { $0.windowMilliseconds = 49 }
        refused(.field) { $0.windowMilliseconds = 30_001 }
        refused(.field) { $0.maximumAnswers = 64 }
        refused(.service) { $0.service = "" }
        refused(.service) { $0.service = String(repeating: "a", count: 256) }
        refused(.tooLong) { $0.payload = [UInt8](repeating: 0, count: 65_516) }
        let bytes = try DataPayload.request(request).encoded()
        func unread(_ expected: DataPayloadError, _ change: (inout [UInt8]) -> Void) {
            var copy = bytes
            change(&copy)
            #expect(throws: expected) { try DataPayload(decoding: copy) }
        }
        unread(.short) { $0.removeLast(2) }
        unread(.short) { $0[3] = 9 }
        unread(.kind(7)) { $0[0] = 7 }
        unread(.field) { $0[1] = 1 }
        unread(.field) { $0[1] = 0x80 }
        unread(.field) { $0[19] = 2 }
        unread(.service) { $0[2] = 1 }
        unread(.service) { $0[20] = 0xFF }
        unread(.tooLong) { $0 += [UInt8](repeating: 0, count: 65_536) }
    }

    @Test("Notices have exactly their words, and no field that they do not use")
    func notices() throws {
        for payload in [
            DataPayload.accepted(id: 1), .complete(id: 1, answers: 2, reason: 3), .refused(id: 1, reason: 2),
        ] {
            let bytes = try payload.encoded()
            #expect(throws: DataPayloadError.payload) { try DataPayload(decoding: bytes + [0]) }
            for index in [1, 4, 16] {
                var wrong = bytes
                wrong[index] = 1
                #expect(throws: DataPayloadError.field) { try DataPayload(decoding: wrong) }
            }
        }
    }
}
