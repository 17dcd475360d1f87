import GroupKeys
import Testing

@testable import SUPnP

/// `spake2plus.json`: the vector of RFC 9383, appendix C, and what becomes of setup codes.
struct SPAKE2PlusVectors: Encodable {
    struct Run: Encodable {
        let name: String
        let context: String
        let idProver: String
        let idVerifier: String
        let w0: Hexadecimal
        let w1: Hexadecimal
        let l: Hexadecimal
        let x: Hexadecimal
        let y: Hexadecimal
        let shareP: Hexadecimal
        let shareV: Hexadecimal
        let confirmP: Hexadecimal
        let confirmV: Hexadecimal
        let sharedKey: Hexadecimal
    }

    struct Code: Encodable {
        let name: String
        let code: String
        let deviceID: String
        let groupID: Hexadecimal
        let salt: Hexadecimal
        let kdf: UInt8
        let w0: Hexadecimal
        let w1: Hexadecimal
        let l: Hexadecimal
    }

    let runs: [Run]
    let codes: [Code]

    static func made() throws -> SPAKE2PlusVectors {
        SPAKE2PlusVectors(
            runs: [try standard()],
            codes: [
                try code("scrypt", "0123456789", device: "lamp", .scrypt15),
                try code("PBKDF2, and an id beyond ASCII", "ZXTK7-M0RQ4", device: "Küche", .pbkdf2),
            ])
    }

    private static func standard() throws -> Run {
        let prover = try SPAKE2PlusProver(RFC9383.identities, secrets: RFC9383.secrets, x: RFC9383.x)
        let share = prover.share
        let verifier = SPAKE2PlusVerifier(RFC9383.identities, record: try RFC9383.record, y: RFC9383.y)
        let answer = try verifier.answer(shareP: share)
        let proof = try prover.finish(shareV: answer.shareV, confirmV: answer.confirmV)
        return Run(
            name: "RFC 9383, appendix C", context: String(decoding: RFC9383.identities.context, as: UTF8.self),
            idProver: "client", idVerifier: "server", w0: Hexadecimal(try RFC9383.secrets.w0.exposed),
            w1: Hexadecimal(try RFC9383.secrets.w1.exposed), l: Hexadecimal(RFC9383.l),
            x: Hexadecimal(RFC9383.x.exposed), y: Hexadecimal(RFC9383.y.exposed), shareP: Hexadecimal(share),
            shareV: Hexadecimal(answer.shareV), confirmP: Hexadecimal(proof.confirmP),
            confirmV: Hexadecimal(answer.confirmV), sharedKey: Hexadecimal(proof.sharedKey.exposed))
    }

    private static func code(
        _ name: String, _ text: String, device: String, _ derivation: PasswordDerivation
    ) throws -> Code {
        let code = try #require(SetupCode(text))
        let group = Array<UInt8>(0xA0..<0xB0)
        let salt = Array<UInt8>(0x50..<0x60)
        let work = PasswordDerivationWork(
            derivation, code: code.bytes, deviceID: Array(device.utf8), groupID: group, salt: salt)
        let secrets = try #require(work.run().secrets)
        let record = try #require(secrets.record)
        return Code(
            name: name, code: String(decoding: code.bytes.exposed, as: UTF8.self), deviceID: device,
            groupID: Hexadecimal(group), salt: Hexadecimal(salt), kdf: derivation.rawValue,
            w0: Hexadecimal(secrets.w0.exposed), w1: Hexadecimal(secrets.w1.exposed), l: Hexadecimal(record.l))
    }
}

@Suite("Vectors of SPAKE2+")
struct SPAKE2PlusVectorTests {
    @Test
    func `The vectors of SPAKE2+ are what this code makes`() throws {
        try VectorFile.check("spake2plus", try SPAKE2PlusVectors.made())
    }
}
