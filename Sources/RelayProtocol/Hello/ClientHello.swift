internal import struct NIOCore.ByteBuffer

/// What a relay reads of a connection: the two extensions of a TLS ClientHello (RFC 8446 §4.1.2) that say whom it is
/// for. Nothing of it is a secret, and nothing else is looked at.
package struct ClientHello: Hashable, Sendable {
    /// The server name (RFC 6066 §3) in lower case; nil when there is none.
    package var serverName: String?
    /// The application protocols (RFC 7301 §3.1), in the order of preference.
    package var protocols: [String]

    /// Makes a hello of its two parts.
    package init(serverName: String?, protocols: [String] = []) {
        self.serverName = serverName
        self.protocols = protocols
    }
}

/// Why the beginning of a connection is no ClientHello that a relay can act on.
package enum ClientHelloRefusal: Error, Hashable, Sendable {
    /// The first bytes are not a TLS handshake record's.
    case notTLS
    /// A limit of ``ClientHelloReader`` was passed.
    case tooLong
    /// Lengths contradict each other, an extension comes twice, or a name has bytes that no name has.
    case malformed
    /// The name that counts is encrypted (Encrypted ClientHello), and the visible one is not to be trusted.
    case encrypted
}

extension ClientHello {
    private enum Extension {
        static let serverName: UInt16 = 0
        static let protocols: UInt16 = 16
        static let encryptedClientHello: UInt16 = 0xFE0D
    }

    /// Reads the body of a ClientHello: what follows the handshake header.
    init(body: ByteBuffer) throws(ClientHelloRefusal) {
        var body = body
        // legacy_version and random; TLS 1.0 to 1.3 alike.
        guard let version = body.readInteger(as: UInt16.self), version >> 8 == 3, body.readSlice(length: 32) != nil,
            let session = body.vector(UInt8.self), session.readableBytes <= 32,
            let suites = body.vector(UInt16.self), suites.readableBytes >= 2, suites.readableBytes.isMultiple(of: 2),
            let compressions = body.vector(UInt8.self), compressions.readableBytes >= 1
        else { throw .malformed }
        self.init(serverName: nil)
        // Before TLS 1.3 a hello may end here (RFC 8446 §4.1.2).
        guard body.readableBytes > 0 else { return }
        guard var extensions = body.vector(UInt16.self), body.readableBytes == 0 else { throw .malformed }
        var seen: Set<UInt16> = []
        while extensions.readableBytes > 0 {
            guard let type = extensions.readInteger(as: UInt16.self), var content = extensions.vector(UInt16.self),
                // RFC 8446 §4.2: no more than one of a type. It also bounds the loop.
                seen.insert(type).inserted
            else { throw .malformed }
            switch type {
            case Extension.serverName: serverName = try Self.serverName(&content)
            case Extension.protocols: protocols = try Self.protocols(&content)
            case Extension.encryptedClientHello: throw .encrypted
            default: break
            }
        }
    }

    private static func serverName(_ content: inout ByteBuffer) throws(ClientHelloRefusal) -> String? {
        guard var list = content.vector(UInt16.self), content.readableBytes == 0, list.readableBytes > 0 else {
            throw .malformed
        }
        var found: String?
        while list.readableBytes > 0 {
            guard let type = list.readInteger(as: UInt8.self), let name = list.vector(UInt16.self) else {
                throw .malformed
            }
            guard type == 0 else { continue }
            // RFC 6066 §3: one name of a type; ASCII without a final dot, and no address.
            guard found == nil, (1...255).contains(name.readableBytes),
                name.readableBytesView.allSatisfy({ isNameByte($0) })
            else { throw .malformed }
            found = String(decoding: name.readableBytesView, as: UTF8.self).lowercased()
        }
        return found
    }

    private static func protocols(_ content: inout ByteBuffer) throws(ClientHelloRefusal) -> [String] {
        guard var list = content.vector(UInt16.self), content.readableBytes == 0, list.readableBytes > 0 else {
            throw .malformed
        }
        var found: [String] = []
        while list.readableBytes > 0 {
            guard let name = list.vector(UInt8.self), name.readableBytes > 0, found.count < 64 else { throw .malformed }
            found.append(String(decoding: name.readableBytesView, as: UTF8.self))
        }
        return found
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }
}

extension ByteBuffer {
    /// A vector with a length before it (RFC 8446 §3.4).
    fileprivate mutating func vector<Length: FixedWidthInteger & UnsignedInteger>(_ type: Length.Type) -> ByteBuffer? {
        readInteger(as: type).flatMap { readSlice(length: Int($0)) }
    }
}
