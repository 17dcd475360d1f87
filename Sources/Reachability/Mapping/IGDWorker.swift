package import NetworkTypes
import Synchronization
package import Traversal

/// Asks a UPnP gateway device, and keeps what it grants.
package final class IGDWorker: MappingWorker {
    /// How often the router is asked whether address and mappings are still there.
    private static let checkInterval: Duration = .seconds(30)
    private static let retryInterval: Duration = .seconds(60)
    /// After an error: a router that has restarted is elsewhere a moment later.
    private static let errorPause: Duration = .seconds(5)
    /// How often it is looked for so soon after a mapping was lost.
    private static let hurriedLooks = 20
    private static let removalTime: Duration = .seconds(2)

    package let method = MappingMethod.igd
    private let own: IPAddress
    private let router: IPAddress
    private let targets: [MappingTarget]
    private let suggested: [MappingTarget: UInt16]
    /// What was made before and is not wanted any more: for another address of this host, or another port.
    private let leftovers: [MappingMemory.Entry]
    private let find: @Sendable () async -> (any IGDActions)?
    private let held = Mutex<Held>(Held())

    private struct Held {
        var router: IGDRouter?
        var ports: [MappingTarget: UInt16] = [:]
        /// What the router was asked for, whether its answer was awaited or not.
        var asked: [MappingTarget: UInt16] = [:]
    }

    package init(
        own: IPAddress, router: IPAddress, targets: [MappingTarget], memory: [MappingMemory.Entry],
        find: @escaping @Sendable () async -> (any IGDActions)?
    ) {
        self.own = own
        self.router = router
        self.targets = targets
        self.find = find
        let ours = memory.filter { $0.own == "\(own)" && $0.target.map(targets.contains) == true }
        suggested = Dictionary(ours.compactMap { entry in entry.target.map { ($0, entry.externalPort) } }) { $1 }
        leftovers = memory.filter { !ours.contains($0) }
    }

    package func run(_ tell: @escaping @Sendable (MappingNews) -> Void) async {
        var hurried = 0
        while !Task.isCancelled {
            guard let actions = await find() else {
                tell(.failed("no UPnP gateway device at \(router) answers"))
                let pause = hurried > 0 ? Self.errorPause : Self.retryInterval
                hurried -= hurried > 0 ? 1 : 0
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                continue
            }
            let router = IGDRouter(actions, own: own)
            held.withLock { $0.router = router }
            for entry in leftovers {
                guard let target = entry.target else { continue }
                await router.remove(target, external: entry.externalPort, madeFor: entry.own)
            }
            do {
                try await keep(router, tell)
            } catch {
                if Task.isCancelled { return }
                let hadSome = held.withLock { held in
                    defer { held.ports = [:] }
                    return !held.ports.isEmpty
                }
                let sentence = (error as? IGDRouter.Refusal)?.description ?? "the router cannot be asked: \(error)"
                if hadSome { hurried = Self.hurriedLooks }
                if hadSome {
                    tell(.lost(sentence))
                } else if error as? IGDRouter.Refusal == .noAddress {
                    tell(.denied(sentence, .noPublicAddress))
                } else {
                    tell(.failed(sentence))
                }
                guard (try? await Task.sleep(for: Self.errorPause)) != nil else { return }
            }
        }
    }

    /// Maps everything, renews at half time, and looks at it in between. Ends by an error alone.
    private func keep(_ router: IGDRouter, _ tell: @Sendable (MappingNews) -> Void) async throws {
        var address: IPAddress?
        var renewals: [MappingTarget: ContinuousClock.Instant] = [:]
        while true {
            let current = try await router.externalAddress()
            for target in targets {
                let port = held.withLock { $0.ports[target] }
                var isDue = renewals[target].map { $0 <= .now } ?? true
                if !isDue, let port, await router.has(target, external: port) == false { isDue = true }
                guard isDue || current != address else { continue }
                guard let mapping = try await map(target, at: port, of: router, tell) else {
                    renewals[target] = .now + Self.retryInterval
                    continue
                }
                held.withLock { $0.ports[target] = mapping.externalPort }
                let isPermanent = mapping.lease == .zero
                renewals[target] = .now + (isPermanent ? .seconds(86_400) : mapping.lease / 2)
                tell(
                    .remember(
                        .init(
                            method: .igd, router: self.router, own: own, target: target,
                            externalPort: mapping.externalPort)))
                tell(
                    .granted(
                        MappingGrant(
                            target, external: SocketEndpoint(current, port: mapping.externalPort),
                            lifetime: mapping.lease)))
            }
            address = current
            try await Task.sleep(for: Self.checkInterval)
        }
    }

    /// Nil for a target that the router does not want, and that is done without.
    private func map(
        _ target: MappingTarget, at port: UInt16?, of router: IGDRouter, _ tell: @Sendable (MappingNews) -> Void
    ) async throws -> IGDRouter.Mapping? {
        var random = SystemRandomNumberGenerator()
        let first = held.withLock { held in targets.first.flatMap { held.ports[$0] } }
        let preferred = port ?? suggested[target] ?? first ?? target.port
        held.withLock { $0.asked[target] = preferred }
        do {
            return try await router.map(target, preferred: preferred, using: &random)
        } catch let refusal as IGDRouter.Refusal where target != targets.first {
            held.withLock { $0.ports[target] = nil }
            tell(.refused(target, refusal.description))
            return nil
        }
    }

    package func discard(_ entries: [MappingMemory.Entry]) async {
        guard let actions = await find() else { return }
        for entry in entries {
            guard let target = entry.target else { continue }
            await IGDRouter(actions, own: own).remove(target, external: entry.externalPort, madeFor: entry.own)
        }
    }

    package func remove() async {
        let (router, ports) = held.withLock { held in
            defer {
                held.ports = [:]
                held.asked = [:]
            }
            // An answer that was not awaited is one of a mapping that is there.
            return (held.router, held.asked.merging(held.ports) { $1 })
        }
        guard let router, !ports.isEmpty else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [own] in
                for (target, port) in ports { await router.remove(target, external: port, madeFor: "\(own)") }
            }
            group.addTask { try? await Task.sleep(for: Self.removalTime) }
            await group.next()
            group.cancelAll()
        }
    }
}
