/// Why a command ended without doing what it was asked: one sentence for the person who typed it.
package struct ProgramError: Error, Hashable, CustomStringConvertible {
    /// What the process answers its parent with.
    package enum Kind: Hashable, Sendable {
        /// The command was understood and failed: exit code 1.
        case failure
        /// The command line, the environment or the configuration file asks for something impossible: exit code 2.
        case usage
    }

    package var kind: Kind
    /// What happened and what to do, as one sentence without a full stop at its end.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The command was understood and failed.
    package static func failure(_ message: String) -> ProgramError { ProgramError(.failure, message) }

    /// Something impossible was asked for.
    package static func usage(_ message: String) -> ProgramError { ProgramError(.usage, message) }

    package var description: String { message }

    /// The exit code that this error ends the process with: 1 or 2.
    package var exitCode: Int32 {
        switch kind {
        case .failure: 1
        case .usage: 2
        }
    }
}
