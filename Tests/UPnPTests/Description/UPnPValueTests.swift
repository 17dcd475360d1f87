import NetworkTypes
import Testing
import UPnP

@Suite("UPnP values")
struct UPnPValueTests {
    @Test(arguments: [
        ("0", UPnPDataType.ui1), ("255", .ui1), ("65535", .ui2), ("4294967295", .ui4), ("18446744073709551615", .ui8),
        ("-128", .i1), ("-32768", .i2), ("-2147483648", .i4), ("-9223372036854775808", .i8), ("42", .int), ("1.5", .r4),
        ("-2.5e-10", .r8), ("3.25", .number), ("0.5", .float), ("12345678901234.5678", .fixed14Point4),
        ("-0.0500", .fixed14Point4),
        ("x", .char), ("ü", .char), (" any <text> ", .string), ("2024-02-29", .date),
        ("2024-02-29T23:59:60", .dateTime),
        ("2024-01-01T01:02:03+05:30", .dateTimeTZ), ("2024-01-01T01:02:03Z", .dateTimeTZ), ("12:00:00", .time),
        ("12:00:00-08:00", .timeTZ), ("1", .boolean), ("0", .boolean), ("AAEC/w==", .binBase64), ("", .binBase64),
        ("00ff10", .binHex), ("http://a/b c", .uri), ("uuid:1", .uuid),
    ])
    func `A value is written as it was read`(text: String, type: UPnPDataType) throws {
        let value = try #require(UPnPValue(text, as: type))
        #expect(value.text == text && value.dataType == type)
    }

    @Test(arguments: [
        ("256", UPnPDataType.ui1), ("-1", .ui2), ("4294967296", .ui4), ("18446744073709551616", .ui8), ("128", .i1),
        ("", .ui1),
        ("1.0", .i4), ("0x10", .i4), ("1 2", .int), ("nan", .r8), ("inf", .r4), ("0x1p3", .r8), ("1e999", .r8),
        ("", .r8),
        ("123456789012345", .fixed14Point4), ("1.23456", .fixed14Point4), ("1.", .fixed14Point4),
        ("--1", .fixed14Point4),
        ("xy", .char),
        ("", .char), ("2023-02-29", .date), ("2024-13-01", .date), ("24-1-1", .date),
        ("2024-01-01T25:00:00", .dateTime),
        ("2024-01-01T01:02:03Z", .dateTime), ("12:60:00", .time), ("12:00:00+15:00", .timeTZ), ("12:00", .time),
        ("maybe", .boolean), ("2", .boolean), ("A", .binBase64), ("AA=A", .binBase64), ("AAE", .binBase64),
        ("A*==", .binBase64),
        ("AB==", .binBase64), ("0", .binHex), ("0g", .binHex), ("", .uuid),
    ])
    func `What is none of the type is refused`(text: String, type: UPnPDataType) {
        #expect(UPnPValue(text, as: type) == nil)
    }

    @Test(arguments: [("true", true), ("YES", true), (" 1 ", true), ("false", false), ("no", false), ("0", false)])
    func `Booleans are read in every spelling and written as a digit`(text: String, value: Bool) {
        #expect(UPnPValue(text, as: .boolean) == .boolean(value))
        #expect(UPnPValue.boolean(value).text == (value ? "1" : "0"))
    }

    @Test func `White space around numbers does not matter`() {
        #expect(UPnPValue(" \n42\t", as: .ui4) == .ui4(42))
        #expect(UPnPValue("AA EC\n/w==", as: .binBase64) == .binBase64([0, 1, 2, 255]))
    }

    @Test(arguments: UPnPDataType.allCases)
    func `Random text never traps, and what is accepted reads the same when written`(type: UPnPDataType) {
        var generator = SeededGenerator(seed: 5)
        let alphabet = Array("0123456789+-.:TZeEx=/A \u{0}ü😀\r\n")
        for round in 0..<3000 {
            let count = Int.random(in: 0...24, using: &generator)
            let text = String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
            guard let value = UPnPValue(text, as: type) else { continue }
            #expect(UPnPValue(value.text, as: type) == value, "seed 5, round \(round), \(text)")
        }
        let bytes = generator.bytes(57)
        #expect(UPnPValue(UPnPValue.binBase64(bytes).text, as: .binBase64) == .binBase64(bytes))
        #expect(UPnPValue(UPnPValue.binHex(bytes).text, as: .binHex) == .binHex(bytes))
    }

    @Test func `Ranges hold at their ends, for the widest integers too`() {
        let range = AllowedValueRange(minimum: "1", maximum: "18446744073709551615")
        #expect(!range.contains(.ui8(0)) && range.contains(.ui8(1)) && range.contains(.ui8(.max)))
        let narrow = AllowedValueRange(minimum: "-1.5", maximum: "1.5")
        #expect(
            narrow.contains(.r8(1.5)) && !narrow.contains(.r8(1.51)) && narrow.contains(.i4(1))
                && !narrow.contains(.i4(2)))
        #expect(
            narrow.contains(.fixed14Point4(tenThousandths: -15_000))
                && !narrow.contains(.fixed14Point4(tenThousandths: -15_001)))
        #expect(AllowedValueRange(minimum: "", maximum: "x").contains(.i4(7)))
    }
}
