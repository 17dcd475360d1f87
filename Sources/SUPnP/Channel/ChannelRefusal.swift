/// Why a datagram that claims to be sealed is dropped. Whoever sent it learns nothing of this.
package enum ChannelRefusal: Error, Hashable, Sendable {
    /// Its base header is not one (specification 3.2).
    case header(HeaderError)
    /// Its body is not encrypted: data in clear is never accepted (P22, F10).
    case clear
    /// Its suite lies below the floor, or is not that of the channel: no downgrade (3.10.5).
    case suite
    /// Its envelope is not canonical (3.6.1).
    case envelope(EnvelopeError)
    /// It names a key, a sender, an epoch or a group that is not this channel's.
    case otherChannel
    /// A message with its counter has been accepted before.
    case replayed
    /// Its counter lies too far behind the highest that was accepted.
    case tooOld
    /// Its counter lies above what has been reserved in the durable store (see `CounterReservation`).
    case unreserved
    /// It was not sealed under this key, or has been changed on its way.
    case notAuthentic
    /// What was sealed is no whole message and no segment (3.6.4).
    case frame(FrameError)
    /// It opens, but its sender has not signed it (3.6.5).
    case notSigned
    /// No valid certificate of a forwarder with this number is known, or the one that is known has been revoked or is
    /// out of date (3.8).
    case unknownSender
    /// The epoch is over, or there is none yet.
    case epochOver
    /// The epoch lies ahead of the next one, or too many datagrams wait for that already.
    case epochAhead
    /// The receiver has restarted in this epoch, and does not know yet which of its messages are old.
    case awaitingFloor
}

/// Why an envelope is not canonical (specification 3.6.1).
package enum EnvelopeError: Error, Hashable, Sendable {
    /// Fewer bytes than both headers and a tag.
    case short
    /// The octet `keyType` is neither 1 nor 2.
    case keyKind(UInt8)
    /// The reserved octet is not 0.
    case reserved
    /// The sender's number is 0.
    case sender
    /// The counter is 2^48 or more.
    case counter
    /// The header's nonce is not the counter's low 16 bits.
    case nonce
    /// The flags do not go with the key's kind and the sender.
    case flags
    /// The key's number is reserved, or is not the epoch's low 16 bits.
    case keyID
}

/// Why a message cannot be sealed or a channel not be made. All are faults on our own side.
package enum ChannelFault: Error, Hashable, Sendable {
    /// The key has sealed 2^48 messages, or as many as one channel may.
    case exhausted
    /// The counters that the durable store has reserved are used up: commit the next block first.
    case unreserved
    /// It does not fit one datagram, or its segments are more than 64.
    case tooLong
    /// A message has at least one byte.
    case empty
    /// The epoch or generation is not above the one before.
    case notAscending
    /// There is no epoch yet, or the forwarder has been fenced.
    case noKey
    /// The cipher library refused to work.
    case cipherUnavailable
    /// A datagram that was prepared for another counter: a bug of the caller.
    case wrongCounter
}
