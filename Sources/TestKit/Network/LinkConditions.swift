/// How a simulated network treats each copy of a datagram.
package struct LinkConditions: Hashable, Sendable {
    /// The time on the way without any reordering.
    package var latency: Duration = .milliseconds(1)
    /// The probability that a copy never arrives, 0...1.
    package var loss: Double = 0
    /// The probability that a datagram travels a second time, 0...1; a second copy may again be doubled, up to
    /// ``maximumCopies``.
    package var duplication: Double = 0
    /// The probability that one bit of a copy arrives flipped, 0...1.
    package var corruption: Double = 0
    /// How many datagrams that follow may overtake one: each copy waits for a random number of ``slot``s below this.
    package var shuffleWindow: Int = 1
    /// The spacing of the places in the shuffle window.
    package var slot: Duration = .microseconds(500)

    /// The most copies of one datagram that one receiver gets.
    package static let maximumCopies = 4

    /// A network that loses nothing and keeps the order.
    package init() {}

    /// A network that loses `loss` of all copies.
    package init(loss: Double) { self.loss = loss }

    /// Everything at once: loss, copies, flipped bits, and a shuffle over 64 places.
    package static func hostile(loss: Double) -> LinkConditions {
        var conditions = LinkConditions(loss: loss)
        conditions.duplication = 0.2
        conditions.corruption = 0.02
        conditions.shuffleWindow = 64
        return conditions
    }
}
