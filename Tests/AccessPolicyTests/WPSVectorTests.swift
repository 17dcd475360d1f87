import Foundation
import NetworkTypes
import Testing

@testable import AccessPolicy

@Suite("An introduction that another implementation has written down")
struct WPSVectorTests {
    private struct Vectors: Decodable {
        let pin: String
        let drawn: [String: String]
        let keys: String
        let messages: [String]
    }

    /// Gives the bytes of the file in place of random ones.
    private struct Script: RandomNumberGenerator {
        var rest: ArraySlice<UInt8>

        mutating func next() -> UInt64 { UInt64(rest.popFirst() ?? 0) }
    }

    private func load() throws -> Vectors {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Vectors/wps/introduction.json")
        return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
    }

    @Test("Both sides write every message of it byte for byte")
    func messages() throws {
        let vectors = try load()
        let pin = WPSPassword.pin(try #require(WPSPIN(vectors.pin)))
        let messages = try vectors.messages.map { try #require(WPSTests.hex($0)) }
        let device = DeviceProtectionID(certificateDER: Array("device".utf8))
        let controlPoint = DeviceProtectionID(certificateDER: Array("control point".utf8))
        var ours = Script(rest: try #require(WPSTests.hex(vectors.drawn["enrollee"] ?? ""))[...])
        var enrollee = try #require(
            WPSEnrollee(
                device: WPSParty(id: device, name: "Gateway"), controlPoint: controlPoint, password: pin, using: &ours))
        #expect(enrollee.receive([], using: &ours) == .answer(messages[0]))
        #expect(enrollee.receive(messages[1], using: &ours) == .answer(messages[2]))
        #expect(enrollee.receive(messages[3], using: &ours) == .answer(messages[4]))
        #expect(enrollee.receive(messages[5], using: &ours) == .answer(messages[6]))
        #expect(enrollee.receive(messages[7], using: &ours) == .introduced(messages[8]))
        var theirs = Script(rest: try #require(WPSTests.hex(vectors.drawn["registrar"] ?? ""))[...])
        var registrar = try #require(
            WPSRegistrar(
                controlPoint: WPSParty(id: controlPoint, name: "Phone"), device: device, password: pin, using: &theirs))
        #expect(registrar.receive(messages[0], using: &theirs) == .answer(messages[1]))
        #expect(registrar.receive(messages[2], using: &theirs) == .answer(messages[3]))
        #expect(registrar.receive(messages[4], using: &theirs) == .answer(messages[5]))
        #expect(registrar.receive(messages[6], using: &theirs) == .answer(messages[7]))
        #expect(registrar.receive(messages[8], using: &theirs) == .introduced([]))
    }
}
