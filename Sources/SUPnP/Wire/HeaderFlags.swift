/// The flags of the base header, bits 15 to 8 of its second word (3.2).
package struct HeaderFlags: OptionSet, Hashable, Sendable {
    /// The word's high byte.
    package let rawValue: UInt8

    /// Takes the word's high byte; every value is possible.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// C: a control message; data without it.
    package static let control = HeaderFlags(rawValue: 0x80)
    /// E: the body is encrypted.
    package static let encrypted = HeaderFlags(rawValue: 0x40)
    /// S: the sender acts as a server; as a client without it.
    package static let server = HeaderFlags(rawValue: 0x20)
    /// B: the broadcast channel; unicast without it.
    package static let broadcast = HeaderFlags(rawValue: 0x10)
    /// R: a response.
    package static let response = HeaderFlags(rawValue: 0x08)
    /// F: a forwarder has emitted it.
    package static let forwarder = HeaderFlags(rawValue: 0x04)
    /// G: `keyID` names a key of the group.
    package static let group = HeaderFlags(rawValue: 0x02)
    /// X: the extension header follows (3.6.1).
    package static let extended = HeaderFlags(rawValue: 0x01)
}
