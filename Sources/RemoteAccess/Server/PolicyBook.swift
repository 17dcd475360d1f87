package import AccessPolicy
import Foundation
import Synchronization
package import TrustCore

/// The policy in force. Every decision of a gateway is made here, and nobody keeps a copy of it.
///
/// It is read without waiting and replaced as a whole. `changes` tells that what clients are shown, hear and
/// stream has to be looked at again: because somebody changed the policy, or because a rule's time began or ended.
package final class PolicyBook: Sendable {
    /// What a policy is made of.
    package struct Content: Hashable, Sendable {
        /// The policy's rules; nil where there are none.
        package var document: PolicyDocument?
        /// Who there is, and what was granted.
        package var ledger: TrustLedger
        /// To which rules' first use somebody has consented, for whom.
        package var consents: [SubjectID: Set<String>]

        /// Makes a content.
        package init(
            document: PolicyDocument? = nil, ledger: TrustLedger, consents: [SubjectID: Set<String>] = [:]
        ) {
            self.document = document
            self.ledger = ledger
            self.consents = consents
        }

        fileprivate func decidesAs(_ other: Content) -> Bool {
            document == other.document && consents == other.consents && ledger.grants == other.ledger.grants
                && ledger.subjects == other.ledger.subjects
        }
    }

    private struct State {
        var content: Content
        var policy: CompiledPolicy
        var shapes: PolicyShapes
        var version = 0

        init(_ content: Content) {
            self.content = content
            policy = CompiledPolicy(document: content.document, ledger: content.ledger)
            shapes = PolicyShapes(policy)
        }
    }

    private let state: Mutex<State>
    private let clock: @Sendable () -> PolicyMoment
    private let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Opens a book.
    package init(_ content: Content, clock: @escaping @Sendable () -> PolicyMoment = PolicyBook.wallClock) {
        self.state = Mutex(State(content))
        self.clock = clock
    }

    /// The wall clock of this host.
    package static let wallClock: @Sendable () -> PolicyMoment = {
        let now = Date()
        return PolicyMoment(now, secondsFromGMT: TimeZone.current.secondsFromGMT(for: now))
    }

    /// Puts another policy in force; does nothing when it would decide the same.
    package func update(_ change: (inout Content) -> Void) {
        let isNews = state.withLock { state in
            var content = state.content
            change(&content)
            guard !content.decidesAs(state.content) else { return false }
            let version = state.version + 1
            state = State(content)
            state.version = version
            return true
        }
        if isNews { continuation.yield() }
    }

    /// Counts the changes of the policy, and of what holds at the time.
    var version: Int { state.withLock { $0.version } }

    /// One element when something changed since the last was read. For one reader.
    var changes: AsyncStream<Void> { stream }

    /// Decides, at this moment and with the consents that were given.
    package func decide(_ request: AccessRequest) -> Decision {
        let (policy, consents) = state.withLock { ($0.policy, $0.content.consents[request.subject]) }
        var request = request
        request.moment = clock()
        request.consents = consents ?? []
        if request.roles.isEmpty { request.roles = policy.roles(of: request.subject) }
        return policy.decide(request)
    }

    /// The places in front of a client from where a device may be seen; see `CompiledPolicy.places`.
    func places(of subject: SubjectID, seeing device: DeviceFacts) -> [Via] {
        let policy = state.withLock { $0.policy }
        return policy.places(of: subject, roles: policy.roles(of: subject), seeing: device)
    }

    /// Whether a rule of the policy, or the client's guest pass, waits for a consent to its first use.
    func asksConsent(rule: String, of subject: SubjectID) -> Bool {
        let content = state.withLock { $0.content }
        if rule == GuestPass.rule {
            return content.ledger.grants.contains { $0.subject == subject && $0.pass?.consent == true }
        }
        return content.document?.rules.contains { $0.name == rule && $0.consent } ?? false
    }

    /// The clients whose guest passes have ended.
    var endedPasses: Set<SubjectID> {
        let now = clock().date
        let grants = state.withLock { $0.content.ledger.grants }
        return Set(grants.filter { $0.pass?.isOver(at: now) ?? false }.map(\.subject))
    }

    /// The DeviceProtection roles of a subject.
    package func roles(of subject: SubjectID) -> Set<RoleName> { state.withLock { $0.policy }.roles(of: subject) }

    /// Whether a subject may administer the gateway, and take up the role Admin.
    package func isAdministrator(_ subject: SubjectID) -> Bool {
        state.withLock { $0.content.ledger }.isAdministrator(subject)
    }

    /// The roles of a subject's DeviceProtection identity on the gateway's own services.
    func serviceRoles(of subject: SubjectID) -> Set<RoleName> {
        let (policy, ledger) = state.withLock { ($0.policy, $0.content.ledger) }
        return policy.serviceRoles(of: subject, isAdministrator: ledger.isAdministrator(subject))
    }

    /// A number that differs when what a subject may do with a device differs, the same over restarts.
    func shape(of subject: SubjectID, on device: DeviceFacts) -> UInt64 {
        state.withLock { $0.shapes }.shape(of: subject, on: device, at: clock())
    }

    /// Notices when a rule's time begins or ends, until the task is cancelled. `atEdge` is called before the change is
    /// told.
    func run(atEdge: () -> Void = {}) async throws {
        var looked = clock()
        while true {
            // The wall clock may jump, and the policy may change meanwhile: so it is looked at every second.
            try await Task.sleep(for: .seconds(1))
            let now = clock()
            let edge = state.withLock { $0.policy }.nextChange(after: looked)
            looked = now
            guard let edge, edge <= now.date else { continue }
            state.withLock { $0.version += 1 }
            atEdge()
            continuation.yield()
        }
    }
}
