package import AccessPolicy
import Synchronization
package import TrustCore

/// The policy in force. Every decision of a gateway is made here, and nobody keeps a copy of it.
///
/// It is read without waiting and replaced as a whole. `changes` tells that what clients are shown, hear and
/// stream has to be looked at again.
package final class PolicyBook: Sendable {
    private struct State {
        var policy: PresetPolicy
        var shapes: [SubjectID: UInt64]
        var version = 0
    }

    private let state: Mutex<State>
    private let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Opens a book with what a ledger grants.
    package init(ledger: TrustLedger) {
        self.state = Mutex(Self.state(of: ledger))
    }

    private static func state(of ledger: TrustLedger) -> State {
        let grants = ledger.activeGrants
        let shapes = Dictionary(grouping: grants, by: \.subject).mapValues { StableHash("\($0)").value }
        return State(policy: PresetPolicy(grants: grants), shapes: shapes)
    }

    /// Takes over what a ledger grants; does nothing when that is what is in force.
    func update(to ledger: TrustLedger) {
        let fresh = Self.state(of: ledger)
        let isNews = state.withLock { state in
            guard state.shapes != fresh.shapes else { return false }
            let version = state.version + 1
            state = fresh
            state.version = version
            return true
        }
        if isNews { continuation.yield() }
    }

    /// Counts the changes of the policy, and of what holds at the time.
    var version: Int { state.withLock { $0.version } }

    /// One element when the policy changed since the last was read. For one reader.
    var changes: AsyncStream<Void> { stream }

    /// Decides.
    package func decide(_ request: AccessRequest) -> Decision {
        state.withLock { $0.policy }.decide(request)
    }

    /// A number that differs when what a subject may do with a device differs, the same over restarts.
    func shape(of subject: SubjectID, on device: DeviceFacts) -> UInt64 {
        state.withLock { $0.shapes[subject] ?? 0 }
    }
}

/// FNV-1a: a hash that is the same in every process. Not for keys that an attacker chooses.
struct StableHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ text: String = "") { combine(text) }

    mutating func combine(_ text: String) {
        for byte in text.utf8 { combine(byte: byte) }
        combine(byte: 0xFF)
    }

    mutating func combine(_ number: UInt64) {
        for shift in 0..<8 { combine(byte: UInt8(truncatingIfNeeded: number >> (8 * UInt64(shift)))) }
    }

    private mutating func combine(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
