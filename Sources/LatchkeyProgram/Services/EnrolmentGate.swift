import Groups
import SUPnP
import Synchronization

/// The devices that are being enrolled. Between the look whether one is enrolled already and the record of it there is the
/// record of its owner: of two who enrol it at one time the first has it, with its code and its owner, and the other is
/// told so.
final class EnrolmentGate: Sendable {
    private let devices = Mutex<Set<DeviceID>>([])

    /// Does it while nobody else enrols one of these.
    ///
    /// - Throws: ``GroupControllerError/enrolledAlready(_:)`` when somebody does.
    func alone<Value>(with ids: [DeviceID], _ body: () async throws -> Value) async throws -> Value {
        let taken = devices.withLock { devices in
            let taken = ids.first(where: devices.contains)
            if taken == nil { devices.formUnion(ids) }
            return taken
        }
        if let taken { throw GroupControllerError.enrolledAlready(taken) }
        defer { devices.withLock { $0.subtract(ids) } }
        return try await body()
    }
}
