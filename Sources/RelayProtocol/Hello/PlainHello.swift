internal import NetworkTypes

package import struct NIOCore.ByteBuffer

/// What a gateway begins a connection to its relay with that is not TLS: a record that reads as a ClientHello, so that
/// the relay has one way to tell its connections apart, and so that networks that pass nothing but TLS pass it.
///
/// Its server name begins with a ticket of 128 bits. No handshake follows.
package enum PlainHello {
    /// Writes the record.
    /// - Parameters:
    ///   - ticket: 16 bytes that the relay expects.
    ///   - purpose: `.standby` or `.answer`.
    package static func record(
        ticket: RelayTicket, purpose: RelayPurpose, using random: inout some RandomNumberGenerator
    ) -> ByteBuffer {
        let name = Array("\(ticket).relay.invalid".utf8)
        let application = Array(purpose.rawValue.utf8)
        var extensions = ByteBuffer()
        extensions.writeInteger(UInt16(0))
        extensions.vector16 { content in
            content.vector16 { list in
                list.writeInteger(UInt8(0))
                list.vector16 { $0.writeBytes(name) }
            }
        }
        extensions.writeInteger(UInt16(16))
        extensions.vector16 { content in
            content.vector16 { list in
                list.writeInteger(UInt8(truncatingIfNeeded: application.count))
                list.writeBytes(application)
            }
        }
        // supported_versions: TLS 1.3 (RFC 8446 §4.2.1).
        extensions.writeInteger(UInt16(43))
        extensions.vector16 { $0.writeBytes([2, 3, 4]) }

        var body = ByteBuffer()
        body.writeInteger(UInt16(0x0303))
        body.writeBytes(random.bytes(32))
        body.writeInteger(UInt8(32))
        body.writeBytes(random.bytes(32))
        body.vector16 { $0.writeBytes([0x13, 0x01, 0x13, 0x02, 0x13, 0x03]) }
        body.writeBytes([1, 0])
        body.vector16 { $0.writeImmutableBuffer(extensions) }

        var record = ByteBuffer()
        record.writeBytes([22, 3, 1])
        record.vector16 { message in
            message.writeBytes([1, 0])
            message.vector16 { $0.writeImmutableBuffer(body) }
        }
        return record
    }
}

extension ByteBuffer {
    fileprivate mutating func vector16(_ write: (inout ByteBuffer) -> Void) {
        var content = ByteBuffer()
        write(&content)
        writeInteger(UInt16(truncatingIfNeeded: content.readableBytes))
        writeImmutableBuffer(content)
    }
}

/// What a connection to a relay is for. The application protocol of its hello tells (RFC 7301).
package enum RelayPurpose: String, Hashable, Sendable, CaseIterable {
    /// TLS 1.3 with both certificates, in which a gateway proves its name and is given a ticket and a key.
    case register = "latchkey-register/1"
    /// The connection that a registered gateway waits on; no TLS.
    case standby = "latchkey-standby/1"
    /// A gateway's answer to a call; from the hello on it is the client's connection.
    case answer = "latchkey-answer/1"
}

/// 128 bits that stand for something at a relay, once.
package struct RelayTicket: Hashable, Sendable {
    /// The length in bytes.
    package static let byteCount = 16
    private let high: UInt64
    private let low: UInt64

    /// Takes 16 bytes; nil for another number of them.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Draws a ticket.
    package init(using random: inout some RandomNumberGenerator) {
        self.high = random.next()
        self.low = random.next()
    }

    /// Reads the first label of a server name.
    package init?(serverName: some StringProtocol) {
        guard let label = serverName.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).first,
            label.utf8.count == 26, let bytes = Base32.decode(label)
        else { return nil }
        self.init(bytes: bytes)
    }

    /// The 16 bytes.
    package var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
    }
}

extension RelayTicket: CustomStringConvertible {
    /// 26 characters of base 32 in lower case, as they stand in a server name.
    package var description: String { Base32.encode(bytes).lowercased() }
}
