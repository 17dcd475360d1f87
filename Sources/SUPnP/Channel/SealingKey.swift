package import GroupKeys

/// A key that seals, together with its counter: the two are one object, so no (key, nonce) is used twice (F11).
///
/// The counter starts at 0, rises by one with each message and is read back from the very bytes that are authenticated:
/// `seal` refuses a datagram that bears another counter than its own next. At 2^48 messages the key is dead. A key
/// whose process may be followed by another under the same secret seals only below a ceiling that the durable store has
/// reserved (see `CounterReservation`). It is a class, not to be copied, and of one owner; it is not `Sendable`.
package final class SealingKey {
    /// What both headers say.
    package let scope: KeyScope
    /// The counter of the next message.
    package private(set) var next: UInt64
    /// The key seals counters below this only.
    package private(set) var ceiling: UInt64
    private let cipher: DatagramCipher
    private let fingerprint: KeyFingerprint

    /// Makes a key that seals from counter `next` on, below `ceiling`, which is at most 2^48.
    package init(
        _ scope: KeyScope, key: SecretBytes, next: UInt64 = 0, ceiling: UInt64 = ExtensionHeader.counterLimit
    ) throws(ChannelFault) {
        self.scope = scope
        self.next = next
        self.ceiling = min(ceiling, ExtensionHeader.counterLimit)
        do {
            cipher = try DatagramCipher(DatagramAlgorithm(scope.suite), key: key, for: .seal)
        } catch {
            throw .cipherUnavailable
        }
        fingerprint = KeyFingerprint(key)
    }

    /// Raises the ceiling to what the durable store has reserved. It never sinks, and never passes 2^48.
    package func raiseCeiling(to ceiling: UInt64) {
        self.ceiling = max(self.ceiling, min(ceiling, ExtensionHeader.counterLimit))
    }

    /// Leaves out all counters below `counter`, if that lies ahead, by at most `limit`. Says whether `next` is at or
    /// above it afterwards.
    package func skip(to counter: UInt64, limit: UInt64 = 1 << 32) -> Bool {
        guard counter > next else { return true }
        guard counter - next <= limit, counter < ExtensionHeader.counterLimit else { return false }
        next = counter
        return true
    }

    /// Both headers of the message that is `ahead` messages after the next: 32 bytes, in an array with room for the
    /// whole datagram.
    func headers(_ kind: MessageKind, textCount: Int, ahead: Int = 0) throws(ChannelFault) -> [UInt8] {
        let counter = next + UInt64(ahead)
        guard counter < ExtensionHeader.counterLimit else { throw .exhausted }
        guard counter < ceiling else { throw .unreserved }
        guard textCount + WireSizes.sealedOverhead <= WireSizes.maximumDatagram else { throw .tooLong }
        let header = Header(
            flags: KeyScope.flags(scope.keyKind, from: scope.sender).union(kind.flags), suite: scope.suite,
            keyID: scope.keyID, nonce: UInt16(truncatingIfNeeded: counter),
            bodyCount: WireSizes.extensionHeader + textCount + WireSizes.aeadTag)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(WireSizes.sealedOverhead + textCount)
        header.encode(into: &bytes)
        ExtensionHeader(
            epoch: scope.epoch, sender: scope.sender, counter: counter, keyKind: scope.keyKind,
            groupHint: scope.groupHint
        ).encode(into: &bytes)
        return bytes
    }

    /// Seals a datagram of headers and plaintext in place, and appends the tag. The headers are those that `headers`
    /// has made for the next counter and this length.
    func seal(_ datagram: inout [UInt8]) throws(ChannelFault) {
        let counter = next
        guard counter < ceiling else { throw counter < ExtensionHeader.counterLimit ? .unreserved : .exhausted }
        guard let envelope = try? ExtensionHeader.decode(datagram), envelope.counter == counter,
            envelope.epoch == scope.epoch
        else { throw .wrongCounter }
        next += 1
        let nonce = Nonce(epoch: scope.epoch, counter: counter)
        #if DEBUG
            NonceAudit.witness?.sealing(key: fingerprint, nonce: nonce.withUnsafeBytes { Array($0) })
        #endif
        datagram.append(contentsOf: DatagramAlgorithm.emptyTag)
        let isSealed = datagram.withUnsafeMutableBytes { bytes in
            cipher.seal(bytes, headerLength: WireSizes.sealedHeader, nonce: nonce)
        }
        guard isSealed else {
            datagram = []
            throw .cipherUnavailable
        }
    }

    /// Seals one frame, which the caller has made.
    package func seal(frame: [UInt8], _ kind: MessageKind) throws(ChannelFault) -> [UInt8] {
        var datagram = try headers(kind, textCount: frame.count)
        datagram.append(contentsOf: frame)
        try seal(&datagram)
        return datagram
    }

    /// Seals a whole message.
    func seal(whole body: [UInt8], _ kind: MessageKind) throws(ChannelFault) -> [UInt8] {
        var datagram = try headers(kind, textCount: Frame.wholeOverhead + body.count)
        datagram.append(Frame.wholeOctet)
        datagram.append(contentsOf: body)
        try seal(&datagram)
        return datagram
    }
}

extension DatagramAlgorithm {
    /// Where a tag will be.
    static let emptyTag = [UInt8](repeating: 0, count: tagLength)

    /// The algorithm of a suite.
    package init(_ suite: Suite) {
        switch suite {
        case .classic, .hardenedAESGCM: self = .aes256GCM
        case .hardenedChaChaPoly: self = .chaCha20Poly1305
        }
    }
}
