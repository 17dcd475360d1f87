import Testing
import UPnP

@Suite("Values from literals and between types")
struct UPnPLiteralTests {
    @Test func `Literals are values`() {
        let values: [String: UPnPValue] = ["a": true, "b": 42, "c": -1.5, "d": "Master", "e": "\(6 * 7)"]
        #expect(
            values == ["a": .boolean(true), "b": .int(42), "c": .r8(-1.5), "d": .string("Master"), "e": .string("42")])
    }

    @Test(arguments: [
        (UPnPValue.int(255), UPnPDataType.ui1, "255"), (.int(-1), .i1, "-1"), (.int(5), .r4, "5.0"),
        (.int(5), .string, "5"),
        (.r8(2), .int, "2"), (.r8(2), .ui4, "2"), (.r8(1e15), .i8, "1000000000000000"),
        (.r8(0.5), .fixed14Point4, "0.5000"),
        (.r8(1e-3), .fixed14Point4, "0.0010"), (.fixed14Point4(tenThousandths: 15_000), .r8, "1.5"),
        (.boolean(true), .ui1, "1"), (.boolean(false), .string, "0"), (.int(1), .boolean, "1"),
        (.string("yes"), .boolean, "1"), (.string(" 7 "), .ui2, "7"), (.string("2024-02-29"), .date, "2024-02-29"),
        (.binHex([0, 255]), .binBase64, "AP8="), (.binBase64([0, 255]), .binHex, "00ff"), (.r4(0.1), .r8, "0.1"),
        (.string("uuid:1"), .uuid, "uuid:1"), (.string("x"), .char, "x"),
    ])
    func `A value becomes one of another type that can hold it`(value: UPnPValue, type: UPnPDataType, text: String) {
        #expect(value.converted(to: type)?.text == text && value.converted(to: type)?.dataType == type)
    }

    @Test(arguments: [
        (UPnPValue.int(256), UPnPDataType.ui1), (.int(-1), .ui8), (.r8(1.5), .int), (.r8(.nan), .r8),
        (.r8(.infinity), .r4),
        (.r4(-.infinity), .string), (.r8(1e39), .r4), (.r8(1e-5), .fixed14Point4), (.string("x"), .int),
        (.int(2), .boolean),
        (.fixed14Point4(tenThousandths: .max), .fixed14Point4), (.string("xy"), .char), (.boolean(true), .date),
    ])
    func `A value does not become what would be another one`(value: UPnPValue, type: UPnPDataType) {
        #expect(value.converted(to: type) == nil)
    }

    @Test func `Numbers and truths are got out of values`() {
        #expect(UPnPValue.ui1(7).integer == 7 && UPnPValue.r8(7).integer == 7 && UPnPValue.r8(7.5).integer == nil)
        #expect(UPnPValue.ui8(.max).integer == nil && UPnPValue.boolean(true).integer == nil)
        #expect(
            UPnPValue.int(3).double == 3 && UPnPValue.string("2.5").double == 2.5 && UPnPValue.r8(.nan).double == nil)
        #expect(UPnPValue.boolean(true).bool == true && UPnPValue.ui1(0).bool == false && UPnPValue.ui1(2).bool == nil)
    }
}

@Suite("Limits of every data type")
struct UPnPTypeLimitTests {
    @Test(arguments: [
        (UPnPDataType.ui1, "0", "255", "-1", "256"), (.ui2, "0", "65535", "-1", "65536"),
        (.ui4, "0", "4294967295", "-1", "4294967296"),
        (.ui8, "0", "18446744073709551615", "-1", "18446744073709551616"),
        (.i1, "-128", "127", "-129", "128"), (.i2, "-32768", "32767", "-32769", "32768"),
        (.i4, "-2147483648", "2147483647", "-2147483649", "2147483648"),
        (.i8, "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"),
        (.int, "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"),
        (.r4, "-3.4028235e+38", "3.4028235e+38", "-3.5e38", "3.5e38"),
        (.r8, "-1.7976931348623157e+308", "1.7976931348623157e+308", "-1.8e308", "1.8e308"),
        (.fixed14Point4, "-99999999999999.9999", "99999999999999.9999", "-100000000000000", "100000000000000"),
    ])
    func `A type holds its least and its greatest value and nothing beyond`(
        type: UPnPDataType, least: String, greatest: String, below: String, above: String
    ) {
        #expect(UPnPValue(least, as: type)?.text == least && UPnPValue(greatest, as: type)?.text == greatest)
        #expect(UPnPValue(below, as: type) == nil && UPnPValue(above, as: type) == nil)
    }

