package import NetworkTypes
import Synchronization
package import Traversal

/// Asks a UPnP gateway device to open its IPv6 firewall, and keeps it open.
package final class PinholeWorker: MappingWorker {
    /// How often the router is asked whether the pinholes are still there.
    private static let checkInterval: Duration = .seconds(30)
    private static let retryInterval: Duration = .seconds(60)
    private static let removalTime: Duration = .seconds(2)

    package let method = MappingMethod.igd
    private let own: IPAddress
    private let router: IPAddress
    private let targets: [MappingTarget]
    /// What was opened before and is not wanted any more: for another address of this host, or another port.
    private let leftovers: [MappingMemory.Entry]
    private let find: @Sendable () async -> (any IGDActions)?
    private let held = Mutex<Held>(Held())

    private struct Held {
        var firewall: IGDFirewall?
        var pinholes: [MappingTarget: String] = [:]
        /// What the router was asked for, whether its answer was awaited or not.
        var asked: Set<MappingTarget> = []
    }

    /// - Parameter find: A gateway device with a firewall; nil when none has answered.
    package init(
        own: IPAddress, router: IPAddress, targets: [MappingTarget], memory: [MappingMemory.Entry],
        find: @escaping @Sendable () async -> (any IGDActions)?
    ) {
        self.own = own
        self.router = router
        self.targets = targets
        self.find = find
        leftovers = memory.filter { $0.own != "\(own)" || $0.target.map(targets.contains) != true }
    }

    package func run(_ tell: @escaping @Sendable (MappingNews) -> Void) async {
        while !Task.isCancelled {
            guard let firewall = await find().flatMap({ IGDFirewall($0) }) else {
                tell(.failed("no UPnP gateway device with a control of its IPv6 firewall answers"))
                guard (try? await Task.sleep(for: Self.retryInterval)) != nil else { return }
                continue
            }
            held.withLock { $0.firewall = firewall }
            await close(leftovers, of: firewall)
            do {
                try await keep(firewall, tell)
            } catch {
                if Task.isCancelled { return }
                let hadSome = held.withLock { held in
                    defer { held.pinholes = [:] }
                    return !held.pinholes.isEmpty
                }
                let refusal = error as? IGDRouter.Refusal
                let sentence = refusal?.description ?? "the router cannot be asked: \(error)"
                if hadSome {
                    tell(.lost(sentence))
                } else {
                    tell(refusal == nil ? .failed(sentence) : .denied(sentence, .unwilling))
                }
                guard (try? await Task.sleep(for: Self.retryInterval)) != nil else { return }
            }
        }
    }

    /// Opens everything, renews at half time, and looks at it in between. Ends by an error alone.
    private func keep(_ firewall: IGDFirewall, _ tell: @Sendable (MappingNews) -> Void) async throws {
        var renewals: [MappingTarget: ContinuousClock.Instant] = [:]
        while true {
            switch try await firewall.status() {
            case .forbidsPinholes: throw IGDRouter.Refusal("the router allows no pinholes in its IPv6 firewall")
            case .off:
                // Nothing is in the way, and nothing has to be closed later.
                for target in targets { tell(.granted(grant(target))) }
            case .allowsPinholes:
                for target in targets {
                    let id = held.withLock { $0.pinholes[target] }
                    var isDue = renewals[target].map { $0 <= .now } ?? true
                    if !isDue, let id, await firewall.has(id) == false { isDue = true }
                    guard isDue else { continue }
                    renewals[target] = .now + .seconds(IGDRouter.lease) / 2
                    guard try await open(target, id, firewall, tell) else {
                        renewals[target] = .now + Self.retryInterval
                        continue
                    }
                }
            }
            try await Task.sleep(for: Self.checkInterval)
        }
    }

    /// False for a target that the router does not want, and that is done without.
    private func open(
        _ target: MappingTarget, _ known: String?, _ firewall: IGDFirewall, _ tell: @Sendable (MappingNews) -> Void
    ) async throws -> Bool {
        do {
            if let known, try await firewall.renew(known) { return true }
            held.withLock { _ = $0.asked.insert(target) }
            let id = try await firewall.open(target, at: own)
            held.withLock { $0.pinholes[target] = id }
            tell(
                .remember(
                    .init(
                        method: .igd, router: router, own: own, target: target, externalPort: target.port,
                        pinhole: id)))
            tell(.granted(grant(target)))
            return true
        } catch let refusal as IGDRouter.Refusal where target != targets.first {
            held.withLock { $0.pinholes[target] = nil }
            tell(.refused(target, refusal.description))
            return false
        }
    }

    private func grant(_ target: MappingTarget) -> MappingGrant {
        MappingGrant(target, external: SocketEndpoint(own, port: target.port), lifetime: .seconds(IGDRouter.lease))
    }

    private func close(_ entries: [MappingMemory.Entry], of firewall: IGDFirewall) async {
        for entry in entries {
            if let id = entry.pinhole { await firewall.close(id) }
        }
    }

    package func discard(_ entries: [MappingMemory.Entry]) async {
        guard let firewall = await find().flatMap({ IGDFirewall($0) }) else { return }
        await close(entries, of: firewall)
    }

    package func remove() async {
        let (firewall, pinholes, asked) = held.withLock { held in
            defer {
                held.pinholes = [:]
                held.asked = []
            }
            return (held.firewall, held.pinholes, held.asked)
        }
        guard let firewall, !asked.isEmpty else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [own] in
                for id in pinholes.values { await firewall.close(id) }
                // What was asked for when the task was cancelled may be open: asked again, it tells its number.
                for target in asked where pinholes[target] == nil {
                    if let id = try? await firewall.open(target, at: own) { await firewall.close(id) }
                }
            }
            group.addTask { try? await Task.sleep(for: Self.removalTime) }
            await group.next()
            group.cancelAll()
        }
    }
}
