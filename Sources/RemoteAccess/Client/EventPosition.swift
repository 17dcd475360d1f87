import Synchronization

/// The cursor that a reader has reached, readable after its exchange was broken off.
final class EventPosition: Sendable {
    private let cursor: Mutex<UInt64?>

    init(_ cursor: UInt64?) {
        self.cursor = Mutex(cursor)
    }

    var value: UInt64? { cursor.withLock { $0 } }

    func advance(to position: UInt64) {
        cursor.withLock { $0 = position }
    }
}
