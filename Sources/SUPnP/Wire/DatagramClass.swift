/// What a datagram is, told from its header and the first word of a clear body alone (3.2).
///
/// The checks have one order, the cheapest first: size, magic, version, length, checksum, suite, then the flags. A
/// random datagram passes the first five with a chance below 2^-48.
package enum DatagramClass: Hashable, Sendable {
    /// Not SUPnP: plain UPnP on a shared socket, otherwise to be dropped.
    case plain(HeaderError)
    /// A control message in clear, of a type that may be.
    case clear(Header, MessageType)
    /// Something sealed: open it under the key that the header names.
    case sealed(Header)
    /// SUPnP, and to be dropped.
    case refused(Refusal)

    /// Why a datagram of SUPnP is dropped.
    package enum Refusal: Error, Hashable, Sendable {
        /// The suite is unknown.
        case suite(UInt8)
        /// Data in clear (P22, F10).
        case clearData
        /// A clear body without a type, or with one that is unknown.
        case type(ControlError)
        /// A message of this type has to be sealed (F10).
        case clearControl(MessageType)
        /// A message of this type never bears these flags in clear.
        case flags(MessageType, HeaderFlags)
        /// The extension header goes with hardened sealed messages and only with them.
        case envelope
        /// Too short for what its flags announce.
        case short
    }

    /// Classifies a datagram.
    package init(_ datagram: [UInt8]) {
        let header: Header
        do {
            header = try Header.decode(datagram)
        } catch .suite(let suite) {
            self = .refused(.suite(suite))
            return
        } catch {
            self = .plain(error)
            return
        }
        self = header.flags.contains(.encrypted) ? Self.sealed(header, datagram) : Self.clear(header, datagram)
    }

    private static func clear(_ header: Header, _ datagram: [UInt8]) -> DatagramClass {
        guard header.flags.contains(.control) else { return .refused(.clearData) }
        let type: MessageType
        do {
            type = try MessageType.read(datagram, at: WireSizes.header)
        } catch {
            return .refused(.type(error))
        }
        let allowed = type.clearFlags
        guard !allowed.isEmpty else { return .refused(.clearControl(type)) }
        guard allowed.contains(header.flags) else { return .refused(.flags(type, header.flags)) }
        return .clear(header, type)
    }

    private static func sealed(_ header: Header, _ datagram: [UInt8]) -> DatagramClass {
        guard header.flags.contains(.extended) == header.suite.isHardened else { return .refused(.envelope) }
        let before = header.suite.isHardened ? WireSizes.extensionHeader : WireSizes.aeadNonce
        guard datagram.count >= WireSizes.header + before + WireSizes.aeadTag else { return .refused(.short) }
        return .sealed(header)
    }
}
