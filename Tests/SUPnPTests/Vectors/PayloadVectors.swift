import Crypto
import GroupKeys
import Testing

@testable import SUPnP

/// `payload.json`: data messages of every kind, and some that are refused.
struct PayloadVectors: Encodable {
    struct Case: Encodable {
        let name: String
        let bytes: Hexadecimal
        let kind: Int
        let flags: Int
        let windowMs: Int
        let id: Hexadecimal
        let alias: UInt32
        let service: String
        let payload: Hexadecimal
    }

    struct Refused: Encodable {
        let name: String
        let bytes: Hexadecimal
    }

    let payloads: [Case]
    let refused: [Refused]

    private static let service = "urn:schemas-upnp-org:service:SwitchPower:1"

    static func made() throws -> PayloadVectors {
        let controller = try VectorKeys.controller
        let number = try #require(DataPayload.ForwardID(controller, counter: 0x0102_0304_0506))
        let request = DataPayload.request(
            .init(
                id: 0x1122_3344_5566_7788, service: service, maximumAnswers: 3, lowestSuite: .hardened,
                payload: Array("on?".utf8)))
        let broadcast = DataPayload.broadcast(
            .init(
                id: number, alias: 9, service: service, windowMilliseconds: 2_000, isFromHardened: true,
                payload: Array("on?".utf8)))
        let answer = DataPayload.Answer(
            id: number.rawValue, alias: 1, isLast: true, payload: Array("yes".utf8))
        let delivered = DataPayload.Answer(id: 5, alias: 2, isLast: false, payload: [])
        return PayloadVectors(
            payloads: [
                try described("a request", request, 0, 6, 2_000, 0x1122_3344_5566_7788, 1, service, "on?"),
                try described("a broadcast", broadcast, 1, 0x80, 2_000, number.rawValue, 9, service, "on?"),
                try described("an answer", .answer(answer), 2, 1, 0, number.rawValue, 1, "", "yes"),
                try described("a delivered answer", .deliver(delivered), 3, 0, 0, 5, 2, "", ""),
                try described("accepted", .accepted(id: 6), 4, 0, 0, 6, 0, "", ""),
                try described(
                    "complete", .complete(id: 7, answers: 0x4141, reason: 0x0041), 5, 0, 0, 7, 0, "", "AA\0A"),
                try described("refused", .refused(id: 8, reason: 0x0042), 6, 0, 0, 8, 0, "", "\0B"),
            ],
            refused: [
                ("nineteen bytes", "00" + zeros(18)), ("an unknown kind", "07" + zeros(19)),
                ("a service that is cut off", "0000 0002 000007D0" + zeros(12) + "61"),
                ("a request without a service", "0000 0000 000007D0" + zeros(12)),
                ("a window of 49 ms", "0000 0001 00000031" + zeros(12) + "61"),
                ("a request for suite 2 at least", "0000 0001 000007D0" + zeros(8) + "00000002 61"),
                ("an answer with a window", "0200 0000 00000001" + zeros(12)),
                ("an acceptance with a payload", "0400 0000 00000000" + zeros(12) + "00"),
                ("a broadcast of controller 0", "0100 0001 000007D0" + zeros(12) + "61"),
                ("a service that is not UTF-8", "0000 0001 000007D0" + zeros(12) + "FF"),
            ].map { Refused(name: $0.0, bytes: Hexadecimal($0.1)) })
    }

    private static func zeros(_ count: Int) -> String { String(repeating: "00", count: count) }

    private static func described(
        _ name: String, _ payload: DataPayload, _ kind: Int, _ flags: Int, _ window: Int, _ id: UInt64,
        _ alias: UInt32, _ service: String, _ text: String
    ) throws -> Case {
        Case(
            name: name, bytes: Hexadecimal(try payload.encoded()), kind: kind, flags: flags, windowMs: window,
            id: Hexadecimal(withUnsafeBytes(of: id.bigEndian) { Array($0) }), alias: alias, service: service,
            payload: Hexadecimal(Array(text.utf8)))
    }
}

@Suite("Vectors of data messages")
struct PayloadVectorsTests {
    @Test
    func `The data messages' vectors are what this code makes`() throws {
        let vectors = try PayloadVectors.made()
        try VectorFile.check("payload", vectors)
        for one in vectors.refused {
            #expect(throws: DataPayloadError.self, "\(one.name)") { try DataPayload(decoding: one.bytes.bytes) }
        }
    }
}
