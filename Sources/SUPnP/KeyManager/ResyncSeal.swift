package import Crypto
package import GroupKeys

/// Seals a member's whole path for it alone (REKEY_USR, group keys specification 3.9.6): under a key that is fresh for
/// each answer, so that a member that is seized later opens no answer of before.
///
///     key    = Expand(Extract(salt = pair(c, b, from controller), ikm = X25519(both)), "usr")
///     SEALED = nonce(12, random) ‖ AES-256-GCM(TLVs) ‖ tag(16)
///     AAD    = 0x0012 ‖ u32 member ‖ the member's X25519 share(32) ‖ the key manager's(32)
package struct ResyncSeal: Sendable {
    private let key: SymmetricKey
    private let data: [UInt8]

    /// The key of one answer. `own` is either side's private half, `peer` the other's share, as it came; nil if that is
    /// no point that agrees on anything.
    package init?(
        own: Curve25519.KeyAgreement.PrivateKey, peer: [UInt8], memberShare: [UInt8], managerShare: [UInt8],
        pairKey: SecretBytes, member: MemberID
    ) {
        guard let input = KeyAgreement.secret(own, with: peer) else { return nil }
        let extracted = KeyDerivation.extract(salt: pairKey.exposed, inputKeyMaterial: input)
        let expanded = KeyDerivation.expand(extracted, info: KeyLabel.info("usr"))
        key = expanded.withUnsafeBytes { SymmetricKey(data: $0) }
        var data: [UInt8] = []
        data.append(bigEndian: MessageType.rekeyUser.rawValue)
        data.append(bigEndian: member.rawValue)
        self.data = data + memberShare + managerShare
    }

    /// Seals the elements.
    package func seal(_ text: [UInt8], using random: inout some RandomNumberGenerator) -> [UInt8]? {
        guard let nonce = try? AES.GCM.Nonce(data: SecretBytes(count: 12, using: &random).exposed),
            let box = try? AES.GCM.seal(text, using: key, nonce: nonce, authenticating: data)
        else { return nil }
        return box.combined.map { Array($0) }
    }

    /// Opens what ``seal(_:using:)`` has made.
    package func open(_ sealed: [UInt8]) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let text = try? AES.GCM.open(box, using: key, authenticating: data)
        else { return nil }
        return Array(text)
    }
}
