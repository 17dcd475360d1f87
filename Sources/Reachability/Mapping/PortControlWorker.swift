package import NIOCore
package import NetworkTypes
import Synchronization
package import Traversal

/// Runs a client of PCP or NAT-PMP on a socket.
package final class PortControlWorker<Client: PortControlClient>: MappingWorker {
    /// How often the router is asked whether it is still the same.
    private static var probeInterval: Duration { .seconds(30) }
    private static var removalTime: Duration { .milliseconds(1_500) }

    package let method: MappingMethod
    private let own: IPAddress
    private let targets: [MappingTarget]
    private let suggested: [MappingTarget: UInt16]
    /// What was made before for this address and is not wanted any more.
    private let leftovers: [MappingTarget]
    private let eventLoopGroup: any EventLoopGroup
    private let state: Mutex<State>
    /// What the client knows that a later start needs.
    private let nonces: @Sendable (Client) -> [MappingTarget: [UInt8]]

    private struct State {
        var client: Client
        var random = SystemRandomNumberGenerator()
        var socket: DatagramSocket?
        var granted: Set<MappingTarget> = []
        var tell: (@Sendable (MappingNews) -> Void)?
        /// Whoever waits for the next deadline waits anew when it changes.
        var wake: AsyncStream<Void>.Continuation?
    }

    /// - Parameters:
    ///   - own: The own address to send from.
    ///   - suggested: The external ports that are preferred.
    ///   - leftovers: Of an earlier start, and not wanted any more: removed.
    package init(
        _ client: Client, method: MappingMethod, own: IPAddress, targets: [MappingTarget],
        suggested: [MappingTarget: UInt16], leftovers: [MappingTarget] = [], eventLoopGroup: any EventLoopGroup,
        nonces: @escaping @Sendable (Client) -> [MappingTarget: [UInt8]] = { _ in [:] }
    ) {
        self.method = method
        self.own = own
        self.targets = targets
        self.suggested = suggested
        self.leftovers = leftovers
        self.eventLoopGroup = eventLoopGroup
        self.state = Mutex(State(client: client))
        self.nonces = nonces
    }

    package func run(_ tell: @escaping @Sendable (MappingNews) -> Void) async {
        let socket: DatagramSocket
        do {
            socket = try await DatagramSocket.open(at: own, on: eventLoopGroup) { [weak self] in self?.arrived($0) }
        } catch {
            return tell(.failed("no socket on \(own): \(error)"))
        }
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock {
            $0.socket = socket
            $0.tell = tell
            $0.wake = wake
        }
        if let first = targets.first { add(first, suggested: first.port) }
        for target in leftovers { act { $0.discard(target, at: .now, using: &$1) } }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepTime(wakes) }
            group.addTask { await self.listenToAnnouncements() }
            group.addTask {
                while (try? await Task.sleep(for: Self.probeInterval)) != nil {
                    self.act { client, _ in client.probe(at: .now) }
                }
            }
            await group.waitForAll()
        }
    }

    private func add(_ target: MappingTarget, suggested port: UInt16) {
        act { client, random in
            client.add(target, suggested: self.suggested[target] ?? port, at: .now, using: &random)
        }
    }

    private func arrived(_ datagram: DatagramSocket.Datagram) {
        act { $0.received(datagram.bytes, from: datagram.source, at: .now, using: &$1) }
    }

    private func keepTime(_ wakes: AsyncStream<Void>) async {
        var wakes = wakes.makeAsyncIterator()
        while !Task.isCancelled {
            let next = state.withLock { $0.client.next }
            guard let next else {
                guard await wakes.next() != nil else { return }
                continue
            }
            // Deadlines only move on while an answer is handled, and then looking once too often does no harm.
            let pause = min(max(next - .now, .zero), .milliseconds(250))
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            guard next <= .now else { continue }
            act { $0.timeOut(at: .now, using: &$1) }
        }
    }

    /// Routers tell everybody when they have restarted or have another address. Who cannot listen is told by probes.
    private func listenToAnnouncements() async {
        guard case .v4 = own,
            let group = IPAddress("224.0.0.1"),
            let socket = try? await DatagramSocket.open(
                at: own, port: PortControlLimits.announcementPort, group: group, on: eventLoopGroup,
                { [weak self] in self?.arrived($0) })
        else { return }
        defer { socket.close() }
        while (try? await Task.sleep(for: .seconds(3_600))) != nil {}
    }

    private func act(_ body: (inout Client, inout SystemRandomNumberGenerator) -> [PortControlOutput]) {
        let (outputs, socket, server, tell, granted, nonces, wake) = state.withLock { state in
            let outputs = body(&state.client, &state.random)
            let before = state.granted
            for output in outputs {
                switch output {
                case .granted(let grant): state.granted.insert(grant.target)
                case .refused(let target, _, _, _), .released(let target): state.granted.remove(target)
                case .routerRestarted: state.granted = []
                case .send, .silent, .unsupported, .gaveUp: break
                }
            }
            return (
                outputs, state.socket, state.client.server, state.tell, before, self.nonces(state.client), state.wake
            )
        }
        wake?.yield()
        for output in outputs {
            switch output {
            case .send(let bytes): socket?.send(bytes, to: server)
            case .granted(let grant):
                tell?(
                    .remember(
                        .init(
                            method: method, router: server.address, own: own, target: grant.target,
                            externalPort: grant.external.port, nonce: nonces[grant.target])))
                tell?(.granted(grant))
                // Those that are there already are not added again.
                guard grant.target == targets.first else { continue }
                for target in targets.dropFirst() { add(target, suggested: grant.external.port) }
            case .refused(let target, _, let reason, _) where target != targets.first:
                tell?(.refused(target, "the router answered \(reason)"))
            case .refused(let target, let code, let reason, _):
                let sentence = "the router answered \(reason)"
                let denial: MappingDenial = method.noAddressCode == code ? .noPublicAddress : .unwilling
                tell?(granted.contains(target) ? .lost(sentence) : .denied(sentence, denial))
            case .silent where granted.isEmpty: tell?(.failed("the router at \(server.address) does not answer"))
            // What is mapped is mapped until its time is over, whether the router answers or not.
            case .silent, .released, .routerRestarted: break
            case .unsupported(let version):
                tell?(.failed(version == 0 ? "the router speaks NAT-PMP only" : "the router does not speak it"))
            case .gaveUp: tell?(.failed("the router at \(server.address) does not answer"))
            }
        }
    }

    package func remove() async {
        defer { closeSocket() }
        guard state.withLock({ !$0.granted.isEmpty && $0.socket != nil }) else { return }
        act { $0.releaseAll(at: .now, using: &$1) }
        await settle()
    }

    package func discard(_ entries: [MappingMemory.Entry]) async {
        let socket = try? await DatagramSocket.open(at: own, on: eventLoopGroup) { [weak self] in self?.arrived($0) }
        guard let socket else { return }
        defer { closeSocket() }
        state.withLock { $0.socket = socket }
        for target in entries.compactMap(\.target) { act { $0.discard(target, at: .now, using: &$1) } }
        await settle()
    }

    /// Until nothing is awaited any more.
    private func settle() async {
        let end = ContinuousClock.now + Self.removalTime
        while let next = state.withLock({ $0.client.next }), ContinuousClock.now < end {
            let pause = min(max(next - .now, .milliseconds(5)), .milliseconds(20))
            guard (try? await Task.sleep(for: pause)) != nil else { break }
            if next <= .now { act { $0.timeOut(at: .now, using: &$1) } }
        }
    }

    private func closeSocket() {
        state.withLock {
            $0.socket?.close()
            $0.socket = nil
        }
    }
}

extension MappingMethod {
    /// How a router says that it has no address outside: NETWORK_FAILURE in either protocol.
    fileprivate var noAddressCode: Int? {
        switch self {
        case .pcp: Int(PCPResultCode.networkFailure.rawValue)
        case .natpmp: Int(NATPMPResultCode.networkFailure.rawValue)
        case .igd: nil
        }
    }
}
