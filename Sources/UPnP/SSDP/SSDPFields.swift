/// Where in a datagram its start line and fields are: positions only, no copy of anything, so that reading
/// another header costs no memory.
///
/// Read leniently: bare LF ends a line, the space after a colon is optional, a line without a colon is
/// skipped, the blank line at the end may be missing.
struct SSDPFields {
    private(set) var startLine: Range<Int> = 0..<0
    private var values: InlineArray<19, Position> = .init(repeating: Position())

    /// Datagrams are shorter than 64 KiB: two small numbers, and 0 and 0 for a field that is absent.
    private struct Position {
        var start: UInt16 = 0
        var end: UInt16 = 0
    }

    /// `bytes` are at most ``SSDPLimits/datagramBytes``.
    init(scanning bytes: Span<UInt8>) {
        var position = 0
        startLine = bytes.trimmed(bytes.nextLine(from: &position))
        var count = 0
        while count < SSDPLimits.headerCount, position < bytes.count {
            count += 1
            let line = bytes.trimmed(bytes.nextLine(from: &position))
            if line.isEmpty { break }
            guard let colon = bytes.colon(in: line) else { continue }
            let name = bytes.trimmed(line.lowerBound..<colon)
            guard let field = SSDPField(named: bytes.extracting(name)) else { continue }
            // A repeated header must not override what another parser has already believed.
            guard values[field.rawValue].start == 0 else { continue }
            let value = bytes.trimmed(colon + 1..<line.upperBound)
            values[field.rawValue] = Position(
                start: UInt16(clamping: value.lowerBound), end: UInt16(clamping: value.upperBound))
        }
    }

    /// Where a field's value is; nil when the header is not there.
    subscript(field: SSDPField) -> Range<Int>? {
        let position = values[field.rawValue]
        // No value can begin at 0: a start line is before it.
        return position.start == 0 ? nil : Int(position.start)..<Int(position.end)
    }
}

extension Span<UInt8> {
    /// The line that begins at `position`, without its end; `position` moves behind it.
    fileprivate func nextLine(from position: inout Int) -> Range<Int> {
        let start = position
        while position < count, self[position] != 0x0A { position += 1 }
        let line = start..<position
        position += 1
        return line
    }

    /// The first colon of a line, if a name of a sensible length is before it.
    fileprivate func colon(in line: Range<Int>) -> Int? {
        var position = line.lowerBound
        let end = Swift.min(line.upperBound, line.lowerBound + 65)
        while position < end {
            if self[position] == 0x3A { return position }
            position += 1
        }
        return nil
    }

    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while end > start, self[end - 1].isFieldBlank { end -= 1 }
        while start < end, self[start].isFieldBlank { start += 1 }
        return start..<end
    }
}
