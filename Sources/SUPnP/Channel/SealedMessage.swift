/// A sealed datagram of either suite, checked as far as that needs no key.
package enum SealedMessage: Sendable {
    /// Of suite 1 or 2.
    case hardened(UnverifiedMessage)
    /// Of suite 0.
    case classic(UnverifiedClassicMessage)

    /// Reads a datagram. Data in clear is refused (P22), and so is suite 0 where `floor`, the least suite of the group,
    /// is hardened.
    package init(_ datagram: [UInt8], floor: Suite) throws(ChannelRefusal) {
        let header = try Header.refusing(datagram)
        guard header.suite.isHardened || floor == .classic else { throw .suite }
        self =
            header.suite.isHardened
            ? .hardened(try UnverifiedMessage(datagram, header))
            : .classic(try UnverifiedClassicMessage(datagram, header))
    }
}
