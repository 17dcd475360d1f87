package import Foundation
import Synchronization
package import TrustCore

/// What clients asked for whose first use somebody at home has to consent to. The questions last as long as the process;
/// the answers are durable, in the policy's store.
package final class ConsentDesk: Sendable {
    /// A question that is open.
    package struct Question: Hashable, Sendable {
        /// The rule that permits it, with consent.
        package let rule: String
        /// Who asks.
        package let subject: SubjectID
        /// The client's name.
        package let client: String
        /// The device's name, and the action that was asked for first.
        package let device: String
        package let action: String
        /// When it was asked first.
        package let askedAt: Date
    }

    /// Questions at once; more are refused without being asked.
    package static let most = 64
    /// How long a client that was refused does not ask again.
    package static let silence: TimeInterval = 3_600

    private struct Key: Hashable {
        let rule: String
        let subject: SubjectID
    }

    private struct State {
        var open: [Key: Question] = [:]
        var refused: [Key: Date] = [:]
    }

    private let state = Mutex(State())
    private let continuation: AsyncStream<Question>.Continuation
    /// Each question when it is asked first. For one reader.
    package let questions: AsyncStream<Question>

    /// Makes a desk without questions.
    package init() {
        (questions, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.most))
    }

    /// Puts a question to the owner, unless it is there; answers the sentence for the one who asks.
    func ask(rule: String, for subject: Subject, of device: KnownDevice, action: String, now: Date = Date()) -> String {
        let key = Key(rule: rule, subject: subject.id)
        let question = Question(
            rule: rule, subject: subject.id, client: subject.name, device: device.name, action: action, askedAt: now)
        let (sentence, isNew) = state.withLock { state -> (String, Bool) in
            if let until = state.refused[key], now < until {
                return ("The owner did not consent to the rule \(rule). Ask in person", false)
            }
            state.refused[key] = nil
            let asks = "The rule \(rule) permits this once the owner consents, who is asked now: try again later"
            guard state.open[key] == nil else { return (asks, false) }
            guard state.open.count < Self.most else {
                return ("Too many questions wait for the owner: try again later", false)
            }
            state.open[key] = question
            return (asks, true)
        }
        if isNew { continuation.yield(question) }
        return sentence
    }

    /// The open questions, the oldest first.
    package var open: [Question] {
        state.withLock { Array($0.open.values) }.sorted { ($0.askedAt, $0.rule) < ($1.askedAt, $1.rule) }
    }

    /// A question was answered. A refusal holds for ``silence``.
    package func close(rule: String, subject: SubjectID, consented: Bool, now: Date = Date()) {
        state.withLock { state in
            let key = Key(rule: rule, subject: subject)
            state.open[key] = nil
            if state.refused.count >= 4 * Self.most { state.refused = state.refused.filter { now < $0.value } }
            state.refused[key] = consented || state.refused.count >= 4 * Self.most ? nil : now + Self.silence
        }
    }
}
