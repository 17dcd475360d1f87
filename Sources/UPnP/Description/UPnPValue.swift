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
    /// White space around everything but `string` and `uri` is ignored, around a `char` only if something
    /// else is left. Numbers may have a leading sign and zeros. NaN and the infinities are no numbers.
    /// Booleans are read in every spelling that UDA 1.0 allowed, whatever the case of their letters.
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
            case .char: (UPnPNumber.scalar(text) ?? UPnPNumber.scalar(trimmed)).map(UPnPValue.char)
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

    /// The value as it is sent; booleans are `0` and `1`. A value that is not ``isValid`` has a text that no
    /// peer will read.
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
