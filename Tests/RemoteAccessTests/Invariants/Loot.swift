import Synchronization

@testable import RemoteAccess

/// Bytes that several exchanges brought.
final class Loot: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func take(_ more: some Sequence<UInt8>) {
        bytes.withLock {
            $0 += more
            // What stands apart must not look like one number.
            $0.append(0x0A)
        }
    }

    var all: [UInt8] { bytes.withLock { $0 } }
}

/// The devices of a stream of events, read by one task after the other.
final class Found: Sendable {
    private let state = Mutex<[MirroredDevice]>([])

    var devices: [MirroredDevice] {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
