package import NetworkTypes

// What attributes hold (RFC 8489 §14).

extension STUNMessage {
    /// ERROR-CODE.
    package struct Failure: Hashable, Sendable {
        /// 300 to 699.
        package let code: Int
        /// For people; at most 763 bytes.
        package let reason: String

        package init(_ code: Int, _ reason: String) {
            self.code = code
            self.reason = reason
        }
    }

    /// The address that a server saw: XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of an old one.
    package var mappedAddress: SocketEndpoint? {
        address(.xorMappedAddress) ?? address(.mappedAddress)
    }

    /// An address of a type; those whose names begin with XOR are disguised against meddling NATs (§14.2).
    package func address(_ type: STUNAttributeType) -> SocketEndpoint? {
        guard let value = self[type], value.count == 8 || value.count == 20, value[1] == (value.count == 8 ? 1 : 2)
        else { return nil }
        let mask = type.isDisguised ? STUNMessage.cookie + transaction.bytes : [UInt8](repeating: 0, count: 16)
        let port = (UInt16(value[2]) << 8 | UInt16(value[3])) ^ (UInt16(mask[0]) << 8 | UInt16(mask[1]))
        let octets = zip(value[4...], mask).map { $0 ^ $1 }
        if octets.count == 4 {
            return SocketEndpoint(.v4(IPv4Address(octets[0], octets[1], octets[2], octets[3])), port: port)
        }
        let halves = [octets[..<8], octets[8...]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        return SocketEndpoint(.v6(IPv6Address(high: halves[0], low: halves[1])), port: port)
    }

    /// Adds an address.
    package mutating func append(_ type: STUNAttributeType, address endpoint: SocketEndpoint) {
        let mask = type.isDisguised ? STUNMessage.cookie + transaction.bytes : [UInt8](repeating: 0, count: 16)
        var octets: [UInt8] = []
        switch endpoint.address {
        case .v4(let address): octets.append(bigEndian: address.rawValue)
        case .v6(let address):
            octets.append(bigEndian: address.high)
            octets.append(bigEndian: address.low)
        }
        let family: UInt8 = octets.count == 4 ? 1 : 2
        octets = zip(octets, mask).map { $0 ^ $1 }
        append(
            type,
            [0, family, UInt8(endpoint.port >> 8) ^ mask[0], UInt8(endpoint.port & 0xFF) ^ mask[1]] + octets)
    }

    /// ERROR-CODE: a class of hundreds and a number below a hundred (§14.8).
    package var failure: Failure? {
        guard let value = self[.errorCode], (4...767).contains(value.count), (3...6).contains(value[2] & 7),
            value[3] < 100
        else { return nil }
        return Failure(Int(value[2] & 7) * 100 + Int(value[3]), String(decoding: value[4...], as: UTF8.self))
    }

    /// Adds ERROR-CODE.
    package mutating func append(_ failure: Failure) {
        append(.errorCode, [0, 0, UInt8(failure.code / 100), UInt8(failure.code % 100)] + failure.reason.utf8)
    }

    /// A number of 16, 32 or 64 bits.
    package func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ type: STUNAttributeType, as _: Number.Type = Number.self
    ) -> Number? {
        guard let value = self[type], value.count == Number.bitWidth / 8 else { return nil }
        return value.reduce(0) { $0 << 8 | Number($1) }
    }

    /// Adds a number.
    package mutating func append(_ type: STUNAttributeType, number: some FixedWidthInteger & UnsignedInteger) {
        var value: [UInt8] = []
        value.append(bigEndian: number)
        append(type, value)
    }

    /// A text; nil where there is none or it is not UTF-8.
    package func text(_ type: STUNAttributeType) -> String? {
        self[type].flatMap { String(validating: $0, as: UTF8.self) }
    }
}

extension STUNAttributeType {
    var isDisguised: Bool { self == .xorMappedAddress || self == .xorPeerAddress || self == .xorRelayedAddress }
}
