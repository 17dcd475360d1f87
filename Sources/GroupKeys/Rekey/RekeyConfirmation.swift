import Crypto

/// The 16 bytes with which a member sees that it came to the manager's epoch secret (group keys §3.9.5).
enum RekeyConfirmation {
    /// HMAC(gconf(e), SHA-256(group ‖ epoch ‖ height ‖ salt ‖ members)), its first 16 bytes.
    static func code(_ header: RekeyHeader, epochSecret: SecretBytes) -> [UInt8] {
        let key = KeyDerivation.expand(epochSecret, info: Array("supnp1 gconf".utf8) + [0])
        var hash = SHA256()
        hash.update(data: header.group.bytes)
        hash.update(data: header.epoch.octets)
        hash.update(data: [UInt8(header.height)])
        hash.update(data: header.salt)
        hash.update(data: header.members.octets)
        let digest = Array(hash.finalize())
        let code = key.withUnsafeBytes { HMAC<SHA256>.authenticationCode(for: digest, using: SymmetricKey(data: $0)) }
        return Array(code.prefix(RekeyPacket.confirmationLength))
    }
}

extension FixedWidthInteger {
    /// Big-endian.
    var octets: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
