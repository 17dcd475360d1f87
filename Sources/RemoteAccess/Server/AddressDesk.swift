import Synchronization
package import TrustCore

/// Tells clients where the gateway is reached, and how it is found again: made by who knows, asked by sessions.
package final class AddressDesk: Sendable {
    package typealias Answers = @Sendable (SubjectID) async throws -> AddressAnswer

    private let answers = Mutex<Answers?>(nil)

    /// Takes questions from now on.
    package func open(_ body: @escaping Answers) { answers.withLock { $0 = body } }

    /// What a client is told; nil where nobody knows.
    func answer(_ client: SubjectID) async throws -> AddressAnswer? {
        let body = answers.withLock { $0 }
        return try await body?(client)
    }
}
