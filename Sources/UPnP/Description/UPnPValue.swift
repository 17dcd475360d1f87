/// A value of a state variable or argument, with its type (UDA 2.0 §2.5).
public enum UPnPValue: Hashable, Sendable {
    /// `ui1`.
    case ui1(UInt8)
    /// `ui2`.
    case ui2(UInt16)
    /// `ui4`.
    case ui4(UInt32)
    /// `ui8`.
    case ui8(UInt64)
    /// `i1`.
    case i1(Int8)
    /// `i2`.
    case i2(Int16)
    /// `i4`.
    case i4(Int32)
    /// `i8`.
    case i8(Int64)
    /// `int`.
    case int(Int64)
    /// `r4`.
    case r4(Float)
    /// `r8`.
    case r8(Double)
    /// `number`.
    case number(Double)
    /// `fixed.14.4`, in ten-thousandths.
    case fixed14Point4(tenThousandths: Int64)
    /// `float`.
    case float(Double)
    /// `char`.
    case char(Unicode.Scalar)
    /// `string`.
    case string(String)
    /// `date`.
    case date(UPnPDate)
    /// `dateTime`.
    case dateTime(UPnPDateTime)
    /// `dateTime.tz`.
    case dateTimeTZ(UPnPDateTime)
    /// `time`.
    case time(UPnPTime)
    /// `time.tz`.
    case timeTZ(UPnPTime)
    /// `boolean`.
    case boolean(Bool)
    /// `bin.base64`.
    case binBase64([UInt8])
    /// `bin.hex`.
    case binHex([UInt8])
    /// `uri`, as written.
    case uri(String)
    /// `uuid`, as written.
    case uuid(String)

    /// Reads the text of a value; nil when it is none of that type.
    ///
    /// White space around everything but `string`, `char` and `uri` is ignored. Booleans are read in
    /// every spelling that UDA 1.0 allowed, whatever the case of their letters.
    public init?(_ text: some StringProtocol, as type: UPnPDataType) {
        let trimmed = XMLText.trimmed(text)
        let value: UPnPValue? =
            switch type {
            case .ui1: UInt8(trimmed).map(UPnPValue.ui1)
            case .ui2: UInt16(trimmed).map(UPnPValue.ui2)
            case .ui4: UInt32(trimmed).map(UPnPValue.ui4)
            case .ui8: UInt64(trimmed).map(UPnPValue.ui8)
            case .i1: Int8(trimmed).map(UPnPValue.i1)
            case .i2: Int16(trimmed).map(UPnPValue.i2)
            case .i4: Int32(trimmed).map(UPnPValue.i4)
            case .i8: Int64(trimmed).map(UPnPValue.i8)
            case .int: Int64(trimmed).map(UPnPValue.int)
            case .r4: UPnPNumber.float(trimmed).map(UPnPValue.r4)
            case .r8: UPnPNumber.double(trimmed).map(UPnPValue.r8)
            case .number: UPnPNumber.double(trimmed).map(UPnPValue.number)
            case .float: UPnPNumber.double(trimmed).map(UPnPValue.float)
            case .fixed14Point4: UPnPNumber.fixed(trimmed).map(UPnPValue.fixed14Point4)
            case .char: text.unicodeScalars.count == 1 ? text.unicodeScalars.first.map(UPnPValue.char) : nil
            case .string: .string(String(text))
            case .date: UPnPDate(trimmed).map(UPnPValue.date)
            case .dateTime: UPnPDateTime(trimmed).flatMap { $0.zone == nil ? .dateTime($0) : nil }
            case .dateTimeTZ: UPnPDateTime(trimmed).map(UPnPValue.dateTimeTZ)
            case .time: UPnPTime(trimmed).flatMap { $0.zone == nil ? .time($0) : nil }
            case .timeTZ: UPnPTime(trimmed).map(UPnPValue.timeTZ)
            case .boolean: UPnPNumber.boolean(trimmed).map(UPnPValue.boolean)
            case .binBase64: BinaryText.base64(trimmed).map(UPnPValue.binBase64)
            case .binHex: BinaryText.hex(trimmed).map(UPnPValue.binHex)
            case .uri: .uri(String(text))
            case .uuid: trimmed.isEmpty ? nil : .uuid(trimmed)
            }
        guard let value else { return nil }
        self = value
    }

