/// A STUN message (RFC 8489 §5): a method, a class, a transaction and attributes, without what proves it.
///
/// Integrity and FINGERPRINT are computed over the bytes, so they are added by ``encoded(integrity:fingerprint:)`` and read
/// by ``STUNDatagram``.
package struct STUNMessage: Hashable, Sendable {
    /// Request, indication, or either kind of response.
    package enum Class: UInt16, Hashable, Sendable, CaseIterable {
        case request = 0
        case indication = 1
        case success = 2
        case failure = 3
    }

    /// What is wanted, 12 bits.
    package struct Method: Hashable, Sendable {
        /// The number.
        package let rawValue: UInt16

        /// Takes a number; its upper four bits are left out.
        package init(_ number: UInt16) { rawValue = number & 0x0FFF }

        package static let binding = Method(0x001)
        package static let allocate = Method(0x003)
        package static let refresh = Method(0x004)
        package static let send = Method(0x006)
        package static let data = Method(0x007)
        package static let createPermission = Method(0x008)
        package static let channelBind = Method(0x009)
        package static let connect = Method(0x00A)
        package static let connectionBind = Method(0x00B)
        package static let connectionAttempt = Method(0x00C)
    }

    /// What a response is matched to its request by: 96 random bits.
    package struct Transaction: Hashable, Sendable {
        /// The 12 bytes.
        package let bytes: [UInt8]

        /// Draws one.
        package init(using random: inout some RandomNumberGenerator) {
            bytes = (0..<12).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        }

        /// Takes 12 bytes; nil for another number of them.
        package init?(bytes: some Collection<UInt8>) {
            guard bytes.count == 12 else { return nil }
            self.bytes = Array(bytes)
        }
    }

    /// An attribute as it is on the wire, without its padding.
    package struct Attribute: Hashable, Sendable {
        package let type: STUNAttributeType
        /// At most 65,535 bytes.
        package let value: [UInt8]

        package init(_ type: STUNAttributeType, _ value: [UInt8]) {
            self.type = type
            self.value = value
        }
    }

    /// The header's size.
    package static let headerBytes = 20
    /// What every message of RFC 5389 and later bears.
    package static let cookie: [UInt8] = [0x21, 0x12, 0xA4, 0x42]
    /// The longest value of all attributes together: the length field's last multiple of four.
    package static let maximumBody = 65_532
    /// The most attributes that are read.
    package static let maximumAttributes = 64

    package var kind: Class
    package var method: Method
    package var transaction: Transaction
    /// In order. Of several of a type only the first counts (§14).
    package var attributes: [Attribute]

    package init(
        _ kind: Class, _ method: Method, transaction: Transaction, attributes: [Attribute] = []
    ) {
        self.kind = kind
        self.method = method
        self.transaction = transaction
        self.attributes = attributes
    }

    /// The first attribute of a type.
    package subscript(_ type: STUNAttributeType) -> [UInt8]? {
        attributes.first { $0.type == type }?.value
    }

    /// Adds an attribute at the end.
    package mutating func append(_ type: STUNAttributeType, _ value: [UInt8] = []) {
        attributes.append(Attribute(type, value))
    }

    /// The types that have to be understood (below 0x8000) and are not among `known`: a request with one is answered
    /// with 420, a response has failed, and an indication is dropped (§6.3).
    package func unknown(besides known: Set<STUNAttributeType>) -> [STUNAttributeType] {
        var types: [STUNAttributeType] = []
        for attribute in attributes
        where attribute.type.isRequired && !known.contains(attribute.type) && !types.contains(attribute.type) {
            types.append(attribute.type)
        }
        return types
    }

    /// The first two bytes: M11…M7 C1 M6…M4 C0 M3…M0 (§5).
    var type: UInt16 {
        let number = method.rawValue
        let spread = (number & 0x0F80) << 2 | (number & 0x0070) << 1 | number & 0x000F
        return spread | (kind.rawValue & 2) << 7 | (kind.rawValue & 1) << 4
    }

    init?(type: UInt16, transaction: Transaction) {
        guard type < 0x4000, let kind = Class(rawValue: (type >> 7 & 2) | (type >> 4 & 1)) else { return nil }
        self.init(
            kind, Method((type & 0x3E00) >> 2 | (type & 0x00E0) >> 1 | type & 0x000F), transaction: transaction)
    }
}

/// An attribute's type (IANA, STUN Attributes).
package struct STUNAttributeType: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    package let rawValue: UInt16

    package init(_ number: UInt16) { rawValue = number }

    /// Whether one who does not know it must not go on.
    package var isRequired: Bool { rawValue < 0x8000 }

    /// `0x0020`.
    package var description: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    package static let mappedAddress = STUNAttributeType(0x0001)
    package static let changeRequest = STUNAttributeType(0x0003)
    package static let username = STUNAttributeType(0x0006)
    package static let messageIntegrity = STUNAttributeType(0x0008)
    package static let errorCode = STUNAttributeType(0x0009)
    package static let unknownAttributes = STUNAttributeType(0x000A)
    package static let channelNumber = STUNAttributeType(0x000C)
    package static let lifetime = STUNAttributeType(0x000D)
    package static let xorPeerAddress = STUNAttributeType(0x0012)
    package static let data = STUNAttributeType(0x0013)
    package static let realm = STUNAttributeType(0x0014)
    package static let nonce = STUNAttributeType(0x0015)
    package static let xorRelayedAddress = STUNAttributeType(0x0016)
    package static let requestedAddressFamily = STUNAttributeType(0x0017)
    package static let requestedTransport = STUNAttributeType(0x0019)
    package static let messageIntegritySHA256 = STUNAttributeType(0x001C)
    package static let passwordAlgorithm = STUNAttributeType(0x001D)
    package static let userhash = STUNAttributeType(0x001E)
    package static let xorMappedAddress = STUNAttributeType(0x0020)
    package static let priority = STUNAttributeType(0x0024)
    package static let useCandidate = STUNAttributeType(0x0025)
    package static let responsePort = STUNAttributeType(0x0027)
    package static let connectionID = STUNAttributeType(0x002A)
    package static let passwordAlgorithms = STUNAttributeType(0x8002)
    package static let software = STUNAttributeType(0x8022)
    package static let alternateServer = STUNAttributeType(0x8023)
    package static let fingerprint = STUNAttributeType(0x8028)
    package static let iceControlled = STUNAttributeType(0x8029)
    package static let iceControlling = STUNAttributeType(0x802A)
    package static let responseOrigin = STUNAttributeType(0x802B)
    package static let otherAddress = STUNAttributeType(0x802C)
}
