import AccessPolicy
import Foundation
import Logging
import NIOUPnP
import TrustCore

/// What the gateway follows while it runs: the home's devices, what the owner changes, and time.
extension RemoteAccessServer {
    func discover(_ controlPoint: ControlPoint, _ onEvent: @Sendable (Event) -> Void) async throws {
        do {
            try await controlPoint.run()
        } catch let error where !(error is CancellationError) {
            onEvent(.homeLost("\(error)"))
        }
    }

    func followHome(_ controlPoint: ControlPoint, _ onEvent: @Sendable (Event) -> Void) async {
        for await change in controlPoint.changes {
            guard let change = directory.apply(change) else { continue }
            await tell(change, onEvent)
            if case .appeared(let device) = change { await remember(device) }
            if case .changed(let device) = change { await remember(device) }
            await refreshVirtualDevices(onEvent)
        }
    }

    private func tell(_ change: HomeDirectory.Change, _ onEvent: @Sendable (Event) -> Void) async {
        mirror.announce(change)
        onEvent(.device(change))
        if case .disappeared(let device) = change { await hub.deviceGone(udn: device.udn) }
    }

    private func refreshVirtualDevices(_ onEvent: @Sendable (Event) -> Void) async {
        for change in directory.refreshVirtualDevices(desk.settings.virtualDevices) { await tell(change, onEvent) }
    }

    /// A filter or a virtual device was changed: every session is told what it sees from now on.
    func followDesk(_ onEvent: @escaping @Sendable (Event) -> Void) async {
        var filters = desk.settings.filters
        for await _ in desk.systemInfoChanges() {
            await refreshVirtualDevices(onEvent)
            let current = desk.settings.filters
            guard current != filters else { continue }
            filters = current
            directory.decisionsChanged()
            mirror.reconsider()
            await hub.reconsider()
        }
    }

    private func remember(_ device: KnownDevice) async {
        do {
            try await trust.store.record([
                DeviceSighting(
                    udn: device.udn, name: device.name, deviceType: device.facts.deviceType, lastSeen: Date())
            ])
        } catch {
            logger.warning("a device could not be remembered", metadata: ["error": "\(error)"])
        }
    }

    func followTrust() async {
        for await ended in trust.endings {
            for subject in ended { _ = await endSessions(of: subject) }
        }
    }

    /// What was shown, subscribed to and streamed under the old policy is looked at again under the new one.
    func followPolicy() async {
        for await _ in trust.policy.changes {
            mirror.reconsider()
            await hub.reconsider()
        }
    }

    func expireSessions() async throws {
        while true {
            try await Task.sleep(for: .seconds(5))
            for session in registry.expire() { await router.endpoints.end(session) }
        }
    }
}
