import Crypto

/// A secret that a name server and its client share, and what it proves (RFC 8945), with HMAC-SHA-256.
package struct TSIGKey: Sendable, CustomStringConvertible {
    package static let algorithm = "hmac-sha256"
    /// How far the clocks may differ, seconds (§10).
    package static let fudge: UInt16 = 300

    package let name: DNSName
    private let secret: SymmetricKey

    /// The secret as it is in a key file, decoded.
    package init(name: DNSName, secret: [UInt8]) {
        self.name = name
        self.secret = SymmetricKey(data: secret)
    }

    /// Never the secret.
    package var description: String { "TSIG key \(name)" }

    /// Why a response proves nothing.
    package enum Fault: Error, Hashable, Sendable {
        /// It is not signed. A name server that does not know the key cannot sign.
        case unsigned
        /// It says itself what was wrong with the request: BADSIG, BADKEY, BADTIME.
        case refused(DNSResponseCode)
        /// The signature is not of this key, or not over this.
        case wrong
        /// It was signed at another time.
        case time
    }

    private static let algorithmName = DNSName(labels: [Array(algorithm.utf8)])

    /// The message, signed at a time in Unix seconds, and the signature that the response is over as well.
    /// `request`: the signature of what this is the answer to; nil for a question.
    package func sign(
        _ message: DNSMessage, at seconds: UInt64, after request: [UInt8]? = nil
    ) -> (bytes: [UInt8], mac: [UInt8]) {
        var signed: [UInt8] = []
        if let request {
            signed.append(bigEndian: UInt16(request.count))
            signed += request
        }
        signed += message.encoded + variables(time: seconds, error: 0, other: [])
        let mac = Array(HMAC<SHA256>.authenticationCode(for: signed, using: secret))
        var message = message
        message.additional.append(record(id: message.id, time: seconds, mac: mac))
        return (message.encoded, mac)
    }

    /// What is signed besides the message (§4.3.3).
    private func variables(time: UInt64, fudge: UInt16 = Self.fudge, error: UInt16, other: [UInt8]) -> [UInt8] {
        var bytes = name.encoded
        bytes.append(bigEndian: DNSRecord.Class.any)
        bytes.append(bigEndian: UInt32(0))
        bytes += Self.algorithmName.encoded
        bytes += Self.time(time)
        bytes.append(bigEndian: fudge)
        bytes.append(bigEndian: error)
        bytes.append(bigEndian: UInt16(other.count))
        return bytes + other
    }

    /// 48 bits.
    private static func time(_ seconds: UInt64) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: seconds >> (40 - 8 * UInt64($0))) }
    }

    private func record(id: UInt16, time: UInt64, mac: [UInt8]) -> DNSRecord {
        var data = Self.algorithmName.encoded + Self.time(time)
        data.append(bigEndian: Self.fudge)
        data.append(bigEndian: UInt16(mac.count))
        data += mac
        data.append(bigEndian: id)
        data.append(bigEndian: UInt16(0))
        data.append(bigEndian: UInt16(0))
        return DNSRecord(name, DNSRecord.Kind.tsig, class: DNSRecord.Class.any, ttl: 0, data: data)
    }

    /// Reads a response to what was signed with `mac`, and throws unless it is proven (§5.3).
    package func verify(_ bytes: [UInt8], requestMAC mac: [UInt8], at now: UInt64) throws(Fault) -> DNSMessage {
        var last = 0
        guard var message = try? DNSMessage(bytes, lastRecord: { last = $0 }), let record = message.additional.last,
            record.kind == DNSRecord.Kind.tsig, record.name == name
        else { throw .unsigned }
        var reader = DNSReader(record.data)
        guard let algorithm = try? reader.name(), algorithm == Self.algorithmName,
            let time = try? reader.number(6), let fudge = try? reader.number(2), let size = try? reader.number(2),
            let theirs = try? reader.take(Int(size)), let original = try? reader.number(2),
            let error = try? reader.number(2), let otherSize = try? reader.number(2),
            let other = try? reader.take(Int(otherSize))
        else { throw .wrong }
        guard error == 0 || !theirs.isEmpty else { throw .refused(DNSResponseCode(rawValue: UInt16(error))) }
        // The message as it was before the signature: its own id, and one additional record less.
        var unsigned = Array(bytes[..<last])
        let count = message.additional.count - 1
        unsigned.replaceSubrange(0..<2, with: [UInt8(original >> 8), UInt8(original & 0xFF)])
        unsigned.replaceSubrange(10..<12, with: [UInt8(count >> 8), UInt8(count & 0xFF)])
        var signed: [UInt8] = []
        signed.append(bigEndian: UInt16(mac.count))
        signed += mac + unsigned
        signed += variables(time: time, fudge: UInt16(fudge), error: UInt16(error), other: Array(other))
        guard HMAC<SHA256>.isValidAuthenticationCode(Array(theirs), authenticating: signed, using: secret) else {
            throw .wrong
        }
        guard error == 0 else { throw .refused(DNSResponseCode(rawValue: UInt16(error))) }
        guard max(time, now) - min(time, now) <= fudge else { throw .time }
        message.additional.removeLast()
        return message
    }
}
