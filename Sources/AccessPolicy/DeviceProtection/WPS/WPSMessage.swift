/// Why a message is not read.
package struct WPSMessageError: Error, Hashable, Sendable {
    /// A sentence.
    package let reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// A message of Wi-Fi Protected Setup: attributes in the order in which they are sent, each a number of 16 bits, a
/// length of 16 bits and a value, all big-endian.
///
/// Strict: lengths that do not fit, bytes that are left over, and an attribute that comes twice are errors. Attributes
/// that are not known here are kept, because authenticators cover them.
package struct WPSMessage: Hashable, Sendable {
    /// What is read of a peer.
    package enum Limits {
        /// A whole message, in bytes; a real one has less than 700.
        package static let messageBytes = 4_096
        /// Attributes of a message.
        package static let attributes = 64
    }

    /// The attributes, in order.
    package private(set) var attributes: [(id: WPSAttribute, value: [UInt8])]

    /// Makes a message of its attributes; the caller keeps values below 64 KiB.
    package init(_ attributes: [(id: WPSAttribute, value: [UInt8])] = []) {
        self.attributes = attributes
    }

    /// Begins a message of a type; the version is 1.0, which every version begins with.
    package init(_ type: WPSMessageType) {
        self.attributes = [(.version, [0x10]), (.messageType, [type.rawValue])]
    }

    /// Reads a message, or the plain text of settings.
    package init(parsing bytes: some Collection<UInt8>) throws(WPSMessageError) {
        guard bytes.count <= Limits.messageBytes else {
            throw WPSMessageError("the message has more than \(Limits.messageBytes) bytes")
        }
        var rest = Array(bytes)[...]
        var found: [(id: WPSAttribute, value: [UInt8])] = []
        var seen: Set<WPSAttribute> = []
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw WPSMessageError("an attribute is cut off") }
            let head = rest.prefix(4).map(UInt16.init)
            let id = WPSAttribute(rawValue: head[0] << 8 | head[1])
            let length = Int(head[2] << 8 | head[3])
            rest = rest.dropFirst(4)
            guard rest.count >= length else { throw WPSMessageError("an attribute is longer than the message") }
            guard seen.insert(id).inserted || id.mayRepeat else {
                throw WPSMessageError("an attribute comes twice")
            }
            guard found.count < Limits.attributes else {
                throw WPSMessageError("there are more than \(Limits.attributes) attributes")
            }
            found.append((id, Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        self.attributes = found
    }

    /// The bytes.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        for (id, value) in attributes {
            bytes += [UInt8(id.rawValue >> 8), UInt8(id.rawValue & 0xFF)]
            bytes += [UInt8(value.count >> 8 & 0xFF), UInt8(value.count & 0xFF)]
            bytes += value
        }
        return bytes
    }

    /// Adds an attribute at the end.
    package mutating func append(_ id: WPSAttribute, _ value: [UInt8]) { attributes.append((id, value)) }

    /// Adds a number of 16 bits at the end.
    package mutating func append(_ id: WPSAttribute, _ value: UInt16) {
        append(id, [UInt8(value >> 8), UInt8(value & 0xFF)])
    }

    /// This message without its last attribute, if that is of this kind and length: an authenticator is last.
    package func split(last id: WPSAttribute, bytes count: Int) -> (rest: WPSMessage, value: [UInt8])? {
        guard let last = attributes.last, last.id == id, last.value.count == count else { return nil }
        return (WPSMessage(Array(attributes.dropLast())), last.value)
    }

    /// The value of an attribute; nil when it is missing or has another length than `count`, if one is given.
    package subscript(_ id: WPSAttribute, bytes count: Int? = nil) -> [UInt8]? {
        guard let value = attributes.first(where: { $0.id == id })?.value, count == nil || value.count == count else {
            return nil
        }
        return value
    }

    /// A number of 16 bits.
    package func number(_ id: WPSAttribute) -> UInt16? {
        self[id, bytes: 2].map { UInt16($0[0]) << 8 | UInt16($0[1]) }
    }

    /// Which message it is; nil for one that is not of version 1.x, or not known.
    package var type: WPSMessageType? {
        guard let version = self[.version, bytes: 1], version[0] >> 4 == 1, let type = self[.messageType, bytes: 1]
        else { return nil }
        return WPSMessageType(rawValue: type[0])
    }

    package static func == (left: WPSMessage, right: WPSMessage) -> Bool { left.encoded == right.encoded }

    package func hash(into hasher: inout Hasher) { hasher.combine(encoded) }
}
