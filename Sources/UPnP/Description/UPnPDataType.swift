/// The data types of UDA 2.0 §2.5; the raw value is what a service description writes.
public enum UPnPDataType: String, Hashable, Sendable, CaseIterable {
    /// 8 bits, unsigned.
    case ui1
    /// 16 bits, unsigned.
    case ui2
    /// 32 bits, unsigned.
    case ui4
    /// 64 bits, unsigned.
    case ui8
    /// 8 bits, signed.
    case i1
    /// 16 bits, signed.
    case i2
    /// 32 bits, signed.
    case i4
    /// 64 bits, signed.
    case i8
    /// A whole number; 64 bits here.
    case int
    /// A floating-point number of 4 bytes.
    case r4
    /// A floating-point number of 8 bytes.
    case r8
    /// The same as ``r8``.
    case number
    /// At most 14 digits before the point and 4 behind it.
    case fixed14Point4 = "fixed.14.4"
    /// A floating-point number; 8 bytes here.
    case float
    /// One Unicode character.
    case char
    /// Text.
    case string
    /// A day (ISO 8601).
    case date
    /// A day and perhaps a time, without a zone.
    case dateTime
    /// A day and perhaps a time and a zone.
    case dateTimeTZ = "dateTime.tz"
    /// A time, without a zone.
    case time
    /// A time and perhaps a zone.
    case timeTZ = "time.tz"
    /// Yes or no.
    case boolean
    /// Bytes in Base64.
    case binBase64 = "bin.base64"
    /// Bytes in hexadecimal digits.
    case binHex = "bin.hex"
    /// A URI.
    case uri
    /// A UUID.
    case uuid
}

extension UPnPDataType {
    /// Reads a type's name as devices write it: in any case of letters, and with some names of other
    /// languages; nil when it is none.
    init?(reading name: String) {
        if let type = UPnPDataType(rawValue: name) {
            self = type
            return
        }
        let lower = name.lowercased()
        let known = Self.allCases.first { $0.rawValue.lowercased() == lower } ?? Self.aliases[lower]
        guard let known else { return nil }
        self = known
    }

    private static let aliases: [String: UPnPDataType] = [
        "bool": .boolean, "integer": .int, "uint": .ui4, "uint8": .ui1, "uint16": .ui2, "uint32": .ui4, "uint64": .ui8,
        "int8": .i1, "int16": .i2, "int32": .i4, "int64": .i8, "long": .i8, "double": .r8, "real": .r8, "text": .string,
        "base64": .binBase64, "hex": .binHex,
    ]

    /// Whether values of the type are whole numbers.
    public var isInteger: Bool {
        switch self {
        case .ui1, .ui2, .ui4, .ui8, .i1, .i2, .i4, .i8, .int: true
        default: false
        }
    }

    /// Whether values of the type are floating-point numbers.
    public var isFloatingPoint: Bool {
        switch self {
        case .r4, .r8, .number, .float: true
        default: false
        }
    }

    /// Whether values of the type are numbers, so that a range may bind them.
    public var isNumber: Bool { isInteger || isFloatingPoint || self == .fixed14Point4 }
}
