import Foundation
import Groups
import SUPnP
import Synchronization
import TrustCore

/// A group's store in memory, which can be made to fail.
final class MemoryRegister: GroupRegister {
    struct Failure: Error {}

    private struct Contents: Sendable {
        var identity: GroupIdentity?
        var state = GroupState()
        var revision: UInt64 = 1
        var owners: [DeviceID: SubjectID] = [:]
        var revoked: Set<SubjectID> = []
        /// So many commits fail.
        var failures = 0
        /// Whether every other one of those is made all the same.
        var makesSome = true
        var hangs = false
        /// Another program's changes, made right after the next time that the state is read.
        var afterLoad: [StateChange]?
        var commitsBegun = 0
        var reached: UInt64 = 0
    }

    private let contents = Mutex(Contents())

    func fail(_ times: Int, makesSome: Bool = true) {
        contents.withLock {
            $0.failures = times
            $0.makesSome = makesSome
        }
    }
    /// Commits do not come back any more.
    func hang(_ hangs: Bool) { contents.withLock { $0.hangs = hangs } }
    func revoke(_ subject: SubjectID) { contents.withLock { _ = $0.revoked.insert(subject) } }
    func own(_ device: DeviceID, _ subject: SubjectID) { contents.withLock { $0.owners[device] = subject } }
    var state: GroupState { contents.withLock { $0.state } }

    /// How many commits have been asked for.
    var commitsBegun: Int { contents.withLock { $0.commitsBegun } }

    /// Another program's change, between the next reading and whatever follows it.
    func afterNextLoad(_ changes: [StateChange]) { contents.withLock { $0.afterLoad = changes } }

    /// Another program's change.
    func change(_ changes: [StateChange]) {
        contents.withLock {
            $0.state.apply(changes)
            $0.revision += 1
        }
    }

    func load() async throws -> (state: GroupState, revision: UInt64) {
        contents.withLock { contents in
            let loaded = (contents.state, contents.revision)
            if let changes = contents.afterLoad.take() {
                contents.state.apply(changes)
                contents.revision += 1
            }
            return loaded
        }
    }

    func revision() async throws -> UInt64 {
        contents.withLock { $0.revision }
    }

    func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64? {
        contents.withLock { $0.commitsBegun += 1 }
        while contents.withLock({ $0.hangs }) { try await Task.sleep(for: .milliseconds(20)) }
        let result: Result<UInt64?, Failure> = contents.withLock { contents in
            let fails = contents.failures > 0
            if fails { contents.failures -= 1 }
            if fails, !contents.makesSome || contents.failures.isMultiple(of: 2) { return .failure(Failure()) }
            guard contents.revision == expectedRevision else { return .success(nil) }
            contents.state.apply(changes)
            contents.revision += 1
            return fails ? .failure(Failure()) : .success(contents.revision)
        }
        return try result.get()
    }

    func identity() async throws -> GroupIdentity? { contents.withLock { $0.identity } }

    func establish(_ identity: GroupIdentity) async throws -> GroupIdentity {
        contents.withLock { contents in
            contents.identity = contents.identity ?? identity
            return contents.identity ?? identity
        }
    }

    func reachedTime() async throws -> UInt64 { contents.withLock { $0.reached } }
    func reach(_ time: UInt64) async throws { contents.withLock { $0.reached = max($0.reached, time) } }

    func owner(of device: DeviceID) async throws -> SubjectID? { contents.withLock { $0.owners[device] } }
    func owners() async throws -> [DeviceID: SubjectID] { contents.withLock { $0.owners } }
    func setOwners(_ names: [DeviceID: String], now: Date) async throws -> [DeviceID: Subject] { [:] }

    func devices(of subject: SubjectID) async throws -> [DeviceID] {
        contents.withLock { $0.owners.filter { $0.value == subject }.keys.sorted() }
    }

    func revokedDevices() async throws -> [DeviceID] {
        contents.withLock { contents in
            contents.owners.filter { device, owner in
                contents.revoked.contains(owner)
                    && (contents.state.credentials[device] != nil || contents.state.member(of: device) != nil)
            }.keys.sorted()
        }
    }
}
