internal import Synchronization

/// The memberships that C holds, by numbers that are never given twice: a handle that was closed is none any more, and
/// using it is refused instead of reading memory that is another's.
enum HandleTable {
    private struct State {
        var next: UInt = 1
        var groups: [UInt: GroupHandle] = [:]
    }

    /// The one thing that belongs to the process: C has no other place for it.
    private static let state = Mutex(State())

    static func add(_ group: GroupHandle) -> OpaquePointer? {
        state.withLock { state in
            defer { state.next += 1 }
            state.groups[state.next] = group
            return OpaquePointer(bitPattern: state.next)
        }
    }

    static func find(_ pointer: OpaquePointer?) -> GroupHandle? {
        guard let pointer else { return nil }
        return state.withLock { $0.groups[UInt(bitPattern: pointer)] }
    }

    static func remove(_ pointer: OpaquePointer?) {
        guard let pointer else { return }
        _ = state.withLock { $0.groups.removeValue(forKey: UInt(bitPattern: pointer)) }
    }
}
