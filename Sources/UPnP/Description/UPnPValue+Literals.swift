// Literals, so that arguments read as they are meant: `["newTargetValue": true, "Channel": "Master", "Level": 42]`.
// A literal says little about the type that the service wants; ``UPnPValue/converted(to:)`` makes it that one.

extension UPnPValue: ExpressibleByBooleanLiteral {
    /// A ``boolean(_:)``.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension UPnPValue: ExpressibleByIntegerLiteral {
    /// An ``int(_:)``. Greater numbers than `Int64.max` are written as `.ui8(…)`.
    public init(integerLiteral value: Int64) { self = .int(value) }
}

extension UPnPValue: ExpressibleByFloatLiteral {
    /// An ``r8(_:)``.
    public init(floatLiteral value: Double) { self = .r8(value) }
}

extension UPnPValue: ExpressibleByStringInterpolation {
    /// A ``string(_:)``.
    public init(stringLiteral value: String) { self = .string(value) }
}

extension UPnPValue {
    /// The value as one of another type; nil when that type cannot hold it exactly.
    ///
    /// A number becomes a number of another kind only if it stays the same number, so that 300 is no `ui1`
    /// and 1.5 no `int`, but 2.0 is one. A truth becomes `1` or `0` where a number or text is wanted; text
    /// becomes whatever it can be read as.
    public func converted(to type: UPnPDataType) -> UPnPValue? {
        if dataType == type { return isValid ? self : nil }
        guard isValid else { return nil }
        switch (self, type) {
        case (.r4, _) where type.isFloatingPoint:
            return UPnPValue(text, as: type)
        case (.r4, _), (.r8, _), (.number, _), (.float, _), (.fixed14Point4, _):
            guard type.isInteger || type == .fixed14Point4 || type == .boolean else { return UPnPValue(text, as: type) }
            return UPnPNumber.plainText(text).flatMap { UPnPValue($0, as: type) }
        case (.binHex(let bytes), .binBase64): return .binBase64(bytes)
        case (.binBase64(let bytes), .binHex): return .binHex(bytes)
        default: return UPnPValue(text, as: type)
        }
    }

    /// Whether the value can be written: floating-point numbers must be numbers and finite, because UPnP has
    /// no text for others (UDA 2.0 §2.5), and `fixed.14.4` has at most 14 digits before the point.
    public var isValid: Bool {
        switch self {
        case .r4(let value): value.isFinite
        case .r8(let value), .number(let value), .float(let value): value.isFinite
        case .fixed14Point4(let value): value.magnitude < 1_000_000_000_000_000_000
        default: true
        }
    }

    /// The value as a Boolean; nil when it is none.
    public var bool: Bool? { if case .boolean(let value)? = converted(to: .boolean) { value } else { nil } }

    /// The value as a whole number; nil when it is none, or too great for 64 bits.
    public var integer: Int? {
        if case .boolean = self { return nil }
        if case .i8(let value)? = converted(to: .i8) { return Int(exactly: value) }
        return nil
    }

    /// The value as a floating-point number, the nearest one where there is no exact one; nil when it is no
    /// number.
    public var double: Double? {
        if case .boolean = self { return nil }
        return isValid ? UPnPNumber.double(XMLText.trimmed(text)) : nil
    }
}
