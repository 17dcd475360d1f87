import Crypto
import GroupKeys
import SUPnP
import Testing

/// A hardened registration as somebody on the network hears it, and what can be tried with it afterwards.
struct HardenedRecording {
    let sent: [RegistrationLab.Datagram]
    private let salt: [UInt8]
    private let identities: SPAKE2Plus.Identities
    private let transcript: [UInt8]
    private let shareP: [UInt8]
    private let shareV: [UInt8]
    private let confirmP: [UInt8]
    private let confirmV: [UInt8]
    private let sealed: [UInt8]

    init() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.start()
        lab.run()
        sent = lab.sent
        let bodies = sent.map { Array($0.bytes.dropFirst(12)) }
        let sequence = Array(sent[0].bytes[6..<8])
        salt = try #require(sent[1].message?[.salt])
        let th = sha256(Array("supnp1 th".utf8) + sequence + sha256(bodies[0]) + sha256(bodies[1]))
        identities = SPAKE2Plus.Identities(
            context: Array("SUPnP1-PAKE-P256".utf8) + th, prover: Array("lamp".utf8),
            verifier: RegistrationLab.groupID)
        transcript = sha256(th + bodies[2] + bodies[3] + bodies[4])
        shareP = try #require(sent[2].message?[.shareP])
        shareV = try #require(sent[3].message?[.shareV])
        confirmV = try #require(sent[3].message?[.confirmV])
        confirmP = try #require(sent[4].message?[.confirmP])
        sealed = try #require(sent[5].message?[.sealed])
    }

    /// Whether a guess at the code, with secrets of the attacker's own in the place of x and y, comes to one of the
    /// confirmations that were heard.
    func isConfirmed(by guess: String) throws -> Bool {
        let secrets = try secrets(guess)
        let record = try #require(secrets.record)
        let prover = try SPAKE2PlusProver(identities, secrets: secrets, x: RFC9383.x)
        let asDevice = (try? prover.finish(shareV: shareV, confirmV: confirmV)) != nil
        let answer = try SPAKE2PlusVerifier(identities, record: record, y: RFC9383.y).answer(shareP: shareP)
        return asDevice || answer.accept(confirmP) != nil || answer.confirmV == confirmV
    }

    /// Whether REG_DONE opens under a key that follows from the code.
    func isOpened(by guess: String) throws -> Bool {
        let prover = try SPAKE2PlusProver(identities, secrets: try secrets(guess), x: RFC9383.x)
        let proof = try prover.finish(shareV: shareV, confirmV: confirmV, checking: false)
        return opens(under: proof.sharedKey)
    }

    private func opens(under shared: SecretBytes) -> Bool {
        let key = MasterSecret(sharedKey: shared, transcript: transcript).finishKey
        let data: [UInt8] = [0, 4] + Array("lamp".utf8) + transcript
        guard let box = try? AES.GCM.SealedBox(combined: sealed) else { return false }
        return (try? AES.GCM.open(box, using: SymmetricKey(data: key.exposed), authenticating: data)) != nil
    }

    private func secrets(_ guess: String) throws -> ProverSecrets {
        let code = try #require(SetupCode(guess))
        return try #require(
            PasswordDerivationWork(
                .testOnly, code: code.bytes, deviceID: Array("lamp".utf8), groupID: RegistrationLab.groupID,
                salt: salt
            ).run().secrets)
    }
}
