/// One sentence of a policy.
package struct PolicyRule: Hashable, Sendable {
    /// What a rule does where it applies.
    package enum Effect: String, Hashable, Sendable { case permit, deny }

    /// Its name, unique in the policy: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    package var name: String
    /// What it does.
    package var effect: Effect
    /// To what it does that; empty with a preset.
    package var operations: [PolicyOperation]
    /// The preset that it gives, for a rule that permits.
    package var preset: Preset?
    /// Of whom it speaks; empty for everyone.
    package var who: [PolicySubject]
    /// Through whom; empty for anywhere, which of a client that may not share is its own host only.
    package var via: [PolicyVia]
    /// Of which devices.
    package var device: DeviceSelector
    /// Of which services; empty for all. Concerns control, events and services' descriptions.
    package var service: [TypeSelector]
    /// Limits on arguments.
    package var arguments: [ArgumentCondition]
    /// Containers of a ContentDirectory below which Browse and Search are permitted; empty for no limit.
    package var below: [String]
    /// When it applies; nil for always.
    package var when: PolicySchedule?
    /// The last moment at which it applies; nil for ever.
    package var until: PolicyInstant?
    /// Whether somebody at the gateway has to consent to each client's first use.
    package var consent: Bool
    /// The line of the policy's text where it begins; 0 for none.
    package var line: Int

    /// Makes a rule.
    package init(
        name: String, effect: Effect = .permit, operations: [PolicyOperation] = [], preset: Preset? = nil,
        who: [PolicySubject] = [], via: [PolicyVia] = [], device: DeviceSelector = .init(),
        service: [TypeSelector] = [], arguments: [ArgumentCondition] = [], below: [String] = [],
        when: PolicySchedule? = nil, until: PolicyInstant? = nil, consent: Bool = false, line: Int = 0
    ) {
        self.name = name
        self.effect = effect
        self.operations = operations
        self.preset = preset
        self.who = who
        self.via = via
        self.device = device
        self.service = service
        self.arguments = arguments
        self.below = below
        self.when = when
        self.until = until
        self.consent = consent
        self.line = line
    }

    /// Whether a text may be a rule's, a group's or a room's name.
    package static func isName(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2E || byte == 0x5F || byte == 0x2D
            }
    }
}

/// What a rule speaks of.
package enum PolicyOperation: Hashable, Sendable {
    /// All that follows.
    case everything
    /// To see the device and read its description, without anything else of it.
    case discover
    /// All actions.
    case actions
    /// All events.
    case events
    /// Content, pictures, icons.
    case media
    /// The device's own web page.
    case presentation
    /// One action, by its exact name.
    case action(String)
    /// The actions whose names begin so; written with a `*` at the end.
    case actionPrefix(String)

    /// The words for those that are no actions.
    package static let keywords: [(word: String, operation: PolicyOperation)] = [
        ("everything", .everything), ("discover", .discover), ("actions", .actions), ("events", .events),
        ("media", .media), ("presentation", .presentation),
    ]

    /// As a policy has it: a keyword, an action, or the beginning of an action's name with a `*`. An action that
    /// is called like a keyword is written `action:media`. Nil for what is none of these.
    package init?(_ text: String) {
        if let known = Self.keywords.first(where: { $0.word == text }) {
            self = known.operation
            return
        }
        var name = text[...]
        if name.hasPrefix("action:") { name = name.dropFirst("action:".count) }
        let isPrefix = name.last == "*"
        if isPrefix { name = name.dropLast() }
        guard (1...128).contains(name.utf8.count),
            name.unicodeScalars.allSatisfy({
                $0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-.".unicodeScalars.contains($0)
            })
        else { return nil }
        self = isPrefix ? .actionPrefix(String(name)) : .action(String(name))
    }

    /// As a policy has it. Actions begin with a capital letter in practice and keywords do not, so that a small one
    /// would be taken for a keyword, or for one with a slip of the pen.
    package var text: String {
        switch self {
        case .action(let name): name.first?.isLowercase == true ? "action:\(name)" : name
        case .actionPrefix(let prefix): "\(prefix)*"
        default: Self.keywords.first { $0.operation == self }?.word ?? ""
        }
    }

    /// Whether it is of actions by name.
    package var isAction: Bool {
        switch self {
        case .action, .actionPrefix: true
        default: false
        }
    }
}
