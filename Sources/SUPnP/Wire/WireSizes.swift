/// The sizes of the wire, in bytes.
package enum WireSizes {
    /// The base header (3.2).
    package static let header = 12
    /// The extension header (3.6.1).
    package static let extensionHeader = 20
    /// Tag and length of an element (3.3).
    package static let elementHeader = 4
    /// The largest datagram: what UDP over IPv4 carries, and the most that the field `length` may say (P5).
    package static let maximumDatagram = 65_507
    /// The largest datagram that is sent by default: IPv6's least MTU of 1,280 less its headers (3.11).
    package static let defaultDatagram = 1_200
    /// An AEAD's nonce, AES-256-GCM and ChaCha20-Poly1305 alike.
    package static let aeadNonce = 12
    /// An AEAD's tag, AES-256-GCM and ChaCha20-Poly1305 alike.
    package static let aeadTag = 16
    /// The least size of the first datagram of a hardened registration, so that no answer to it is larger (3.7.2).
    package static let registrationRequest = 256
}
