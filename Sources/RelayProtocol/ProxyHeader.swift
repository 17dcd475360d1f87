package import NetworkTypes

package import struct NIOCore.ByteBuffer

/// The header of the PROXY protocol, version 2 (haproxy.org, doc/proxy-protocol.txt §2.2): whose connection it is that a
/// relay passes on. It is the relay's word and no proof.
package struct ProxyHeader: Hashable, Sendable {
    /// Where the connection comes from; nil when the relay speaks for itself (`LOCAL`).
    package var source: SocketEndpoint?
    /// Where it came in.
    package var destination: SocketEndpoint?

    /// The longest header that is read, in bytes, whatever it announces beside the addresses.
    package static let maximumBytes = 16 + 512
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// Makes a header; endpoints of different families are told as none.
    package init(source: SocketEndpoint?, destination: SocketEndpoint?) {
        self.source = source
        self.destination = destination
    }

    /// The header's bytes.
    package var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeBytes(Self.signature)
        switch (source?.address, destination?.address) {
        case (.v4(let from)?, .v4(let to)?):
            buffer.writeBytes([0x21, 0x11, 0, 12])
            buffer.writeInteger(from.rawValue)
            buffer.writeInteger(to.rawValue)
        case (.v6(let from)?, .v6(let to)?):
            buffer.writeBytes([0x21, 0x21, 0, 36])
            for half in [from.high, from.low, to.high, to.low] { buffer.writeInteger(half) }
        default:
            buffer.writeBytes([0x20, 0, 0, 0])
            return buffer
        }
        buffer.writeInteger(source?.port ?? 0)
        buffer.writeInteger(destination?.port ?? 0)
        return buffer
    }

    /// What the beginning of a connection amounts to.
    package enum Step: Hashable, Sendable {
        /// It is not complete.
        case more
        /// It is complete, and was taken from the bytes.
        case header(ProxyHeader)
        /// It never will be.
        case malformed
    }

    /// Takes a header from the front of `bytes` once all of it is there.
    package static func take(from bytes: inout ByteBuffer) -> Step {
        let known = bytes.readableBytesView.prefix(signature.count)
        guard known.elementsEqual(signature.prefix(known.count)) else { return .malformed }
        let start = bytes.readerIndex
        guard let command = bytes.getInteger(at: start + 12, as: UInt8.self),
            let family = bytes.getInteger(at: start + 13, as: UInt8.self),
            let length = bytes.getInteger(at: start + 14, as: UInt16.self)
        else { return .more }
        guard command == 0x20 || command == 0x21, 16 + Int(length) <= maximumBytes else { return .malformed }
        guard bytes.readableBytes >= 16 + Int(length) else { return .more }
        bytes.moveReaderIndex(forwardBy: 16)
        guard var rest = bytes.readSlice(length: Int(length)) else { return .malformed }
        // What follows the addresses (§2.2: TLVs) is passed over.
        guard command == 0x21 else { return .header(ProxyHeader(source: nil, destination: nil)) }
        return addresses(family, &rest).map { .header($0) } ?? .malformed
    }

    private static func addresses(_ family: UInt8, _ rest: inout ByteBuffer) -> ProxyHeader? {
        let from: IPAddress
        let to: IPAddress
        switch family {
        case 0x11:
            guard let (source, destination) = rest.readMultipleIntegers(as: (UInt32, UInt32).self) else { return nil }
            from = .v4(IPv4Address(rawValue: source))
            to = .v4(IPv4Address(rawValue: destination))
        case 0x21:
            guard let halves = rest.readMultipleIntegers(as: (UInt64, UInt64, UInt64, UInt64).self) else { return nil }
            from = .v6(IPv6Address(high: halves.0, low: halves.1))
            to = .v6(IPv6Address(high: halves.2, low: halves.3))
        default:
            // UNSPEC and what is no TCP: the receiver must take the connection without addresses (§2.2).
            return family == 0 ? ProxyHeader(source: nil, destination: nil) : nil
        }
        guard let (source, destination) = rest.readMultipleIntegers(as: (UInt16, UInt16).self) else { return nil }
        return ProxyHeader(
            source: SocketEndpoint(from.unmapped, port: source),
            destination: SocketEndpoint(to.unmapped, port: destination))
    }
}
