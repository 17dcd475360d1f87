import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

@Suite("SPAKE2+ over P-256")
struct SPAKE2PlusTests {
    @Test("The vector of RFC 9383, appendix C, comes out byte for byte")
    func vector() throws {
        let prover = try SPAKE2PlusProver(RFC9383.identities, secrets: RFC9383.secrets, x: RFC9383.x)
        #expect(prover.share == RFC9383.shareP)
        #expect(try RFC9383.secrets.record?.l == RFC9383.l)
        let verifier = SPAKE2PlusVerifier(RFC9383.identities, record: try RFC9383.record, y: RFC9383.y)
        let answer = try verifier.answer(shareP: RFC9383.shareP)
        #expect(answer.shareV == RFC9383.shareV)
        #expect(answer.confirmV == RFC9383.confirmV)
        let proof = try prover.finish(shareV: answer.shareV, confirmV: answer.confirmV)
        #expect(proof.confirmP == RFC9383.confirmP)
        #expect(proof.sharedKey.exposed == RFC9383.sharedKey)
        #expect(answer.accept(proof.confirmP)?.exposed == RFC9383.sharedKey)
    }

    @Test("A share that is no point of the curve is refused by both sides")
    func badShares() throws {
        var offCurve = RFC9383.shareP
        offCurve[64] ^= 1
        var hybrid = RFC9383.shareP
        hybrid[0] = 6 | hybrid[64] & 1
        let bad: [[UInt8]] = [
            [], [0], [UInt8](repeating: 0, count: 65), offCurve, hybrid, Array(RFC9383.shareP.prefix(64)),
            RFC9383.shareP + [0], [4] + [UInt8](repeating: 0xFF, count: 64),
        ]
        for share in bad {
            #expect(try verifierFailure(shareP: share) == .share)
            #expect(try proverFailure(shareV: share) == .share)
        }
    }

    @Test("A share that is the mask itself, so that the bare share is infinity, is refused by both sides")
    func maskAsShare() throws {
        // w0·M and w0·N, as RFC 9383's own equations give them with x and y zero.
        let w0 = try RFC9383.secrets.w0
        #expect(try verifierFailure(shareP: mask(SPAKE2Plus.m, w0)) == .share)
        #expect(try proverFailure(shareV: mask(SPAKE2Plus.n, w0)) == .share)
    }

    @Test("Secrets that are zero modulo the order are refused")
    func zeroSecrets() throws {
        let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
        let zero = SecretBytes([UInt8](repeating: 0, count: 32))
        #expect(ProverSecrets(w0: zero, w1: try RFC9383.secrets.w1) == nil)
        #expect(ProverSecrets(w0: try RFC9383.secrets.w0, w1: SecretBytes(order)) == nil)
        #expect(VerifierRecord(w0: SecretBytes(order), l: RFC9383.l) == nil)
        #expect(VerifierRecord(w0: try RFC9383.secrets.w0, l: [UInt8](repeating: 4, count: 65)) == nil)
    }

    @Test("Another identity, context, w0 or w1 on one side makes the confirmations differ", arguments: 0..<5)
    func mismatch(change: Int) throws {
        var other = RFC9383.identities
        var secrets = try RFC9383.secrets
        let changed = SecretBytes([UInt8](repeating: 7, count: 32))
        switch change {
        case 0: other.context.append(0)
        case 1: other.prover = Array("clienu".utf8)
        case 2: other.verifier = []
        case 3: secrets = try #require(ProverSecrets(w0: changed, w1: secrets.w1))
        default: secrets = try #require(ProverSecrets(w0: secrets.w0, w1: changed))
        }
        var random = SeededGenerator(seed: 9383)
        let prover = try SPAKE2PlusProver(other, secrets: secrets, using: &random)
        let verifier = SPAKE2PlusVerifier(RFC9383.identities, record: try RFC9383.record, y: RFC9383.y)
        let answer = try verifier.answer(shareP: prover.share)
        do {
            _ = try prover.finish(shareV: answer.shareV, confirmV: answer.confirmV)
            Issue.record("the prover took it")
        } catch {
            #expect(error == .confirmation)
        }
    }

    @Test("A confirmation that is thrown back at its sender is not the one it waits for")
    func reflection() throws {
        let verifier = SPAKE2PlusVerifier(RFC9383.identities, record: try RFC9383.record, y: RFC9383.y)
        let answer = try verifier.answer(shareP: RFC9383.shareP)
        #expect(answer.accept(answer.confirmV) == nil)
        #expect(try proverFailure(shareV: RFC9383.shareP) == .confirmation)
    }

    private func mask(_ point: [UInt8], _ w0: SecretBytes) throws -> [UInt8] {
        guard let scalar = P256Scalar.reducing(w0) else { throw SPAKE2Plus.Failure.secret }
        return P256Point.decode(point)?.times(scalar)?.encoded ?? []
    }

    private func verifierFailure(shareP: [UInt8]) throws -> SPAKE2Plus.Failure? {
        let verifier = SPAKE2PlusVerifier(RFC9383.identities, record: try RFC9383.record, y: RFC9383.y)
        do {
            _ = try verifier.answer(shareP: shareP)
            return nil
        } catch {
            return error
        }
    }

    private func proverFailure(shareV: [UInt8]) throws -> SPAKE2Plus.Failure? {
        let prover = try SPAKE2PlusProver(RFC9383.identities, secrets: RFC9383.secrets, x: RFC9383.x)
        do {
            _ = try prover.finish(shareV: shareV, confirmV: RFC9383.confirmV)
            return nil
        } catch {
            return error
        }
    }
}
