/// Sees what a tree derives, for the tests that show that no pad is used twice, and that nobody outside an epoch can
/// come to its secret. It keeps secrets in the open: nothing else may use it.
// A test hands it to one tree, and reads it between that tree's calls.
package final class DerivationWitness: @unchecked Sendable {
    /// One derivation.
    package struct Derivation: Sendable {
        package let key: SecretBytes
        package let label: TreeLabel
        package let epoch: UInt32
        package let node: UInt32
        package let salt: [UInt8]
        package let value: SecretBytes
    }

    /// In their order.
    package private(set) var derivations: [Derivation] = []

    package init() {}

    func record(_ derivation: Derivation) { derivations.append(derivation) }
}
