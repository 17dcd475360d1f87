import NetworkTypes

/// A PIN of eight digits, the last of which checks the others.
package struct WPSPIN: Hashable, Sendable, CustomStringConvertible {
    /// The eight digits as ASCII: a secret.
    let digits: [UInt8]

    /// Draws a PIN.
    package init(using random: inout some RandomNumberGenerator) {
        self.init(body: Int.random(in: 0..<10_000_000, using: &random))
    }

    private init(body: Int) {
        let number = body * 10 + Self.checkDigit(of: body)
        let text = String(number)
        self.digits = Array((String(repeating: "0", count: 8 - text.count) + text).utf8)
    }

    /// Reads eight digits as a person typed them, blanks and hyphens between them let through; nil when the last
    /// digit does not check the others, so that most slips are noticed before the one attempt is spent.
    package init?(_ text: some StringProtocol) {
        let digits = text.utf8.filter { $0 != 0x20 && $0 != 0x2D }
        guard digits.count == 8, text.utf8.count <= 16, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        let number = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard Self.checkDigit(of: number / 10) == number % 10 else { return nil }
        self.digits = Array(digits)
    }

    /// Odd places count three times (Wi-Fi Protected Setup 1.0h §7.4.1).
    static func checkDigit(of body: Int) -> Int {
        var (rest, sum, weight) = (body, 0, 3)
        while rest > 0 {
            sum += rest % 10 * weight
            rest /= 10
            weight = 4 - weight
        }
        return (10 - sum % 10) % 10
    }

    /// As it is shown to a person: two groups of four.
    package var shown: String {
        String(decoding: digits[0..<4], as: UTF8.self) + " " + String(decoding: digits[4...], as: UTF8.self)
    }

    /// Hides the digits.
    package var description: String { "PIN of 8 digits" }
}

/// What both sides know, and prove to each other half by half.
package enum WPSPassword: Hashable, Sendable {
    /// The PIN that one of them shows and the other was told.
    case pin(WPSPIN, WPSPasswordID = .pin)
    /// Nothing but that a button was pressed on both within two minutes: whoever else listens at that moment is not
    /// kept out by it, only noticed.
    case pushButton

    var id: WPSPasswordID {
        switch self {
        case .pin(_, let id): id
        case .pushButton: .pushButton
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .pin(let pin, _): pin.digits
        case .pushButton: Array("00000000".utf8)
        }
    }
}
