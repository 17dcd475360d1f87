// The standard library composes strings to compare them, but shows that to nobody. The other ways are Foundation, which
// stays out of the protocol cores, and tables of our own, which would age. The interface is not stable: a compiler that
// changes it fails here, at build time, and a change of what it gives fails the tests of the password.
@_spi(_Unicode) import Swift

/// Unicode's normal form C (UAX #15).
enum NormalForm {
    /// The text in normal form C: one person's password is one password on every keyboard (F17).
    static func composed(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text._nfc)
        return String(scalars)
    }
}
