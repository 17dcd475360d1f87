import Crypto

/// What both sides of a hardened registration have seen, as hashes (3.7.2): the offers, the choice, the salt and the
/// ids, so that none of them can be changed on the way.
struct RegistrationTranscript: Sendable {
    /// TH = SHA-256("supnp1 th" ‖ u16 sequence ‖ H1 ‖ SHA-256(body 2)).
    let hash: [UInt8]

    /// `isBound` off leaves everything out: only to show what the transcript is for.
    init(sequence: UInt16, requestHash: [UInt8], replyBody: [UInt8], isBound: Bool = true) {
        var bytes = Array("supnp1 th".utf8)
        bytes.append(bigEndian: sequence)
        bytes += requestHash
        bytes += SHA256.hash(data: replyBody)
        hash = isBound ? Array(SHA256.hash(data: bytes)) : [UInt8](repeating: 0, count: 32)
    }

    /// The names of the run for SPAKE2+.
    func identities(device: DeviceID, groupID: [UInt8]) -> SPAKE2Plus.Identities {
        SPAKE2Plus.Identities(
            context: Array("SUPnP1-PAKE-P256".utf8) + hash, prover: device.bytes, verifier: groupID)
    }

    /// TH2 = SHA-256(TH ‖ body 3 ‖ body 4 ‖ body 5).
    func final(response: [UInt8], verify: [UInt8], confirm: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: hash + response + verify + confirm))
    }
}
