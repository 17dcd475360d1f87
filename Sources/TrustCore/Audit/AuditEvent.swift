/// Something that happened at a gateway and that its owner may want to know later.
///
/// It holds what is needed to answer "who did what, when, and why was it let through": names of subjects, devices,
/// services and actions. It never holds an argument's value, a URL, an event's content or a body.
package struct AuditEvent: Hashable, Sendable {
    /// What kind of thing happened.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The gateway's identity was made: the log's first entry.
        case established
        /// A pairing code was made.
        case codeMade = "code-made"
        /// A pairing code was taken back, burnt by wrong guesses, or ran out.
        case codeClosed = "code-closed"
        /// A client was paired.
        case paired
        /// A certificate was issued to a subject, at pairing or by renewal.
        case certificateIssued = "certificate-issued"
        /// A subject's rights were ended.
        case revoked
        /// What a subject was given has changed.
        case grantChanged = "grant-changed"
        /// The policy has changed.
        case policyChanged = "policy-changed"
        /// The server key was changed, or the gateway's name.
        case identityChanged = "identity-changed"
        /// The gateway's owner consented to a use, or took that back.
        case consent
        /// A user logged in to a role, or failed to.
        case login
        /// A session began.
        case sessionOpened = "session-opened"
        /// A session ended.
        case sessionEnded = "session-ended"
        /// A decision about a request.
        case decision
        /// Entries that could not be written, because the queue was full; `count` says how many.
        case dropped
        /// The oldest entries were removed; `count` says how many.
        case pruned
    }

    /// How it went.
    package enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// A decision that permitted.
        case permitted
        /// A decision that denied, or a login that failed.
        case denied
        /// A change that was made.
        case done
    }

    /// What happened.
    package var kind: Kind
    /// How it went.
    package var outcome: Outcome
    /// The subject's id.
    package var subject: String?
    /// The subject's name at that time.
    package var client: String?
    /// Who asked through the client: `own-host`, or the neighbour's network (`AuditEvent.network`), never an address.
    package var via: String?
    /// The device's UDN.
    package var device: String?
    /// The service's type.
    package var service: String?
    /// The operation or action.
    package var action: String?
    /// The policy's rule that decided.
    package var rule: String?
    /// A sentence or a word that explains.
    package var detail: String?
    /// How many like events this entry stands for.
    package var count: UInt32

    /// Makes an event.
    package init(
        _ kind: Kind, _ outcome: Outcome = .done, subject: String? = nil, client: String? = nil, via: String? = nil,
        device: String? = nil, service: String? = nil, action: String? = nil, rule: String? = nil,
        detail: String? = nil, count: UInt32 = 1
    ) {
        self.kind = kind
        self.outcome = outcome
        self.subject = subject
        self.client = client
        self.via = via
        self.device = device
        self.service = service
        self.action = action
        self.rule = rule
        self.detail = detail
        self.count = count
    }

    /// The texts in the order of the canonical form.
    var texts: [String?] { [subject, client, via, device, service, action, rule, detail] }

    /// The event as it is stored: each text cut to `AuditLimits.textBytes`.
    package var bounded: AuditEvent {
        var event = self
        let texts = texts.map { $0.map(Self.cut) }
        (event.subject, event.client, event.via, event.device) = (texts[0], texts[1], texts[2], texts[3])
        (event.service, event.action, event.rule, event.detail) = (texts[4], texts[5], texts[6], texts[7])
        return event
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > AuditLimits.textBytes else { return text }
        var cut = ""
        for character in text.unicodeScalars {
            guard cut.utf8.count + UTF8.width(character) <= AuditLimits.textBytes else { break }
            cut.unicodeScalars.append(character)
        }
        return cut
    }
}

/// How much of the log is kept.
package struct AuditLimits: Hashable, Sendable {
    /// Entries; the oldest go first.
    package var entries: Int
    /// Bytes of their canonical form.
    package var bytes: Int
    /// Bytes of one text of an event; the rest is cut off.
    package static let textBytes = 256
    /// Checkpoints that are kept: the newest ones.
    package static let checkpoints = 16

    /// 100,000 entries and 32 MiB, whichever is reached first.
    package init(entries: Int = 100_000, bytes: Int = 32 << 20) {
        self.entries = entries
        self.bytes = bytes
    }

    /// Whether something has to be removed.
    package func areExceeded(entries: Int, bytes: Int) -> Bool { entries > self.entries || bytes > self.bytes }

    /// Whether more has to be removed, once something is: a sixteenth is made free, so that it is not done each time.
    package func needsCut(entries: Int, bytes: Int) -> Bool {
        entries > self.entries - self.entries / 16 || bytes > self.bytes - self.bytes / 16
    }
}

extension UTF8 {
    fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x1_0000 ? 3 : 4
    }
}
