import Crypto
package import FoundationEssentials
import X509

/// What a gateway says about its log at one moment, signed with its authority's key.
package struct AuditCheckpoint: Hashable, Sendable {
    /// Whose log.
    package let gateway: GatewayID
    /// The last entry.
    package let sequence: UInt64
    /// The head after it.
    package let head: AuditHead
    /// When it was signed, in milliseconds since 1970.
    package let milliseconds: Int64
    /// An ECDSA signature, 64 bytes.
    package let signature: [UInt8]

    /// Takes a checkpoint that was stored or received.
    package init(gateway: GatewayID, sequence: UInt64, head: AuditHead, milliseconds: Int64, signature: [UInt8]) {
        self.gateway = gateway
        self.sequence = sequence
        self.head = head
        self.milliseconds = milliseconds
        self.signature = signature
    }

    /// Signs a checkpoint.
    package init(
        sequence: UInt64, head: AuditHead, now: Date, authority: CertificateAuthority
    ) throws(TrustError) {
        let gateway = GatewayID(authority: authority.certificate)
        let milliseconds = now.auditMilliseconds
        let message = Self.message(gateway, sequence, head, milliseconds)
        self.init(
            gateway: gateway, sequence: sequence, head: head, milliseconds: milliseconds,
            signature: try AuditSignature.sign(message, with: authority.key))
    }

    /// When it was signed.
    package var time: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// Whether that authority signed it, for its own gateway.
    package func isSigned(by authority: IssuedCertificate) -> Bool {
        gateway == GatewayID(authority: authority)
            && AuditSignature.isValid(
                signature, of: Self.message(gateway, sequence, head, milliseconds), by: authority)
    }

    private static func message(
        _ gateway: GatewayID, _ sequence: UInt64, _ head: AuditHead, _ milliseconds: Int64
    ) -> [UInt8] {
        var message = Array("latchkey audit checkpoint 1\0\(gateway.rawValue)".utf8)
        message.append(number: sequence)
        message.append(contentsOf: head.bytes)
        message.append(number: milliseconds)
        return message
    }
}

/// What is left of entries that were removed to keep the log bounded, signed like a checkpoint.
package struct AuditStub: Hashable, Sendable {
    /// Whose log.
    package let gateway: GatewayID
    /// The last entry that was removed; all from 1 to it are gone.
    package let through: UInt64
    /// The head after it, on which the first remaining entry stands.
    package let head: AuditHead
    /// The time of the last removed entry and of the removal, in milliseconds since 1970.
    package let lastEntryMilliseconds: Int64
    package let prunedMilliseconds: Int64
    /// An ECDSA signature, 64 bytes.
    package let signature: [UInt8]

    /// Takes a stub from storage.
    package init(
        gateway: GatewayID, through: UInt64, head: AuditHead, lastEntryMilliseconds: Int64, prunedMilliseconds: Int64,
        signature: [UInt8]
    ) {
        self.gateway = gateway
        self.through = through
        self.head = head
        self.lastEntryMilliseconds = lastEntryMilliseconds
        self.prunedMilliseconds = prunedMilliseconds
        self.signature = signature
    }

    /// Signs the stub of everything up to an entry.
    package init(through entry: AuditEntry, now: Date, authority: CertificateAuthority) throws(TrustError) {
        let gateway = GatewayID(authority: authority.certificate)
        let message = Self.message(
            gateway, entry.sequence, entry.head, entry.milliseconds, now.auditMilliseconds)
        self.init(
            gateway: gateway, through: entry.sequence, head: entry.head, lastEntryMilliseconds: entry.milliseconds,
            prunedMilliseconds: now.auditMilliseconds,
            signature: try AuditSignature.sign(message, with: authority.key))
    }

    /// Whether that authority signed it, for its own gateway.
    package func isSigned(by authority: IssuedCertificate) -> Bool {
        gateway == GatewayID(authority: authority)
            && AuditSignature.isValid(
                signature,
                of: Self.message(gateway, through, head, lastEntryMilliseconds, prunedMilliseconds), by: authority)
    }

    private static func message(
        _ gateway: GatewayID, _ through: UInt64, _ head: AuditHead, _ last: Int64, _ pruned: Int64
    ) -> [UInt8] {
        var message = Array("latchkey audit stub 1\0\(gateway.rawValue)".utf8)
        message.append(number: through)
        message.append(contentsOf: head.bytes)
        message.append(number: last)
        message.append(number: pruned)
        return message
    }
}

/// ECDSA on P-256 with SHA-256, in the fixed form of 64 bytes.
enum AuditSignature {
    static func sign(_ message: [UInt8], with key: IdentityKey) throws(TrustError) -> [UInt8] {
        do {
            return Array(try key.signing.signature(for: message).rawRepresentation)
        } catch {
            throw TrustError("the audit log could not be signed: \(error)")
        }
    }

    static func isValid(_ signature: [UInt8], of message: [UInt8], by authority: IssuedCertificate) -> Bool {
        guard let key = P256.Signing.PublicKey(authority.certificate.publicKey),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

extension AuditCheckpoint: CustomStringConvertible {
    /// `latchkey-audit:GATEWAY:SEQUENCE:HEAD:MILLISECONDS:SIGNATURE`, to be handed from a client to its gateway's owner.
    package var description: String {
        "latchkey-audit:\(gateway):\(sequence):\(head):\(milliseconds):\(Base64URL.encode(signature))"
    }

    /// Reads what `description` writes.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "latchkey-audit", let gateway = GatewayID(parts[1]),
            let sequence = UInt64(parts[2]), let bytes = Hexadecimal.decode(parts[3]),
            let head = AuditHead(bytes: bytes), let milliseconds = Int64(parts[4]),
            let signature = Base64URL.decode(String(parts[5])), signature.count == 64
        else { return nil }
        self.init(
            gateway: gateway, sequence: sequence, head: head, milliseconds: milliseconds, signature: signature)
    }
}
