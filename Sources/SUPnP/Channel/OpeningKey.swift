package import GroupKeys

/// A key that opens, together with its replay window (specification 3.6.3).
///
/// The order is fixed: the headers are compared with the key's, a counter that was seen is dropped, the message is
/// authenticated, and only then is its counter recorded. What a broadcast's counter waits for is the forwarder's
/// signature: every member can seal under a forwarder's key, and would otherwise close its window with one message. The
/// window belongs to the key, so it survives as long as the key does, whatever epoch comes. A class of one owner, not
/// `Sendable`.
package final class OpeningKey {
    /// What both headers have to say.
    package let scope: KeyScope
    /// Counters at or above this are refused, because the durable store has not reserved them yet.
    package private(set) var ceiling: UInt64
    /// What has been accepted.
    package private(set) var window: ReplayWindow
    private let cipher: DatagramCipher
    fileprivate let fingerprint: KeyFingerprint

    /// Makes a key that accepts counters from `floor` up to below `ceiling`.
    package init(
        _ scope: KeyScope, key: SecretBytes, floor: UInt64 = 0, ceiling: UInt64 = ExtensionHeader.counterLimit
    ) throws(ChannelFault) {
        self.scope = scope
        self.ceiling = ceiling
        window = ReplayWindow(floor: floor)
        do {
            cipher = try DatagramCipher(DatagramAlgorithm(scope.suite), key: key, for: .open)
        } catch {
            throw .cipherUnavailable
        }
        fingerprint = KeyFingerprint(key)
    }

    /// Raises the ceiling to what the durable store has reserved.
    package func raiseCeiling(to ceiling: UInt64) {
        self.ceiling = max(self.ceiling, ceiling)
    }

    /// Refuses counters below `counter` from here on.
    package func raiseFloor(to counter: UInt64) {
        window.raiseFloor(to: counter)
    }

    /// Opens a pairwise message.
    package func open(_ message: consuming UnverifiedMessage) throws(ChannelRefusal) -> OpenedMessage {
        guard scope.keyKind == .pairwise else { throw .otherChannel }
        let bytes = try decrypt(message)
        try record(message.envelope.counter)
        return try OpenedMessage(message, key: fingerprint, frame: bytes[WireSizes.sealedHeader...])
    }

    /// Opens a broadcast, whose signature is still to be verified: every member of the group could have sealed it.
    package func openBroadcast(_ message: consuming UnverifiedMessage) throws(ChannelRefusal) -> OpenedBroadcast {
        guard scope.keyKind == .groupSender else { throw .otherChannel }
        let bytes = try decrypt(message)
        return OpenedBroadcast(message: message, bytes: bytes, opener: self)
    }

    /// The headers and the plaintext of a message that this key seals, and whose counter was not recorded before.
    private func decrypt(_ message: borrowing UnverifiedMessage) throws(ChannelRefusal) -> [UInt8] {
        guard message.header.suite == scope.suite else { throw .suite }
        guard scope.covers(message) else { throw .otherChannel }
        let counter = message.envelope.counter
        guard counter < ceiling else { throw .unreserved }
        try Self.check(window.verdict(counter))
        var bytes = message.bytes
        let nonce = Nonce(epoch: scope.epoch, counter: counter)
        let isAuthentic = bytes.withUnsafeMutableBytes { bytes in
            cipher.open(bytes, headerLength: WireSizes.sealedHeader, nonce: nonce)
        }
        guard isAuthentic else { throw .notAuthentic }
        bytes.removeLast(DatagramAlgorithm.tagLength)
        return bytes
    }

    fileprivate func record(_ counter: UInt64) throws(ChannelRefusal) {
        try Self.check(window.record(counter))
    }

    private static func check(_ verdict: ReplayWindow.Verdict) throws(ChannelRefusal) {
        switch verdict {
        case .fresh: return
        case .replayed: throw .replayed
        case .tooOld: throw .tooOld
        }
    }
}

/// A message that its sender, and nobody else, has sealed; a whole one or a segment of one.
package struct OpenedMessage: Sendable {
    /// Control or data, response or not, and as what the sender acts.
    package let kind: MessageKind
    /// Who has sent it.
    package let sender: SenderID
    /// The epoch, or the generation of the pairwise key.
    package let epoch: UInt32
    /// The counter of the message under its key.
    package let counter: UInt64
    /// Which key it was sealed under: segments of one message have one.
    package let key: KeyFingerprint
    /// Its text.
    package let frame: Frame

    fileprivate init(
        _ message: borrowing UnverifiedMessage, key: KeyFingerprint, frame: ArraySlice<UInt8>
    ) throws(ChannelRefusal) {
        kind = MessageKind(message.header.flags)
        sender = message.envelope.sender
        epoch = message.envelope.epoch
        counter = message.envelope.counter
        self.key = key
        do {
            self.frame = try Frame(frame)
        } catch {
            throw .frame(error)
        }
    }
}

/// A broadcast that somebody who holds the epoch's secret has sealed. Its text cannot be had, and its counter does not
/// count, before the signature is verified (specification 3.6.5, F8).
package struct OpenedBroadcast {
    fileprivate let message: UnverifiedMessage
    /// Both headers and the plaintext.
    fileprivate let bytes: [UInt8]
    fileprivate let opener: OpeningKey

    /// Verifies that the forwarder whose certificate `signer` was made of has signed it, and that it is still fresh.
    package consuming func verified(by signer: inout BroadcastVerifier) throws(ChannelRefusal) -> OpenedMessage {
        guard message.envelope.sender == .controller(signer.controller) else { throw .unknownSender }
        let payload = try signer.verify(bytes)
        try opener.record(message.envelope.counter)
        return try OpenedMessage(message, key: opener.fingerprint, frame: payload)
    }
}
