extension String: UPnPConvertible {
    /// `string`.
    public static var upnpDataType: UPnPDataType { .string }
    /// Reads a `string`, `char`, `uri` or `uuid`.
    public init?(_ value: UPnPValue) {
        switch value {
        case .string(let text), .uri(let text), .uuid(let text): self = text
        case .char(let scalar): self = String(Character(scalar))
        default: return nil
        }
    }
    /// A `string`.
    public var upnpValue: UPnPValue { .string(self) }
}

extension HTTPURL: UPnPConvertible {
    /// `uri`.
    public static var upnpDataType: UPnPDataType { .uri }
    /// Reads an absolute `http` or `https` URL; other URIs are for `String`, as data type `uri`.
    public init?(_ value: UPnPValue) {
        guard let text = String(value) else { return nil }
        self.init(text)
    }
    /// A `uri`.
    public var upnpValue: UPnPValue { .uri(description) }
}

extension [UInt8]: UPnPConvertible {
    /// `bin.base64`.
    public static var upnpDataType: UPnPDataType { .binBase64 }
    /// Reads a `bin.base64` or `bin.hex`.
    public init?(_ value: UPnPValue) {
        switch value {
        case .binBase64(let bytes), .binHex(let bytes): self = bytes
        default: return nil
        }
    }
    /// A `bin.base64`.
    public var upnpValue: UPnPValue { .binBase64(self) }
}

extension UPnPDate: UPnPConvertible {
    /// `date`.
    public static var upnpDataType: UPnPDataType { .date }
    /// Reads a `date`.
    public init?(_ value: UPnPValue) {
        guard case .date(let date) = value else { return nil }
        self = date
    }
    /// A `date`.
    public var upnpValue: UPnPValue { .date(self) }
}

extension UPnPDateTime: UPnPConvertible {
    /// `dateTime.tz`, which is read with and without a zone.
    public static var upnpDataType: UPnPDataType { .dateTimeTZ }
    /// Reads a `dateTime` or `dateTime.tz`.
    public init?(_ value: UPnPValue) {
        switch value {
        case .dateTime(let moment), .dateTimeTZ(let moment): self = moment
        default: return nil
        }
    }
    /// A `dateTime.tz`.
    public var upnpValue: UPnPValue { .dateTimeTZ(self) }
}

extension UPnPTime: UPnPConvertible {
    /// `time.tz`, which is read with and without a zone.
    public static var upnpDataType: UPnPDataType { .timeTZ }
    /// Reads a `time` or `time.tz`.
    public init?(_ value: UPnPValue) {
        switch value {
        case .time(let time), .timeTZ(let time): self = time
        default: return nil
        }
    }
    /// A `time.tz`.
    public var upnpValue: UPnPValue { .timeTZ(self) }
}

extension RawRepresentable where Self: UPnPConvertible, RawValue: UPnPConvertible {
    /// The raw values' type.
    public static var upnpDataType: UPnPDataType { RawValue.upnpDataType }
    /// Reads a raw value that is one of this type's.
    public init?(_ value: UPnPValue) {
        guard let raw = RawValue(value) else { return nil }
        self.init(rawValue: raw)
    }
    /// The raw value.
    public var upnpValue: UPnPValue { rawValue.upnpValue }
}

extension CaseIterable where Self: UPnPConvertible & RawRepresentable, RawValue == String {
    /// The cases' raw values.
    public static var upnpAllowedValues: [String] { allCases.map(\.rawValue) }
}
