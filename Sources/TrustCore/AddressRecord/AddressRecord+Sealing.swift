import Crypto
package import Foundation

extension AddressRecord {
    private static let nonce = [UInt8](repeating: 0, count: 12)
    private static let domain = Array("latchkey address record 1".utf8)

    /// The record as it is published. Throws for no recipient or too many, and without an address.
    package func sealed(
        to recipients: [AddressRecordKey], signedBy key: IdentityKey,
        using random: inout some RandomNumberGenerator
    ) throws -> String {
        guard (1...Self.maximumRecipients).contains(recipients.count), !addresses.isEmpty else {
            throw TrustError(
                "an address record is for 1 to \(Self.maximumRecipients) clients and has at least one address")
        }
        let contentKey = SymmetricKey(size: .bits256)
        let salt = (0..<Self.saltBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var entries: [[UInt8]] = []
        for recipient in recipients {
            let entry = recipient.entry(salt: salt)
            entries.append(
                entry.tag + (try Self.seal(contentKey.withUnsafeBytes { Array($0) }, entry.wrapping, salt)))
        }
        // How many clients there are is nobody's business.
        while !entries.count.isMultiple(of: 4) {
            entries.append((0..<Self.entryBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        }
        entries.shuffle(using: &random)
        let clear = [Self.version] + salt + [UInt8(entries.count)] + entries.flatMap(\.self)
        var body = Self.number(sequence) + Self.number(Self.seconds(issuedAt)) + Self.number(Self.seconds(expiresAt))
        body.append(UInt8(addresses.count))
        for address in addresses {
            let text = Array(address.description.utf8)
            body.append(UInt8(text.count))
            body += text
        }
        body += key.signing.publicKey.compressedRepresentation
        body += try key.signing.signature(for: Self.domain + clear + body).rawRepresentation
        let text = Self.prefix + Base64URL.encode(clear + (try Self.seal(body, contentKey, clear)))
        guard text.utf8.count <= Self.maximumText else { throw TrustError("the address record is too long") }
        return text
    }

    /// Reads a record that was found somewhere.
    ///
    /// - Parameters:
    ///   - pins: Of the gateway's current and next server key.
    ///   - last: The sequence of the newest record that was believed before; nil for none.
    package init(
        opening text: some StringProtocol, with key: AddressRecordKey, pins: [KeyPin], after last: UInt64?, now: Date
    ) throws(AddressRecordError) {
        guard text.utf8.count <= Self.maximumText, text.hasPrefix(Self.prefix),
            let bytes = Base64URL.decode(String(text.dropFirst(Self.prefix.count)))
        else { throw .notRecord }
        let start = 1 + Self.saltBytes + 1
        guard bytes.count > start, bytes[0] == Self.version else { throw .notRecord }
        let count = Int(bytes[start - 1])
        let clearEnd = start + count * Self.entryBytes
        guard (1...Self.maximumRecipients).contains(count), bytes.count > clearEnd else { throw .notRecord }
        let salt = Array(bytes[1..<(1 + Self.saltBytes)])
        let entry = key.entry(salt: salt)
        let found = stride(from: start, to: clearEnd, by: Self.entryBytes).first {
            bytes[$0..<($0 + Self.tagBytes)].elementsEqual(entry.tag)
        }
        guard let found else { throw .notForThisClient }
        guard
            let contentKey = Self.open(
                bytes[(found + Self.tagBytes)..<(found + Self.entryBytes)], entry.wrapping, salt),
            let body = Self.open(bytes[clearEnd...], SymmetricKey(data: contentKey), Array(bytes[..<clearEnd]))
        else { throw .damaged }
        try self.init(body: body, clear: Array(bytes[..<clearEnd]), pins: pins)
        guard last.map({ sequence > $0 }) ?? true else { throw .replayed }
        guard issuedAt <= now + Self.clockSkew, expiresAt <= issuedAt + Self.longestLife else { throw .wrongTime }
        guard now < expiresAt + Self.clockSkew else { throw .expired }
    }

    private init(body: [UInt8], clear: [UInt8], pins: [KeyPin]) throws(AddressRecordError) {
        let signatureStart = body.count - Self.signatureBytes
        let keyStart = signatureStart - Self.publicKeyBytes
        guard keyStart >= 25,
            let publicKey = try? P256.Signing.PublicKey(compressedRepresentation: body[keyStart..<signatureStart]),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: body[signatureStart...])
        else { throw .damaged }
        guard pins.contains(KeyPin(subjectPublicKeyInfoDER: publicKey.derRepresentation)) else { throw .wrongSigner }
        guard publicKey.isValidSignature(signature, for: Self.domain + clear + body[..<signatureStart]) else {
            throw .damaged
        }
        var rest = body[25..<keyStart]
        var addresses: [GatewayAddress] = []
        for _ in 0..<body[24] {
            guard let length = rest.first, rest.count > Int(length),
                let address = GatewayAddress(String(decoding: rest.dropFirst().prefix(Int(length)), as: UTF8.self))
            else { throw .notRecord }
            addresses.append(address)
            rest = rest.dropFirst(1 + Int(length))
        }
        guard rest.isEmpty, (1...Self.maximumAddresses).contains(addresses.count) else { throw .notRecord }
        self.init(
            addresses: addresses, sequence: Self.number(body[..<8]),
            issuedAt: Date(timeIntervalSince1970: TimeInterval(Self.number(body[8..<16]))),
            expiresAt: Date(timeIntervalSince1970: TimeInterval(Self.number(body[16..<24]))))
    }

    /// Each key seals one text only, so the nonce may be constant.
    private static func seal(_ bytes: [UInt8], _ key: SymmetricKey, _ clear: [UInt8]) throws -> [UInt8] {
        let box = try ChaChaPoly.seal(
            bytes, using: key, nonce: ChaChaPoly.Nonce(data: nonce), authenticating: clear)
        return Array(box.ciphertext) + Array(box.tag)
    }

    private static func open(_ bytes: ArraySlice<UInt8>, _ key: SymmetricKey, _ clear: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 16,
            let box = try? ChaChaPoly.SealedBox(
                nonce: ChaChaPoly.Nonce(data: nonce), ciphertext: bytes.dropLast(16), tag: bytes.suffix(16)),
            let opened = try? ChaChaPoly.open(box, using: key, authenticating: clear)
        else { return nil }
        return Array(opened)
    }

    private static func seconds(_ date: Date) -> UInt64 { UInt64(max(0, date.timeIntervalSince1970)) }

    private static func number(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
