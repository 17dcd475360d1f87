import NetworkTypes

/// Finds addresses spelled out in bytes: dotted IPv4 with or without leading zeros, and IPv6.
enum AddressMatcher {
    struct Match: Equatable {
        var range: Range<Int>
        var address: IPAddress
    }

    /// Calls `body` for each address, in order; stops when it returns false.
    static func forEach(in bytes: [UInt8], _ body: (Match) -> Bool) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte.isASCIIDigit {
                if let match = ipv4(bytes, at: index), !body(match) { return }
                repeat { index += 1 } while index < bytes.count && bytes[index].isASCIIDigit
            } else if byte == UInt8(ascii: ":") {
                let run = colonRun(bytes, at: index)
                for match in ipv6(bytes, in: run) where !body(match) { return }
                // The run may end within an IPv4 address: `::ffff:192.0.2.1`.
                var end = run.upperBound
                while end > index + 1, bytes[end - 1].isASCIIDigit { end -= 1 }
                index = max(end, index + 1)
            } else {
                index += 1
            }
        }
    }

    static func first(in bytes: [UInt8], where isWanted: (IPAddress) -> Bool) -> Match? {
        var found: Match?
        forEach(in: bytes) { match in
            guard isWanted(match.address) else { return true }
            found = match
            return false
        }
        return found
    }

    /// Four numbers of at most three digits, joined by dots, the first of which starts at `start`.
    private static func ipv4(_ bytes: [UInt8], at start: Int) -> Match? {
        var value: UInt32 = 0
        var index = start
        for group in 0..<4 {
            if group > 0 {
                guard index < bytes.count, bytes[index] == UInt8(ascii: ".") else { return nil }
                index += 1
            }
            var number: UInt32 = 0
            var digits = 0
            while index < bytes.count, bytes[index].isASCIIDigit {
                digits += 1
                guard digits <= 3 else { return nil }
                number = number * 10 + UInt32(bytes[index] & 15)
                index += 1
            }
            guard digits > 0, number < 256 else { return nil }
            value = value << 8 | number
        }
        return Match(range: start..<index, address: .v4(IPv4Address(rawValue: value)))
    }

    /// The stretch of hexadecimal digits, colons and dots around a colon.
    private static func colonRun(_ bytes: [UInt8], at colon: Int) -> Range<Int> {
        var start = colon
        while start > 0, colon - start < 5, bytes[start - 1].hexValue != nil { start -= 1 }
        var end = colon
        while end < bytes.count, bytes[end] == UInt8(ascii: ":") || bytes[end].hexValue != nil {
            end += 1
        }
        return start..<end
    }

    /// The IPv6 addresses in a run. Text may touch an address at either end, so each group is tried as
    /// the first one.
    private static func ipv6(_ bytes: [UInt8], in run: Range<Int>) -> [Match] {
        var colons = 0
        var hasGap = false
        for index in run where bytes[index] == UInt8(ascii: ":") {
            colons += 1
            hasGap = hasGap || index > run.lowerBound && bytes[index - 1] == UInt8(ascii: ":")
        }
        // Cheaper than parsing: times and durations have two colons, hardware addresses five.
        guard hasGap || colons >= 7 else { return [] }
        var matches: [Match] = []
        var start = run.lowerBound
        while start < run.upperBound {
            if let match = longest(bytes, from: start, in: run) {
                matches.append(match)
                start = match.range.upperBound
            } else {
                start = (bytes[start..<run.upperBound].firstIndex(of: UInt8(ascii: ":")) ?? run.upperBound) + 1
            }
        }
        return matches
    }

    /// The longest IPv6 address that starts at `start` (RFC 4291 §2.2, without an IPv4 tail).
    private static func longest(_ bytes: [UInt8], from start: Int, in run: Range<Int>) -> Match? {
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var hasGap = false
        var index = start
        var match: Match?
        func isGap(_ at: Int) -> Bool {
            at + 1 < run.upperBound && bytes[at] == UInt8(ascii: ":") && bytes[at + 1] == UInt8(ascii: ":")
        }
        while head.count + tail.count < 8 {
            if isGap(index), !hasGap {
                hasGap = true
                index += 2
                match = Match(range: start..<index, address: address(head, tail))
            } else if index > start, !(hasGap && tail.isEmpty) {
                guard index < run.upperBound, bytes[index] == UInt8(ascii: ":") else { break }
                index += 1
            }
            var group: UInt16 = 0
            let first = index
            while index < run.upperBound, index - first < 4, let digit = bytes[index].hexValue {
                group = group << 4 | UInt16(digit)
                index += 1
            }
            guard index > first else { break }
            if hasGap { tail.append(group) } else { head.append(group) }
            if hasGap || head.count == 8 { match = Match(range: start..<index, address: address(head, tail)) }
        }
        return match
    }

    private static func address(_ head: [UInt16], _ tail: [UInt16]) -> IPAddress {
        let groups = head + Array(repeating: 0, count: max(0, 8 - head.count - tail.count)) + tail
        return .v6(
            IPv6Address(
                high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
                low: groups[4..<8].reduce(0) { $0 << 16 | UInt64($1) }))
    }
}
