internal import Dispatch
internal import Synchronization

/// A context pointer of a C program, which is handed back as it is.
///
/// Unchecked because what it points to is the program's affair: it is never looked at here.
struct CContext: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer?
}

/// Where the callbacks of one group are made: one after the other, and none after it was closed.
final class CallbackQueue: Sendable {
    private static let key = DispatchSpecificKey<ObjectIdentifier>()

    private let queue = DispatchQueue(label: "latchkey-group")
    private let isClosed = Atomic(false)

    init() { queue.setSpecific(key: Self.key, value: ObjectIdentifier(self)) }

    /// Whether this is one of its callbacks.
    var isCurrent: Bool { DispatchQueue.getSpecific(key: Self.key) == ObjectIdentifier(self) }

    /// Makes a callback, and returns when it has been made, or will not be: so whoever has many waits for its reader.
    func deliver(_ callback: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            queue.async {
                if !self.isClosed.load(ordering: .acquiring) { callback() }
                continuation.resume()
            }
        }
    }

    /// No callback begins from here on; returns when the one that has begun is over, unless this is it.
    func close() {
        isClosed.store(true, ordering: .releasing)
        if !isCurrent { queue.sync {} }
    }
}
