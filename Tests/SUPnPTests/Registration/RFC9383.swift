import Crypto
import GroupKeys
import SUPnP

/// RFC 9383, appendix C: SPAKE2+-P256-SHA256-HKDF-SHA256-HMAC-SHA256.
enum RFC9383 {
    static let identities = SPAKE2Plus.Identities(
        context: Array("SPAKE2+-P256-SHA256-HKDF-SHA256-HMAC-SHA256 Test Vectors".utf8), prover: Array("client".utf8),
        verifier: Array("server".utf8))
    static var secrets: ProverSecrets {
        get throws {
            guard
                let secrets = ProverSecrets(
                    w0: SecretBytes(hex("bb8e1bbcf3c48f62c08db243652ae55d3e5586053fca77102994f23ad95491b3")),
                    w1: SecretBytes(hex("7e945f34d78785b8a3ef44d0df5a1a97d6b3b460409a345ca7830387a74b1dba")))
            else { throw SPAKE2Plus.Failure.secret }
            return secrets
        }
    }
    static let l = hex(
        "04eb7c9db3d9a9eb1f8adab81b5794c1f13ae3e225efbe91ea487425854c7fc00f"
            + "00bfedcbd09b2400142d40a14f2064ef31dfaa903b91d1faea7093d835966efd")
    static var record: VerifierRecord {
        get throws {
            guard let record = VerifierRecord(w0: try secrets.w0, l: l) else { throw SPAKE2Plus.Failure.secret }
            return record
        }
    }
    static let x = SecretBytes(hex("d1232c8e8693d02368976c174e2088851b8365d0d79a9eee709c6a05a2fad539"))
    static let shareP = hex(
        "04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1"
            + "de127727f418b5966afadfdd95a6e4591d171056b333dab97a79c7193e341727")
    static let y = SecretBytes(hex("717a72348a182085109c8d3917d6c43d59b224dc6a7fc4f0483232fa6516d8b3"))
    static let shareV = hex(
        "04c0f65da0d11927bdf5d560c69e1d7d939a05b0e88291887d679fcadea75810fb"
            + "5cc1ca7494db39e82ff2f50665255d76173e09986ab46742c798a9a68437b048")
    static let confirmV = hex("9747bcc4f8fe9f63defee53ac9b07876d907d55047e6ff2def2e7529089d3e68")
    static let confirmP = hex("926cc713504b9b4d76c9162ded04b5493e89109f6d89462cd33adc46fda27527")
    static let sharedKey = hex("0c5f8ccd1413423a54f6c1fb26ff01534a87f893779c6e68666d772bfd91f3e7")
}

/// The bytes of a text of hexadecimal digits.
func hex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// SHA-256 of bytes.
func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
