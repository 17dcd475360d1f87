import Foundation
import UnixSignals

/// A policy's file that a running program keeps in force: read at its start, on SIGHUP, and when it is told to.
///
/// What is read becomes a version of the store's policy, so that it is explained, audited and taken back as any other.
/// A file that is no policy leaves the one in force as it is.
package struct FollowedPolicy: Sendable {
    private let path: String
    private let policies: PolicyControlHandler
    /// Who changes the policy, for the history.
    package static let author = "latchkey vlan run"

    /// Follows the file at `path` with a store's policy.
    package init(path: String, policies: PolicyControlHandler) {
        self.path = path
        self.policies = policies
    }

    /// Reads the file, and puts it in force unless it is; the version that is in force then, with what changed.
    /// - Throws: `ProgramError` with every fault of the file by its line; nothing has changed then.
    @discardableResult
    package func read() async throws -> PolicyReport {
        let text = try PolicyProgram.read(path)
        try PolicyProgram.parse(text, of: path)
        guard case .shown(var current) = try await policies.handle(.show(version: nil)) else {
            throw ProgramError.failure("the store did not tell its policy")
        }
        if current.version > 0, current.text == text {
            current.text = nil
            return current
        }
        let order = PolicyControlRequest.set(text: text, expecting: current.version, author: Self.author)
        guard case .stored(let stored) = try await policies.handle(order) else {
            throw ProgramError.failure("the store did not take the policy")
        }
        return stored
    }

    /// Reads the file again at each signal, and tells what came of it; until the task is cancelled.
    func follow(
        _ signals: UnixSignalsSequence, changed: () async -> Void, report: (ProgramEvent) -> Void
    ) async {
        for await _ in signals {
            do {
                let stored = try await read()
                await changed()
                report(
                    ProgramEvent(
                        "policy-read", "\(path) was read; version \(stored.version) of the policy is in force",
                        ["file": path, "version": "\(stored.version)"]))
            } catch {
                report(
                    ProgramEvent(
                        "policy-refused",
                        "the policy in force stays: \("\(error)".replacing("\n", with: " "))",
                        ["file": path, "reason": "\(error)"]))
            }
        }
    }
}
