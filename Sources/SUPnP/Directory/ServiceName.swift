/// The name of a service: a URN or another visible ASCII text of 1...128 bytes, compared byte by byte.
package struct ServiceName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The most bytes of a name.
    package static let maximumBytes = 128
    /// The name's bytes.
    package let bytes: [UInt8]

    /// Takes a name as it came; nil unless it is 1...128 bytes of visible ASCII.
    package init?(_ bytes: some Collection<UInt8>) {
        guard (1...Self.maximumBytes).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        self.bytes = Array(bytes)
    }

    /// Takes a name in text; nil under the same conditions.
    package init?(_ text: String) { self.init(Array(text.utf8)) }

    /// The name as text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The order of the bytes.
    package static func < (left: ServiceName, right: ServiceName) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// A service's name, or the beginning of names followed by `*`.
package struct ServicePattern: Hashable, Sendable {
    private let beginning: [UInt8]
    private let isWhole: Bool

    /// Reads a pattern; nil unless it is a name, or a name's beginning (possibly empty) and a `*` at its end.
    package init?(_ text: String) {
        if text.utf8.last == UInt8(ascii: "*") {
            let head = Array(text.utf8.dropLast())
            guard head.isEmpty || ServiceName(head) != nil, !head.contains(UInt8(ascii: "*")) else { return nil }
            beginning = head
            isWhole = false
        } else {
            guard let name = ServiceName(text) else { return nil }
            beginning = name.bytes
            isWhole = true
        }
    }

    /// The pattern as it is written.
    package var text: String { String(decoding: beginning, as: UTF8.self) + (isWhole ? "" : "*") }

    /// Whether a name is meant.
    package func matches(_ name: ServiceName) -> Bool {
        isWhole ? name.bytes == beginning : name.bytes.starts(with: beginning)
    }
}

/// What a member may ask for: patterns of services (group keys specification 3.10.4). Empty means nothing.
package struct AccessList: Hashable, Sendable {
    /// The most patterns of one member.
    package static let maximumPatterns = 64
    private let patterns: [ServicePattern]

    /// Allows what any of the patterns matches; of more than 64 only the first 64 count.
    package init(_ patterns: [ServicePattern] = []) { self.patterns = Array(patterns.prefix(Self.maximumPatterns)) }

    /// Whether a service may be asked for.
    package func allows(_ name: ServiceName) -> Bool { patterns.contains { $0.matches(name) } }
}
