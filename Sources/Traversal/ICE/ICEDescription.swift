/// The name and password by which checks of one generation are proved (RFC 8445 §5.3). The password is a secret of both
/// ends.
package struct ICECredentials: Hashable, Sendable, CustomStringConvertible {
    /// 4 to 255 characters of letters, digits, + and /: one fewer than RFC 8839 allows, so that the length is a byte.
    package let fragment: String
    /// 22 to 255 of the same.
    package let password: String

    /// Draws some: 48 bits of name and 144 of password, of which 24 and 128 are asked for.
    package init(using random: inout some RandomNumberGenerator) {
        fragment = Self.text(8, &random)
        password = Self.text(24, &random)
    }

    /// Takes a peer's; nil where length or characters are not allowed.
    package init?(fragment: String, password: String) {
        guard (4...255).contains(fragment.utf8.count), (22...255).contains(password.utf8.count),
            fragment.utf8.allSatisfy(\.isICECharacter), password.utf8.allSatisfy(\.isICECharacter)
        else { return nil }
        self.fragment = fragment
        self.password = password
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func text(_ count: Int, _ random: inout some RandomNumberGenerator) -> String {
        String(decoding: (0..<count).map { _ in alphabet[Int.random(in: 0..<64, using: &random)] }, as: UTF8.self)
    }

    /// The name alone.
    package var description: String { "ICE credentials \(fragment)" }
}

/// What one end tells the other of itself, on a way that is secret and proved: its credentials and candidates.
///
/// It is told anew, whole, whenever there are more candidates; other credentials mean a restart.
package struct ICEDescription: Hashable, Sendable {
    /// The most candidates of one end.
    package static let maximumCandidates = 20
    /// The longest encoded form, in bytes.
    package static let maximumBytes = 2_048
    /// How close together an end may want checks to be (RFC 8445 §14.2).
    package static let pacings: ClosedRange<Duration> = .milliseconds(5) ... .milliseconds(1_000)
    /// What is agreed on where nothing is said.
    package static let commonPacing = Duration.milliseconds(50)

    package var credentials: ICECredentials
    /// At most ``maximumCandidates``, which ``encoded()`` and the agent hold to.
    package var candidates: [ICECandidate]
    /// No more candidates will be told of in this generation.
    package var isComplete: Bool
    /// The end follows a controlling one that nominates another pair later; the latest counts.
    package var renominates: Bool
    /// The time between checks that the end wants; both keep to the longer.
    package var pacing: Duration

    package init(
        _ credentials: ICECredentials, candidates: [ICECandidate] = [], isComplete: Bool = false,
        renominates: Bool = true, pacing: Duration = commonPacing
    ) {
        self.credentials = credentials
        self.candidates = candidates
        self.isComplete = isComplete
        self.renominates = renominates
        self.pacing = pacing
    }
}
