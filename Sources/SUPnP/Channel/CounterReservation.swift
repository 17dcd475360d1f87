/// What a member's durable store says of its pairwise counters, so that a restart under the same RELAY repeats no
/// (key, nonce) and accepts no message from before it (specification 3.6.1 and 3.6.3).
///
/// A controller's process draws a new boot, and with it new keys. A member does not: unless it registers again when it
/// starts (which is the plain way, and needs none of this), it commits blocks of counters *before* it uses them. After
/// a restart it seals from `sendCeiling` on and refuses everything below `receiveCeiling`; because the controller may
/// still be below that, the member tells it the floor in its first, sealed, message, and the controller leaves out the
/// counters below (`PairwiseChannel.skipSending`).
package struct CounterReservation: Hashable, Sendable {
    /// How many counters are reserved at a time. A commit is asked for when less than half of them is left.
    package static let block: UInt64 = 65_536

    /// The generation of the pairwise key that the counters are of.
    package let generation: UInt32
    /// Counters below this may have been sealed.
    package let sendCeiling: UInt64
    /// Counters below this may have been accepted.
    package let receiveCeiling: UInt64

    /// A reservation as it is stored.
    package init(generation: UInt32, sendCeiling: UInt64, receiveCeiling: UInt64) {
        self.generation = generation
        self.sendCeiling = min(sendCeiling, ExtensionHeader.counterLimit)
        self.receiveCeiling = min(receiveCeiling, ExtensionHeader.counterLimit)
    }

    /// The first block in each direction, for a generation that nobody has used.
    package static func first(_ generation: UInt32) -> CounterReservation {
        CounterReservation(generation: generation, sendCeiling: block, receiveCeiling: block)
    }

    /// The reservation to commit where the counters have come to `next` and `highest`, or nil if enough is left.
    func extended(next: UInt64, highest: UInt64) -> CounterReservation? {
        let send = Self.ceiling(sendCeiling, reached: next)
        let receive = Self.ceiling(receiveCeiling, reached: highest)
        guard send != sendCeiling || receive != receiveCeiling else { return nil }
        return CounterReservation(generation: generation, sendCeiling: send, receiveCeiling: receive)
    }

    private static func ceiling(_ ceiling: UInt64, reached counter: UInt64) -> UInt64 {
        counter + block / 2 < ceiling ? ceiling : min(counter + block, ExtensionHeader.counterLimit)
    }
}
