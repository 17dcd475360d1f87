import Crypto
import GroupKeys

@testable import SUPnP

/// 32 secret bytes, quick to compare.
struct WireSecret: Hashable {
    let words: SIMD4<UInt64>

    init(_ words: SIMD4<UInt64>) { self.words = words }

    init(_ bytes: some Collection<UInt8>) {
        var words = SIMD4<UInt64>.zero
        for (offset, byte) in bytes.prefix(32).enumerated() {
            words[offset / 8] |= UInt64(byte) << UInt64(offset % 8 * 8)
        }
        self.words = words
    }

    init(_ secret: SecretBytes) { self.init(secret.withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }) }

    var secret: SecretBytes { withUnsafeBytes(of: words) { SecretBytes(Array($0)) } }

    /// It as a private half of X25519.
    var privateHalf: Curve25519.KeyAgreement.PrivateKey? {
        try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret.exposed)
    }

    static func ^ (left: WireSecret, right: WireSecret) -> WireSecret { WireSecret(left.words ^ right.words) }
}

/// What somebody has, by what it is good for.
struct WireKnowledge {
    /// Secrets and pads of the key tree, and those of epochs.
    var tree: Set<WireSecret> = []
    /// RELAY of any generation.
    var relays: Set<WireSecret> = []
    /// RFR of any generation.
    var refreshes: Set<WireSecret> = []
    /// Private halves of X25519.
    var privates: Set<WireSecret> = []
    /// S-MASTER, by the K_fin that follows from it.
    var masters: [WireSecret: MasterSecret] = [:]

    var count: Int { tree.count + relays.count + refreshes.count + privates.count + masters.count }

    mutating func add(_ path: MemberPath) {
        let bytes = path.secrets.exposed
        for start in stride(from: 0, to: bytes.count, by: 32) { tree.insert(WireSecret(bytes[start..<start + 32])) }
        tree.insert(WireSecret(path.epochSecret))
    }

    mutating func add(_ master: MasterSecret) { masters[WireSecret(master.finishKey)] = master }

    mutating func formUnion(_ other: WireKnowledge) {
        tree.formUnion(other.tree)
        relays.formUnion(other.relays)
        refreshes.formUnion(other.refreshes)
        privates.formUnion(other.privates)
        masters.merge(other.masters) { first, _ in first }
    }
}
