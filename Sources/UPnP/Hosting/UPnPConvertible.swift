/// A Swift type that stands for one of UPnP's data types (UDA 2.0 §2.5), for typed services and calls.
///
/// An enumeration of strings conforms by saying so: `enum Mode: String, CaseIterable, UPnPConvertible`. Its
/// cases are then the allowed values.
public protocol UPnPConvertible: Sendable {
    /// The data type that a service description names.
    static var upnpDataType: UPnPDataType { get }
    /// The values that a string may have; empty when it may have any.
    static var upnpAllowedValues: [String] { get }
    /// Reads a value; nil when it has no counterpart in this type.
    init?(_ value: UPnPValue)
    /// The value, of ``upnpDataType``.
    var upnpValue: UPnPValue { get }
}

extension UPnPConvertible {
    /// Any value.
    public static var upnpAllowedValues: [String] { [] }

    /// The value as another data type, such as `uuid` for a `String`; nil when that type cannot hold it.
    public func upnpValue(as type: UPnPDataType) -> UPnPValue? {
        let value = upnpValue
        if type == value.dataType { return value }
        if type == .binHex, case .binBase64(let bytes) = value { return .binHex(bytes) }
        return UPnPValue(value.text, as: type)
    }
}

extension UPnPValue {
    fileprivate func whole<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        switch self {
        case .ui1(let value): Number(exactly: value)
        case .ui2(let value): Number(exactly: value)
        case .ui4(let value): Number(exactly: value)
        case .ui8(let value): Number(exactly: value)
        case .i1(let value): Number(exactly: value)
        case .i2(let value): Number(exactly: value)
        case .i4(let value): Number(exactly: value)
        case .i8(let value), .int(let value): Number(exactly: value)
        default: nil
        }
    }

    fileprivate var floating: Double? {
        switch self {
        case .r4(let value): Double(value)
        case .r8(let value), .number(let value), .float(let value): value
        case .fixed14Point4(let tenThousandths): Double(tenThousandths) / 10_000
        default: whole(Int64.self).map(Double.init)
        }
    }
}

extension Bool: UPnPConvertible {
    /// `boolean`.
    public static var upnpDataType: UPnPDataType { .boolean }
    /// Reads a `boolean`.
    public init?(_ value: UPnPValue) {
        guard case .boolean(let value) = value else { return nil }
        self = value
    }
    /// A `boolean`.
    public var upnpValue: UPnPValue { .boolean(self) }
}

extension UInt8: UPnPConvertible {
    /// `ui1`.
    public static var upnpDataType: UPnPDataType { .ui1 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// A `ui1`.
    public var upnpValue: UPnPValue { .ui1(self) }
}

extension UInt16: UPnPConvertible {
    /// `ui2`.
    public static var upnpDataType: UPnPDataType { .ui2 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// A `ui2`.
    public var upnpValue: UPnPValue { .ui2(self) }
}

extension UInt32: UPnPConvertible {
    /// `ui4`.
    public static var upnpDataType: UPnPDataType { .ui4 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// A `ui4`.
    public var upnpValue: UPnPValue { .ui4(self) }
}

extension UInt64: UPnPConvertible {
    /// `ui8`.
    public static var upnpDataType: UPnPDataType { .ui8 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// A `ui8`.
    public var upnpValue: UPnPValue { .ui8(self) }
}

extension Int8: UPnPConvertible {
    /// `i1`.
    public static var upnpDataType: UPnPDataType { .i1 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// An `i1`.
    public var upnpValue: UPnPValue { .i1(self) }
}

extension Int16: UPnPConvertible {
    /// `i2`.
    public static var upnpDataType: UPnPDataType { .i2 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// An `i2`.
    public var upnpValue: UPnPValue { .i2(self) }
}

extension Int32: UPnPConvertible {
    /// `i4`.
    public static var upnpDataType: UPnPDataType { .i4 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// An `i4`.
    public var upnpValue: UPnPValue { .i4(self) }
}

extension Int64: UPnPConvertible {
    /// `i8`.
    public static var upnpDataType: UPnPDataType { .i8 }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// An `i8`.
    public var upnpValue: UPnPValue { .i8(self) }
}

extension Int: UPnPConvertible {
    /// `int`, which has 64 bits here.
    public static var upnpDataType: UPnPDataType { .int }
    /// Reads any whole number that fits.
    public init?(_ value: UPnPValue) {
        guard let number = value.whole(Self.self) else { return nil }
        self = number
    }
    /// An `int`.
    public var upnpValue: UPnPValue { .int(Int64(self)) }
}

extension Float: UPnPConvertible {
    /// `r4`.
    public static var upnpDataType: UPnPDataType { .r4 }
    /// Reads any number.
    public init?(_ value: UPnPValue) {
        guard let number = value.floating else { return nil }
        self = Float(number)
    }
    /// An `r4`.
    public var upnpValue: UPnPValue { .r4(self) }
}

extension Double: UPnPConvertible {
    /// `r8`.
    public static var upnpDataType: UPnPDataType { .r8 }
    /// Reads any number.
    public init?(_ value: UPnPValue) {
        guard let number = value.floating else { return nil }
        self = number
    }
    /// An `r8`.
    public var upnpValue: UPnPValue { .r8(self) }
}
