package import GroupKeys

/// The label of a key that is expanded from another: `"supnp1 " ‖ name ‖ 0x00 ‖ context` (3.6.2).
package enum KeyLabel {
    /// The `info` of HKDF-Expand.
    package static func info(_ name: String, context: [UInt8] = []) -> [UInt8] {
        Array("supnp1 ".utf8) + Array(name.utf8) + [0] + context
    }
}

/// S-MASTER, the secret of one registration or refresh (3.6.2). Both sides drop it as soon as the member's secrets
/// are derived, so that nothing static can derive them again.
package struct MasterSecret: Sendable {
    private let secret: SecretBytes

    /// After a registration: `Extract(salt = TH2, ikm = K_shared)`. `transcript` is TH2, 32 bytes.
    package init(sharedKey: SecretBytes, transcript: [UInt8]) {
        secret = KeyDerivation.extract(salt: transcript, inputKeyMaterial: sharedKey)
    }

    /// After a refresh: `Extract(salt = RFR, ikm = X25519 shared secret)` (3.7.6).
    package init(refresh: SecretBytes, agreement: SecretBytes) {
        secret = KeyDerivation.extract(salt: refresh, inputKeyMaterial: agreement)
    }

    /// K_fin, which seals the one REG_DONE.
    package var finishKey: SecretBytes { KeyDerivation.expand(secret, info: KeyLabel.info("fin")) }

    /// LEAF_0, RELAY and RFR of a member. `generation` is 0 after a registration and grows by one with each refresh.
    package func memberSecrets(member: UInt32, generation: UInt32) -> MemberSecrets {
        var context: [UInt8] = []
        context.append(bigEndian: member)
        context.append(bigEndian: generation)
        func key(_ name: String) -> SecretBytes {
            KeyDerivation.expand(secret, info: KeyLabel.info(name, context: context))
        }
        return MemberSecrets(
            member: member, generation: generation, leaf: key("leaf"), relay: key("relay"), refresh: key("refresh"))
    }
}

/// What a member and the key manager have in common after a registration or a refresh (3.6.2).
package struct MemberSecrets: Hashable, Sendable {
    /// The member, at least 0x10000.
    package let member: UInt32
    /// How often its keys were refreshed.
    package let generation: UInt32
    /// LEAF_0, the first secret of a server's leaf. To be dropped once it stands in the tree.
    package let leaf: SecretBytes
    /// RELAY, from which all pairwise keys come: the only one that a forwarder gets.
    package let relay: SecretBytes
    /// RFR, the input of the next refresh.
    package let refresh: SecretBytes

    /// Equal when all secrets are, compared in constant time.
    package static func == (left: MemberSecrets, right: MemberSecrets) -> Bool {
        left.member == right.member && left.generation == right.generation && left.leaf == right.leaf
            && left.relay == right.relay && left.refresh == right.refresh
    }

    /// By member and generation alone: secrets are not hashed.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(member)
        hasher.combine(generation)
    }
}
