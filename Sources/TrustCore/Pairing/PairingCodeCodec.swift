import Crypto
package import FoundationEssentials
import NetworkTypes

// The encoding, all numbers big-endian:
//
//     version 1 | id 8 | secret 16 | pin 32 | expiry in seconds since 1970 4 | name length 1 | name
//     | address count 1 | addresses | check 4
//
// An address is a kind (4: IPv4, 4 bytes; 6: IPv6, 16 bytes; 0: a name, its length 1 and its bytes) and a
// port 2; in version 2, 128 more as its kind says that a relay is there. A relay is asked for the gateway by its pin,
// which the code holds already. The check is the beginning of the SHA-256 of what stands before it: it finds mistakes of copying
// and is no protection against an attacker, who cannot know a secret that the gateway accepts.
extension PairingCode {
    private static let checkBytes = 4
    private static let relayKind: UInt8 = 0x80
    /// Far above what a code of this version can be long.
    private static let maximumCharacters = 1024

    /// Reads a code. White space around it is ignored, and so is the case of its letters.
    package init(_ text: some StringProtocol) throws(PairingCodeError) {
        let trimmed = text.drop(while: \.isWhitespace)
        guard trimmed.utf8.count <= Self.maximumCharacters else { throw .notACode }
        let prefix = trimmed.prefix(Self.scheme.count + 1)
        guard prefix.lowercased() == Self.scheme + ":" else { throw .notACode }
        var body = trimmed.dropFirst(prefix.count)
        while body.last?.isWhitespace == true { body = body.dropLast() }
        guard let bytes = Base32.decode(body), let version = bytes.first else { throw .damaged }
        guard (1...Self.version).contains(version) else { throw .otherVersion(version) }
        guard bytes.count > Self.checkBytes, bytes.count <= Self.maximumBytes else { throw .damaged }
        let payload = bytes.dropLast(Self.checkBytes)
        guard Self.check(payload) == bytes.suffix(Self.checkBytes) else { throw .damaged }
        var reader = ByteReader(payload.dropFirst())
        guard let code = try Self.read(&reader, version: version), reader.isAtEnd else { throw .damaged }
        self = code
    }

    /// Reads a code and refuses it when its time is over.
    package init(_ text: some StringProtocol, now: Date) throws(PairingCodeError) {
        let code = try PairingCode(text)
        guard now < code.expiresAt else { throw .expired(code.expiresAt) }
        self = code
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = [addresses.contains(where: \.isRelay) ? 2 : 1]
        bytes += id.bytes
        bytes += secret.bytes
        bytes += pin.bytes
        bytes += bigEndian(UInt32(expiresAt.timeIntervalSince1970))
        bytes.append(UInt8(gatewayName.utf8.count))
        bytes += gatewayName.utf8
        bytes.append(UInt8(addresses.count))
        for address in addresses { bytes += Self.encode(address) }
        return bytes + Self.check(bytes[...])
    }

    private static func check(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        Array(SHA256.hash(data: Array(bytes)))[..<checkBytes]
    }

    private static func encode(_ address: GatewayAddress) -> [UInt8] {
        let port = bigEndian(address.port)
        let relay = address.isRelay ? relayKind : 0
        switch address.endpoint?.address {
        case .v4(let v4): return [4 | relay] + bigEndian(v4.rawValue) + port
        case .v6(let v6): return [6 | relay] + bigEndian(v6.high) + bigEndian(v6.low) + port
        case nil: return [relay, UInt8(truncatingIfNeeded: address.host.utf8.count)] + address.host.utf8 + port
        }
    }

    private static func read(_ reader: inout ByteReader, version: UInt8) throws(PairingCodeError) -> PairingCode? {
        guard let id = reader.take(PairingCodeID.byteCount).flatMap({ PairingCodeID(bytes: $0) }),
            let secret = reader.take(PairingSecret.byteCount).flatMap({ PairingSecret(bytes: $0) }),
            let pin = reader.take(32).flatMap({ KeyPin(bytes: $0) }),
            let expiry = reader.integer(UInt32.self),
            let nameLength = reader.integer(UInt8.self), let name = reader.text(Int(nameLength)),
            let count = reader.integer(UInt8.self), count <= maximumAddresses
        else { return nil }
        var addresses: [GatewayAddress] = []
        for _ in 0..<count {
            guard let address = address(&reader, relays: version >= 2) else { return nil }
            addresses.append(address)
        }
        guard !addresses.isEmpty, !name.isEmpty, name.utf8.count <= maximumNameBytes else { return nil }
        return try PairingCode(
            gatewayName: name, addresses: addresses, pin: pin, id: id, secret: secret,
            expiresAt: Date(timeIntervalSince1970: TimeInterval(expiry))
        )
    }

    private static func address(_ reader: inout ByteReader, relays: Bool) -> GatewayAddress? {
        guard let kind = reader.integer(UInt8.self) else { return nil }
        guard relays, kind & relayKind != 0 else { return place(kind, &reader) }
        return place(kind & ~relayKind, &reader)?.asRelay
    }

    private static func place(_ kind: UInt8, _ reader: inout ByteReader) -> GatewayAddress? {
        switch kind {
        case 4:
            guard let raw = reader.integer(UInt32.self), let port = reader.integer(UInt16.self) else { return nil }
            return GatewayAddress(SocketEndpoint(.v4(IPv4Address(rawValue: raw)), port: port))
        case 6:
            guard let high = reader.integer(UInt64.self), let low = reader.integer(UInt64.self),
                let port = reader.integer(UInt16.self)
            else { return nil }
            return GatewayAddress(SocketEndpoint(.v6(IPv6Address(high: high, low: low)), port: port))
        case 0:
            guard let length = reader.integer(UInt8.self), let name = reader.text(Int(length)),
                let port = reader.integer(UInt16.self)
            else { return nil }
            return GatewayAddress(name: name, port: port)
        default:
            return nil
        }
    }
}

private func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// Reads bytes in order; every read is nil where too few are left.
private struct ByteReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) -> Value? {
        take(Value.bitWidth / 8)?.reduce(Value(0)) { $0 << 8 | Value($1) }
    }

    /// UTF-8, refused when it is not well formed.
    mutating func text(_ count: Int) -> String? {
        take(count).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
