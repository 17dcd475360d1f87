/// How seldom a variable that changes fast is evented (UDA 2.0 §4, "event moderation").
///
/// Both rules hold for each subscriber by itself. What a rule keeps back is replaced by newer values, so that
/// a subscriber that hears late hears the newest.
public struct EventModeration: Hashable, Sendable {
    /// The least time between two events that tell of the variable, `maximumRate`; nil for no such rule.
    public var maximumRate: Duration?
    /// The least change of a number that is told, `minimumDelta`, counted from the value last sent in the
    /// variable's own unit; nil for no such rule. Values that are no numbers are not bound by it.
    public var minimumDelta: Double?

    /// Makes a moderation.
    public init(maximumRate: Duration? = nil, minimumDelta: Double? = nil) {
        self.maximumRate = maximumRate
        self.minimumDelta = minimumDelta
    }

    /// Makes a moderation whose least change is so many steps of a range, as service templates tell it. A range
    /// without a step counts as one with steps of 1.
    public init(maximumRate: Duration? = nil, minimumSteps: Int, of range: AllowedValueRange) {
        let step = range.step.flatMap(UPnPNumber.double) ?? 1
        self.init(maximumRate: maximumRate, minimumDelta: step.magnitude * Double(minimumSteps))
    }

    /// What AVTransport and RenderingControl ask for their `LastChange`: 0.2 seconds between events.
    public static let lastChange = EventModeration(maximumRate: .milliseconds(200))

    /// Whether `value` differs enough from what was sent last.
    func permits(_ value: String, after sent: String) -> Bool {
        guard let minimumDelta, let new = UPnPNumber.double(XMLText.trimmed(value)),
            let old = UPnPNumber.double(XMLText.trimmed(sent))
        else { return true }
        return (new - old).magnitude >= minimumDelta
    }
}
