import NetworkTypes
import RemoteAccess
import Testing

@Suite struct AddressLeakScannerTests {
    private let scanner = AddressLeakScanner(network: MirrorFixture.network)

    @Test(arguments: [
        ("GET http://192.168.77.5:8200/", AddressLeak.Form.plain, 11),
        ("v=192.168.077.005;", .plain, 2),
        ("1.192.168.77.5.2", .plain, 2),
        ("a%31%39%32%2E168%2e77.5b", .percentEncoded, 1),
        ("http%3A%2F%2F192%2E168.77.5", .percentEncoded, 13),
        ("%2531%2539%2532.168.77.5", .percentEncoded, 0),
        ("x&#49;92.168.77.5", .xmlEscaped, 1),
        ("x192&#46;168.77.5", .xmlEscaped, 1),
        ("x&#x31;92&#X2e;168.77.5", .xmlEscaped, 1),
        ("x&amp;#49;92.168.77.5", .xmlEscaped, 1),
        ("x&#00049;92.168.77.5", .xmlEscaped, 1),
        ("x192&#37;2E168.77.5", .xmlEscaped, 1),
        ("x\\u0031\\u0039\\u0032.168.77.5", .jsonEscaped, 1),
        ("http://[fd77:1::5]/", .plain, 8),
        ("at fd77:0001:0:0:0:0:0:5, so", .plain, 3),
        ("x=FD77:1::abcd:5:", .plain, 2),
        ("fd77%3A1%3A%3A5", .percentEncoded, 0),
        ("fe80::21f:29ff:fe12:3456", .plain, 0),
        ("::ffff:192.168.77.5", .plain, 7),
        ("[::ffff:c0a8:4d05]", .plain, 1),
    ])
    func `finds a home address in each spelling`(text: String, form: AddressLeak.Form, offset: Int) {
        let leak = scanner.firstLeak(in: text.utf8)
        #expect(leak?.form == form)
        #expect(leak?.offset == offset)
    }

    @Test func `finds UTF-16 in both byte orders, escaped too, at any alignment`() {
        for text in ["http://192.168.77.5/", "192%2e168.77.5", "192&#46;168.77.5"] {
            for padding in 0...1 {
                let little = [UInt8](repeating: 0x41, count: padding) + text.utf16.flatMap { [UInt8($0), 0] }
                let big = [UInt8](repeating: 0x41, count: padding) + text.utf16.flatMap { [0, UInt8($0)] }
                #expect(scanner.firstLeak(in: little)?.form == .utf16)
                #expect(scanner.firstLeak(in: big)?.form == .utf16)
            }
        }
    }

    @Test(arguments: [
        "", "192.168.78.5", "1192.168.77.5", "192.168.777.5", "192.168.77", "192.168.77.256", "192 .168.77.5",
        "192,168,77,5",
        "http://10.20.30.40:9000/m/abc", "00:11:22:33:44:55", "0:03:25.000", "2001:db8::1", "%", "%1", "&", "&#", "&#;",
        "&#x;", "\\u00", "&#999999999999999999999;", "::", ":::::::::::::::::::::::",
    ])
    func `passes what is no home address`(text: String) {
        #expect(scanner.leaks(in: text.utf8).isEmpty)
    }

    @Test func `the away client's own address is exempt`() {
        let scanner = AddressLeakScanner(
            prefixes: [MirrorFixture.prefix("192.168.77.0/24")], exempt: [MirrorFixture.address("192.168.77.50")])
        #expect(scanner.firstLeak(in: "http://192.168.77.50:9000/".utf8) == nil)
        #expect(scanner.firstLeak(in: "http://192.168.77.51:9000/".utf8) != nil)
    }

    @Test func `finds every address of a capture with its place, across windows`() {
        var bytes = [UInt8](repeating: 0x20, count: 1 << 20)
        // One of them straddles the end of the first window.
        let places = [0, (256 << 10) - 5, (256 << 10) + 500, (1 << 20) - 12]
        for place in places { bytes.replaceSubrange(place..<place + 12, with: Array("192.168.77.5".utf8)) }
        #expect(scanner.leaks(in: bytes).map(\.offset) == places)
        #expect(scanner.leaks(in: bytes, limit: 2).count == 2)
    }

    @Test func `random bytes never trap`() {
        var rng = SeededGenerator(seed: 99)
        let alphabet = Array("0123456789.:%&#x;amp\\u0abcdef[]\0".utf8)
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...120, using: &rng)).compactMap { _ in alphabet.randomElement(using: &rng)
            }
            _ = scanner.leaks(in: bytes)
        }
    }
}
