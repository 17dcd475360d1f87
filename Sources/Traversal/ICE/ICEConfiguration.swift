/// The times and limits of an agent. The defaults are the RFCs' where they have any.
package struct ICEConfiguration: Hashable, Sendable {
    /// The time between the first sends of two checks (RFC 8445 §14.2).
    package var pacing = ICEDescription.commonPacing
    /// The shortest first wait for an answer (§14.3).
    package var firstWait = Duration.milliseconds(500)
    /// How often a check is sent in all: with the defaults it has failed after 19.5 s.
    package var sends = 6
    /// How many first waits are waited for after the last.
    package var lastWaits = 8
    /// The most pairs (§6.1.2.5).
    package var maximumPairs = 100
    /// How many further addresses of the peer are learned from its checks.
    package var maximumReflexive = 10
    /// When nothing was found in this time after the first candidates of the peer, the agent has failed.
    package var patience = Duration.seconds(25)
    /// How long a controlling end that may nominate once waits for a better pair than the one that has succeeded.
    package var nominationWait = Duration.milliseconds(600)
    /// The same while there are only relayed ones.
    package var relayedNominationWait = Duration.milliseconds(2_500)
    /// Whether the end follows, or makes, nominations that replace an earlier one.
    package var renominates = true
    /// The time between questions whether the peer still consents, changed at random by a fifth (RFC 7675 §5.1).
    package var consentInterval = Duration.seconds(5)
    /// When consent ends without an answer.
    package var consentLifetime = Duration.seconds(30)
    /// The time between checks of pairs that are kept in reserve (RFC 8445 §11).
    package var reserveInterval = Duration.seconds(15)
    /// How many pairs are kept in reserve, at most three.
    package var reserves = 3
    /// How long the selected pair may be silent, though asked, before another is nominated that answers.
    package var silence = Duration.milliseconds(2_500)
    /// When better pairs that have failed are tried again, at first; the time doubles.
    package var climbInterval = Duration.seconds(30)
    /// The longest of those times.
    package var longestClimbInterval = Duration.seconds(600)

    package init() {}
}
