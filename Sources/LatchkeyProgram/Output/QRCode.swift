import CQREncode

/// A text as a QR code (ISO/IEC 18004), drawn with half-block characters.
package struct QRCode: Hashable, Sendable {
    /// Modules a side, without the quiet zone.
    package let width: Int
    /// Row by row: true is dark.
    package let modules: [Bool]

    /// The longest text that is drawn: more does not scan from a terminal.
    package static let longestText = 1024

    /// Encodes `text` with error correction level L: a screen is clean, and fewer modules fit smaller windows.
    /// A text of capitals and digits only becomes the smallest code.
    ///
    /// Nil when the text is empty, longer than `longestText` bytes or holds a NUL.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.longestText, !text.utf8.contains(0),
            let code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1)
        else { return nil }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        guard width > 0, let data = code.pointee.data else { return nil }
        self.width = width
        self.modules = (0..<width * width).map { data[$0] & 1 == 1 }
    }

    /// Whether the module at `row`, `column` is dark; everything outside is the light quiet zone.
    package func isDark(row: Int, column: Int) -> Bool {
        guard (0..<width).contains(row), (0..<width).contains(column) else { return false }
        return modules[row * width + column]
    }

    /// Four light modules on each side (§6.3.8).
    package static let quietZone = 4

    /// The lines to print, two rows of modules in each.
    ///
    /// With colours, black on white whatever the terminal's theme is. Without, blocks stand for *light*
    /// modules, which is right for the usual dark terminal.
    package func lines(colours: Bool) -> [String] {
        let rows = -Self.quietZone..<(width + Self.quietZone)
        return stride(from: rows.lowerBound, to: rows.upperBound, by: 2).map { row in
            let cells = (-Self.quietZone..<(width + Self.quietZone)).map { column in
                let upper = isDark(row: row, column: column) == colours
                let lower = (row + 1 < rows.upperBound && isDark(row: row + 1, column: column)) == colours
                return Self.cell(upper: upper, lower: lower)
            }
            let line = String(cells)
            return colours ? "\u{1B}[38;5;16m\u{1B}[48;5;231m\(line)\u{1B}[0m" : line
        }
    }

    private static func cell(upper: Bool, lower: Bool) -> Character {
        switch (upper, lower) {
        case (true, true): "█"
        case (true, false): "▀"
        case (false, true): "▄"
        case (false, false): " "
        }
    }
}
