/// A suite of the protocol: bits 7 to 4 of the header's second word (3.2), and the values of SUITES and SUITE (3.3).
package enum Suite: UInt8, Hashable, Sendable, CaseIterable {
    /// The paper's protocol with its gaps filled (3.5). Opt-in only.
    case classic = 0
    /// Hardened (3.6, 3.7), AES-256-GCM.
    case hardenedAESGCM = 1
    /// Hardened (3.6, 3.7), ChaCha20-Poly1305.
    case hardenedChaChaPoly = 2

    /// Whether it is one of the hardened suites.
    package var isHardened: Bool { self != .classic }
}
