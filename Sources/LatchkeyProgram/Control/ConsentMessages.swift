package import Foundation

/// What the owner does about the clients that wait for a consent. Asked of the running gateway: the questions last as
/// long as its process.
package enum ConsentOrder: Codable, Hashable, Sendable {
    /// Tells the open questions.
    case list
    /// Lets a client, by its name, do what a rule permits with consent; durable.
    case allow(client: String, rule: String)
    /// Takes that back, or refuses it for an hour.
    case refuse(client: String, rule: String)
}

/// A client that waits for a consent.
package struct ConsentReport: Codable, Hashable, Sendable {
    /// The client's name.
    package var client: String
    /// The rule that permits it with consent.
    package var rule: String
    /// The device's name, and the action that was asked for first.
    package var device: String
    package var action: String
    /// When it was asked for first.
    package var asked: Date

    package init(client: String, rule: String, device: String, action: String, asked: Date) {
        self.client = client
        self.rule = rule
        self.device = device
        self.action = action
        self.asked = asked
    }
}