    @Test(arguments: [
        ("+7", UPnPDataType.ui1, "7"), ("007", .i4, "7"), ("-0", .int, "0"), (" 7\r\n", .ui8, "7"),
        ("+1.50", .r8, "1.5"),
        ("1E3", .r8, "1000.0"), ("1e2", .fixed14Point4, "100.0000"), ("12.5e-1", .fixed14Point4, "1.2500"),
        ("1.50000", .fixed14Point4, "1.5000"), ("-0", .fixed14Point4, "0.0000"), ("\n x ", .char, "x"),
        (" ", .char, " "),
        ("12:00:00.250", .time, "12:00:00.25"), ("12:00:00+0530", .timeTZ, "12:00:00+05:30"),
        ("12:00:00-08", .timeTZ, "12:00:00-08:00"), ("12:00:00+00:00", .timeTZ, "12:00:00Z"),
        (" 2024-05-06 ", .date, "2024-05-06"), ("AB cd\r\nEF", .binHex, "abcdef"), ("", .binHex, ""), ("", .string, ""),
        ("  ", .string, "  "), ("", .uri, ""), (" TRUE ", .boolean, "1"), (" uuid:1 ", .uuid, "uuid:1"),
    ])
    func `A value is written in the one way of the standard, however it came`(
        text: String, type: UPnPDataType, written: String
    ) {
        #expect(UPnPValue(text, as: type)?.text == written)
    }

    @Test(arguments: UPnPDataType.allCases)
    func `NaN, the infinities, hexadecimal and grouped numbers are no numbers`(type: UPnPDataType) {
        guard type.isNumber else { return }
        for text in [
            "nan", "NaN", "inf", "-INF", "Infinity", "0x10", "1,5", "1_000", "1e", "e1", ".", "", "+", "--1", "1 1",
        ] {
            #expect(UPnPValue(text, as: type) == nil, "\(text)")
        }
    }

    @Test func `Steps count from the least value, and are not enforced`() {
        let range = AllowedValueRange(minimum: "10", maximum: "100", step: "5")
        #expect(range.isOnStep(.ui1(10)) && range.isOnStep(.ui1(15)) && !range.isOnStep(.ui1(16)))
        #expect(range.contains(.ui1(16)))
        let fine = AllowedValueRange(minimum: "-0.5", maximum: "0.5", step: "0.25")
        #expect(fine.isOnStep(.r8(0.25)) && fine.isOnStep(.r4(-0.5)) && !fine.isOnStep(.r8(0.2)))
        #expect(AllowedValueRange(minimum: "0", maximum: "1").isOnStep(.r8(0.3)))
    }

    @Test func `A variable's text is of its type, range and list`() throws {
        let level = StateVariable(
            name: "L", dataType: .ui1, allowedRange: AllowedValueRange(minimum: "0", maximum: "100"))
        #expect(try level.text(of: 42) == "42" && level.text(of: 42.0) == "42" && level.text(of: "42") == "42")
        for (value, code) in [
            (UPnPValue.int(300), UPnPErrorCode.argumentValueInvalid), (.int(101), .argumentValueOutOfRange),
            (.string("loud"), .invalidArgs), (.r8(.nan), .invalidArgs), (.r8(1.5), .argumentValueInvalid),
        ] {
            #expect { _ = try level.text(of: value) } throws: { ($0 as? UPnPFault)?.code == code }
        }
        let channel = StateVariable(name: "C", dataType: .string, allowedValues: ["Master"])
        #expect(try channel.text(of: "Master") == "Master")
        #expect(throws: UPnPFault(.argumentValueOutOfRange)) { _ = try channel.text(of: "LF") }
    }
}
