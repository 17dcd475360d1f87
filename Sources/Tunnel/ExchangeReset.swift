/// The peer gave an exchange up, or this end did and went on using it.
package struct ExchangeReset: Error, Hashable, Sendable, CustomStringConvertible {
    /// Why.
    package var code: ResetCode

    /// Makes the error of a code.
    package init(_ code: ResetCode) { self.code = code }

    package var description: String { "the exchange was reset with code \(code.rawValue)" }
}
