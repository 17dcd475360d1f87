/// Bytes with a layer of escapes taken off, and where each byte came from.
struct EscapeView {
    private(set) var bytes: [UInt8]
    /// The source offset of each byte; nil while every byte is its own source.
    private var sources: [Int]?

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    func offset(_ index: Int) -> Int { sources.map { $0[index] } ?? index }

    /// How the source spells what stands in `range` here.
    func form(of range: Range<Int>, in source: [UInt8]) -> AddressLeak.Form {
        let end = range.upperBound < bytes.count ? offset(range.upperBound) : source.count
        let spelled = source[offset(range.lowerBound)..<max(end, offset(range.lowerBound))]
        if spelled.contains(UInt8(ascii: "&")) { return .xmlEscaped }
        if spelled.contains(UInt8(ascii: "%")) { return .percentEncoded }
        return spelled.contains(UInt8(ascii: "\\")) ? .jsonEscaped : .plain
    }

    /// One layer of `%XX`, `&#N;`, `&#xN;`, `&amp;` and `\u00XX` taken off; nil when there is none.
    ///
    /// Characters outside ASCII stay escaped: no address has one.
    func decoded() -> EscapeView? {
        guard let first = firstEscape() else { return nil }
        var result: [UInt8] = Array(bytes[..<first])
        result.reserveCapacity(bytes.count)
        var origins = Array((sources ?? Array(bytes.indices))[..<first])
        origins.reserveCapacity(bytes.count)
        var index = first
        while index < bytes.count {
            origins.append(offset(index))
            if let (byte, length) = escape(at: index) {
                result.append(byte)
                index += length
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        var view = EscapeView(bytes: result)
        view.sources = origins
        return view
    }

    /// The bytes without the NULs that stand beside digits, dots and the like in UTF-16; nil when there
    /// are no such NULs.
    func withoutUTF16Padding() -> EscapeView? {
        guard let first = bytes.firstIndex(of: 0) else { return nil }
        var result = Array(bytes[..<first])
        var origins = Array(0..<first)
        var isPadded = false
        for index in first..<bytes.count {
            // Two NULs in a row are no text, and end whatever stood before.
            if bytes[index] == 0, index + 1 < bytes.count, bytes[index + 1] != 0 {
                isPadded = true
                continue
            }
            result.append(bytes[index])
            origins.append(index)
        }
        guard isPadded else { return nil }
        var view = EscapeView(bytes: result)
        view.sources = origins
        return view
    }

    private func firstEscape() -> Int? {
        bytes.indices.first { index in
            let byte = bytes[index]
            return (byte == UInt8(ascii: "%") || byte == UInt8(ascii: "&") || byte == UInt8(ascii: "\\"))
                && escape(at: index) != nil
        }
    }

    private func escape(at index: Int) -> (byte: UInt8, length: Int)? {
        switch bytes[index] {
        case UInt8(ascii: "%"): hexadecimal(at: index + 1, digits: 2).map { ($0, 3) }
        case UInt8(ascii: "&"): reference(at: index)
        case UInt8(ascii: "\\"):
            bytes[index...].dropFirst().starts(with: "u00".utf8)
                ? hexadecimal(at: index + 4, digits: 2).map { ($0, 6) } : nil
        default: nil
        }
    }

    private func hexadecimal(at start: Int, digits: Int) -> UInt8? {
        guard start + digits <= bytes.count, let high = bytes[start].hexValue, let low = bytes[start + 1].hexValue,
            high < 8
        else { return nil }
        return high << 4 | low
    }

    /// A numeric reference to an ASCII character, with any number of leading zeros up to 16, or `&amp;`
    /// before the rest of an escaped reference.
    private func reference(at start: Int) -> (byte: UInt8, length: Int)? {
        var index = start + 1
        func at(_ position: Int) -> UInt8 { position < bytes.count ? bytes[position] : 0 }
        if at(index) == UInt8(ascii: "a") {
            guard bytes[index...].starts(with: "amp;".utf8),
                [UInt8(ascii: "#"), UInt8(ascii: "a")].contains(at(index + 4))
            else { return nil }
            return (UInt8(ascii: "&"), 5)
        }
        guard at(index) == UInt8(ascii: "#") else { return nil }
        index += 1
        let isHexadecimal = at(index) | 0x20 == UInt8(ascii: "x")
        if isHexadecimal { index += 1 }
        var value: UInt32 = 0
        let digits = index
        while index - digits < 16, let digit = at(index).hexValue, isHexadecimal || digit < 10 {
            value = value &* (isHexadecimal ? 16 : 10) &+ UInt32(digit)
            guard value < 128 else { return nil }
            index += 1
        }
        guard index > digits, at(index) == UInt8(ascii: ";") else { return nil }
        return (UInt8(truncatingIfNeeded: value), index + 1 - start)
    }
}