    /// The value's type.
    public var dataType: UPnPDataType {
        switch self {
        case .ui1: .ui1
        case .ui2: .ui2
        case .ui4: .ui4
        case .ui8: .ui8
        case .i1: .i1
        case .i2: .i2
        case .i4: .i4
        case .i8: .i8
        case .int: .int
        case .r4: .r4
        case .r8: .r8
        case .number: .number
        case .fixed14Point4: .fixed14Point4
        case .float: .float
        case .char: .char
        case .string: .string
        case .date: .date
        case .dateTime: .dateTime
        case .dateTimeTZ: .dateTimeTZ
        case .time: .time
        case .timeTZ: .timeTZ
        case .boolean: .boolean
        case .binBase64: .binBase64
        case .binHex: .binHex
        case .uri: .uri
        case .uuid: .uuid
        }
    }

    /// The value as it is sent; booleans are `0` and `1`.
    public var text: String {
        switch self {
        case .ui1(let value): String(value)
        case .ui2(let value): String(value)
        case .ui4(let value): String(value)
        case .ui8(let value): String(value)
        case .i1(let value): String(value)
        case .i2(let value): String(value)
        case .i4(let value): String(value)
        case .i8(let value), .int(let value): String(value)
        case .r4(let value): value.description
        case .r8(let value), .number(let value), .float(let value): value.description
        case .fixed14Point4(let value): UPnPNumber.fixedText(value)
        case .char(let value): String(Character(value))
        case .string(let value), .uri(let value), .uuid(let value): value
        case .date(let value): value.description
        case .dateTime(let value), .dateTimeTZ(let value): value.description
        case .time(let value), .timeTZ(let value): value.description
        case .boolean(let value): value ? "1" : "0"
        case .binBase64(let value): BinaryText.base64(value)
        case .binHex(let value): BinaryText.hex(value)
        }
    }
}

/// Numbers and booleans as UDA 2.0 §2.5 writes them.
enum UPnPNumber {
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "true", "yes": true
        case "0", "false", "no": false
        default: nil
        }
    }

    /// Decimal and exponent only: neither `nan` nor `inf` nor hexadecimal, which Swift would read.
    private static func isDecimal(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { URLText.isDigit($0) || "+-.eE".utf8.contains($0) }
    }

    static func double(_ text: String) -> Double? {
        guard isDecimal(text), let value = Double(text), value.isFinite else { return nil }
        return value
    }

    static func float(_ text: String) -> Float? {
        guard isDecimal(text), let value = Float(text), value.isFinite else { return nil }
        return value
    }

    static func fixed(_ text: String) -> Int64? {
        var digits = text[...]
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard (1...14).contains(parts[0].utf8.count), parts[0].utf8.allSatisfy(URLText.isDigit),
            let whole = Int64(parts[0])
        else { return nil }
        var fraction: Int64 = 0
        if parts.count == 2 {
            guard (1...4).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy(URLText.isDigit) else { return nil }
            fraction = Int64(parts[1] + String(repeating: "0", count: 4 - parts[1].utf8.count)) ?? 0
        }
        return (isNegative ? -1 : 1) * (whole * 10_000 + fraction)
    }

    static func fixedText(_ value: Int64) -> String {
        let fraction = String(value.magnitude % 10_000)
        let padded = String(repeating: "0", count: 4 - fraction.utf8.count) + fraction
        return "\(value < 0 ? "-" : "")\(value.magnitude / 10_000).\(padded)"
    }
}
