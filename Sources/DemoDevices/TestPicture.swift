import NIOCore

/// Draws a test picture as a baseline JPEG (ITU-T T.81) of flat blocks of 8 by 8 pixels.
///
/// A block of one colour needs its mean only, so the encoder knows no transform and no AC coefficient.
struct TestPicture {
    /// Blocks across: eight pixels each.
    var columns = 40
    /// Blocks down: eight pixels each.
    var rows = 30

    /// The picture for a moment: a bar that moves, and the frame's number in binary along the upper edge.
    func jpeg(frame: Int) -> ByteBuffer {
        var bytes = Self.start
        bytes += marker(0xC0, [8] + word(rows * 8) + word(columns * 8) + [3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
        bytes += Self.tables
        var bits = BitWriter()
        var previous = [0, 0, 0]
        for row in 0..<rows {
            for column in 0..<columns {
                let colour = colour(row, column, frame)
                for component in 0..<3 {
                    bits.writeMean(colour[component] - previous[component])
                    previous[component] = colour[component]
                }
            }
        }
        return ByteBuffer(bytes: bytes + bits.finished() + [0xFF, 0xD9])
    }

    /// Y, Cb and Cr of a block, each from -128 to 127.
    private func colour(_ row: Int, _ column: Int, _ frame: Int) -> [Int] {
        if row < 2 {
            let bit = columns - 1 - column
            return bit < 32 && frame >> bit & 1 == 1 ? [110, 0, 0] : [-110, 0, 0]
        }
        if column == frame % columns { return [100, -40, 20] }
        return [row * 120 / rows - 60, column * 100 / columns - 50, 40 - row * 80 / rows]
    }

    private static let start: [UInt8] =
        [0xFF, 0xD8]
        + marker(0xE0, Array("JFIF".utf8) + [0, 1, 1, 0, 0, 1, 0, 1, 0, 0])
        // A mean is eight times as large after the transform; this divides it by eight again.
        + marker(0xDB, [0] + [UInt8](repeating: 8, count: 64))

    /// Table K.3 for means; for the other coefficients one code only, "no more".
    private static let tables: [UInt8] =
        marker(0xC4, [0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0] + Array(0...11))
        + marker(0xC4, [0x10, 1] + [UInt8](repeating: 0, count: 15) + [0])
        + marker(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0])

    private static func marker(_ code: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, code] + word(content.count + 2) + content
    }

    private static func word(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 255), UInt8(number & 255)] }
    private func marker(_ code: UInt8, _ content: [UInt8]) -> [UInt8] { Self.marker(code, content) }
    private func word(_ number: Int) -> [UInt8] { Self.word(number) }
}

/// Writes entropy-coded bits.
private struct BitWriter {
    private var bytes: [UInt8] = []
    private var pending = 0
    private var count = 0

    /// The codes of table K.3, by the number of bits that follow.
    private static let codes: [(code: Int, length: Int)] = [
        (0b00, 2), (0b010, 3), (0b011, 3), (0b100, 3), (0b101, 3), (0b110, 3), (0b1110, 4), (0b11110, 5),
        (0b111110, 6), (0b1111110, 7), (0b1111_1110, 8), (0b1_1111_1110, 9),
    ]

    /// Writes the difference of a mean to the one before, and that the block has nothing else.
    mutating func writeMean(_ difference: Int) {
        let size = Int.bitWidth - abs(difference).leadingZeroBitCount
        let code = Self.codes[min(size, 11)]
        write(code.code, code.length)
        write(difference < 0 ? difference + (1 << size) - 1 : difference, size)
        write(0, 1)
    }

    /// All bytes, the last one filled with ones.
    mutating func finished() -> [UInt8] {
        if count > 0 { write((1 << (8 - count)) - 1, 8 - count) }
        return bytes
    }

    private mutating func write(_ value: Int, _ length: Int) {
        for bit in (0..<length).reversed() {
            pending = pending << 1 | value >> bit & 1
            count += 1
            guard count == 8 else { continue }
            bytes.append(UInt8(pending))
            // A byte of ones would begin a marker.
            if pending == 0xFF { bytes.append(0) }
            pending = 0
            count = 0
        }
    }
}
