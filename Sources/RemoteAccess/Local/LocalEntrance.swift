package import TrustCore
package import Tunnel

/// The way from an away client to a gateway in the same process: carriers of memory where others have a tunnel.
///
/// What comes in here is a session of `subject` like any other, so that everything it asks for is decided about
/// where the requests of distant clients are.
package final class LocalEntrance: Sendable {
    /// Whose sessions these are.
    package let subject: SubjectID
    /// The gateway's ends of the carriers. For one reader.
    let carriers: AsyncStream<InMemoryCarrier>
    private let offer: AsyncStream<InMemoryCarrier>.Continuation

    /// How many carriers may wait for the gateway.
    private static let waiting = 4

    /// Makes the way in for the sessions of one subject.
    package init(subject: SubjectID) {
        self.subject = subject
        (self.carriers, self.offer) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waiting))
    }

    /// The client's end of a new carrier.
    /// - Throws: `CarrierEnd.closed` when the gateway has stopped, or does not take what was opened before.
    package func connect() throws(CarrierEnd) -> any Carrier {
        let (asking, answering) = InMemoryCarrier.pair()
        guard case .enqueued = offer.yield(answering) else { throw .closed }
        return asking
    }

    /// Nobody comes in any more.
    func close() {
        offer.finish()
    }
}
