/// The tags of the machines' control messages, beside those of the registration.
extension Tag {
    /// A list of services that a server offers: `ServiceOfferCodec`.
    package static let services = Tag(rawValue: 0x28)
    /// u32: in a question the version that the asker has, in an answer the one that it leads to, in a BEACON the last.
    package static let directoryVersion = Tag(rawValue: 0x29)
    /// Changes of the directory: `DirectoryEntryCodec`.
    package static let directoryEntries = Tag(rawValue: 0x2A)
    /// u8, 1: the asker's directory is too old; it forgets it and begins at version 0.
    package static let directoryReset = Tag(rawValue: 0x2B)
    /// u32: names a question, so that its answer is told from another's.
    package static let correlation = Tag(rawValue: 0x2C)
    /// u32: how many servers the group has.
    package static let memberCount = Tag(rawValue: 0x2D)
    /// 16 bytes that follow from the epoch's secret, as in a rekey packet.
    package static let confirmation = Tag(rawValue: 0x2E)
    /// u64: term ‖ number of the BEACON, rising.
    package static let beaconCounter = Tag(rawValue: 0x2F)
    /// u32 each, at most 16: the serials of revoked certificates.
    package static let revokedSerials = Tag(rawValue: 0x30)
    /// u64: seconds since the group's creation.
    package static let groupTime = Tag(rawValue: 0x31)
    /// u64, in a PONG: the counter of the forwarder's next broadcast in the epoch that EPOCH names (3.6.3).
    package static let groupCounter = Tag(rawValue: 0x32)
    /// Ed25519, 64 bytes, always the last.
    package static let signature = Tag(rawValue: 0x7E)
    /// u64, in the first PING of a member that has restarted and kept its keys: the controller leaves out its counters
    /// below it (3.6.3). Critical, because the member refuses what a controller that passes it over would send.
    package static let resumeFrom = Tag(rawValue: 0x8032)
}
