import Foundation
import LatchkeyProgram
import Logging
import Testing

@Suite struct OutputTests {
    @Test func `a QR code has its finder patterns, its timing pattern and the expected size`() throws {
        let code = try #require(QRCode("LATCHKEY:" + String(repeating: "A7", count: 100)))
        // 209 alphanumeric characters with correction level L need version 7 (ISO/IEC 18004 table 7).
        #expect(code.width == 17 + 4 * 7)
        let last = code.width - 7
        for (top, left) in [(0, 0), (0, last), (last, 0)] {
            for row in 0..<7 {
                for column in 0..<7 {
                    let ring = max(abs(row - 3), abs(column - 3))
                    #expect(code.isDark(row: top + row, column: left + column) == (ring != 2))
                }
            }
        }
        for position in 8..<last { #expect(code.isDark(row: 6, column: position) == position.isMultiple(of: 2)) }
    }

    @Test("the drawing shows the modules with a quiet zone of four", arguments: [true, false])
    func drawing(colours: Bool) throws {
        let code = try #require(QRCode("latchkey:x"))
        let lines = code.lines(colours: colours).map { line in
            line.filter { " ▀▄█".contains($0) }
        }
        #expect(lines.count == (code.width + 8 + 1) / 2)
        for (index, line) in lines.enumerated() {
            #expect(line.count == code.width + 8)
            for (column, cell) in line.enumerated() {
                for half in 0...1 {
                    let row = 2 * index + half - 4
                    guard row < code.width + 4 else { continue }
                    let isInk = half == 0 ? "▀█".contains(cell) : "▄█".contains(cell)
                    #expect(isInk == (code.isDark(row: row, column: column - 4) == colours))
                }
            }
        }
    }

    @Test func `a text that no code can hold is not drawn`() {
        #expect(QRCode("") == nil)
        #expect(QRCode("a\0b") == nil)
        #expect(QRCode(String(repeating: "x", count: QRCode.longestText + 1)) == nil)
    }

    @Test func `control characters of a device's name do not reach the terminal`() {
        let transcript = Transcript()
        transcript.console().line("Lamp\u{1B}]0;owned\u{07}\r\n\u{9B}2J\u{202E}evil ✓ 灯")
        #expect(!transcript.output.dropLast().unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x9B })
        #expect(transcript.output.hasSuffix("evil ✓ 灯\n"))
        #expect(!transcript.output.contains("\u{202E}"))
    }

    @Test func `the progress line appears on a terminal only, and gives way to lines`() {
        let quiet = Transcript()
        quiet.console().progress("searching")
        #expect(quiet.errors.isEmpty)
        let shown = Transcript()
        let console = shown.console(errorsAreTerminal: true)
        console.progress("searching")
        console.line("found")
        console.progress(nil)
        #expect(shown.output == "found\n")
        #expect(shown.errors == "\r\u{1B}[Ksearching\r\u{1B}[Ksearching\r\u{1B}[K")
    }

    @Test func `a reader that went away is noticed`() {
        let console = Console { _, _ in false }
        #expect(!console.isOutputClosed)
        console.line("x")
        #expect(console.isOutputClosed)
    }

    @Test("a log line is text or one JSON object", arguments: LogFormat.allCases)
    func logLine(format: LogFormat) throws {
        let transcript = Transcript()
        var logger = Logger(label: "gateway") { label in
            ConsoleLogHandler(label: label, level: .info, format: format, console: transcript.console()) {
                Date(timeIntervalSince1970: 1)
            }
        }
        logger[metadataKey: "b"] = "two"
        logger.debug("not this")
        logger.info("client came", metadata: ["a": "one\nline"])
        switch format {
        case .text:
            #expect(transcript.errors == "1970-01-01T00:00:01.000Z info gateway: client came a=one\u{FFFD}line b=two\n")
        case .json:
            let object = try JSONSerialization.jsonObject(with: Data(transcript.errors.utf8)) as? [String: Any]
            #expect(object?["message"] as? String == "client came")
            #expect(object?["metadata"] as? [String: String] == ["a": "one\nline", "b": "two"])
        }
    }

    @Test func `a table's columns are aligned and end without spaces`() {
        let lines = Table(["A", "BB"], rows: [["long", ""], ["x", "y"]]).lines
        #expect(lines == ["A     BB", "long", "x     y"])
    }

    @Test(
        "durations are read as people type them",
        arguments: [
            ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("45", 45), ("", nil), ("m", nil), ("-1s", nil),
            ("1.5h", nil), ("99999999d", nil), ("9999999999", nil),
        ] as [(String, Int?)]
    )
    func duration(text: String, seconds: Int?) {
        #expect(DurationText.seconds(text) == seconds)
    }
}
