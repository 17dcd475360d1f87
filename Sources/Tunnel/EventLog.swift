internal import struct NIOCore.CircularBuffer

/// The last events of a session, read by cursor: a reader that comes back goes on where it was, and is
/// told when it cannot.
///
/// A cursor is the number of events that the reader has seen. Bounded by count and by bytes; what is
/// oldest falls out first.
package struct EventLog<Entry: Sendable>: Sendable {
    /// The bounds of a log.
    package struct Limits: Hashable, Sendable {
        /// Entries kept.
        package var entries = 4_096
        /// Sum of the sizes of the entries kept.
        package var bytes = 4 << 20
        /// Makes the default bounds.
        package init() {}
    }

    /// The answer to `read`.
    package enum ReadResult: Sendable {
        /// What follows the cursor, perhaps nothing, and the cursor after it.
        case entries([Entry], next: UInt64)
        /// Something between the cursor and the oldest entry fell out (or the cursor is not of this
        /// log): the reader has to start again from the whole state, and then from this cursor.
        case lost(current: UInt64)
    }

    private let limits: Limits
    private var kept = CircularBuffer<(entry: Entry, size: Int)>()
    /// The cursor before the oldest kept entry.
    private var start: UInt64 = 0
    /// The sum of the sizes of what is kept.
    package private(set) var bytes = 0

    /// Makes an empty log.
    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The cursor after the newest entry.
    package var cursor: UInt64 { start + UInt64(kept.count) }
    /// How many entries are kept.
    package var count: Int { kept.count }

    /// Adds an entry that is held to take `size` bytes, and returns the cursor after it.
    ///
    /// An entry that is larger than the whole log is counted and not kept: its readers are told `lost`.
    @discardableResult
    package mutating func append(_ entry: Entry, size: Int) -> UInt64 {
        kept.append((entry, max(size, 0)))
        bytes += max(size, 0)
        while kept.count > limits.entries || bytes > limits.bytes, let oldest = kept.popFirst() {
            bytes -= oldest.size
            start += 1
        }
        return cursor
    }

    /// At most `maximum` entries after `position`.
    package func read(after position: UInt64, maximum: Int = .max) -> ReadResult {
        guard position >= start, position <= cursor else { return .lost(current: cursor) }
        let skip = Int(position - start)
        let take = min(max(maximum, 0), kept.count - skip)
        let entries = (0..<take).map { kept[offset: skip + $0].entry }
        return .entries(entries, next: position + UInt64(take))
    }

    /// Forgets what its only reader has confirmed.
    package mutating func discard(through position: UInt64) {
        while start < position, let oldest = kept.popFirst() {
            bytes -= oldest.size
            start += 1
        }
    }
}

extension CircularBuffer {
    fileprivate subscript(offset offset: Int) -> Element { self[index(startIndex, offsetBy: offset)] }
}
