package import Tunnel

/// What every carrier must do, as checks that throw a `ConformanceFailure`.
///
/// One end asks and the other answers; the harness brings a fresh pair for each check.
package struct CarrierConformance: Sendable, CustomStringConvertible {
    /// The end that asks, and what closes the end that answers.
    package struct Ends: Sendable {
        /// Opens the exchanges.
        package let asking: any Carrier
        /// Closes the other end.
        package let closeAnswering: @Sendable (CarrierEnd) -> Void

        /// Names both ends.
        package init(asking: any Carrier, closeAnswering: @escaping @Sendable (CarrierEnd) -> Void) {
            self.asking = asking
            self.closeAnswering = closeAnswering
        }
    }

    /// Answers one exchange.
    package typealias Answer = @Sendable (any InboundExchange) async -> Void
    /// Makes a pair whose one end answers with `answer`, runs `body` with it, and takes it down.
    package typealias Harness =
        @Sendable (
            _ answer: @escaping Answer, _ body: @escaping @Sendable (Ends) async throws -> Void
        ) async throws -> Void

    /// A sentence.
    package let description: String
    /// Runs the check.
    package let run: @Sendable (Harness) async throws -> Void

    /// Every check.
    package static var all: [CarrierConformance] { bodies + resets + ends }
}

/// A carrier did not do what every carrier does.
package struct ConformanceFailure: Error, CustomStringConvertible {
    /// What was expected and what came.
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Throws unless `condition` holds.
func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    if !condition { throw ConformanceFailure(sentence()) }
}
