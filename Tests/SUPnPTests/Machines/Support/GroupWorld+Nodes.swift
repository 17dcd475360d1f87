import GroupKeys
import NetworkTypes
import TestKit

@testable import SUPnP

final class KeyManagerNode {
    var engine: KeyManager<SeededGenerator>
    var addresses: [SocketEndpoint]
    var address: SocketEndpoint { addresses[0] }
    let identity: ControllerIdentity
    var isAlive = true
    var holdsLease = true
    var wakeAt: ContinuousClock.Instant?
    var events: [KeyManagerEvent] = []
    /// What it would do is done only until so many outputs were done: then it is killed.
    var outputsLeft = Int.max
    var outputsDone = 0
    /// What was sent while nobody may be sent to.
    var transmissions = 0

    init(_ engine: consuming KeyManager<SeededGenerator>, addresses: [SocketEndpoint], identity: ControllerIdentity) {
        self.engine = engine
        self.addresses = addresses
        self.identity = identity
    }

    func isDue(_ now: ContinuousClock.Instant) -> Bool { wakeAt.map { $0 <= now } ?? false }
    var isLeading: Bool { engine.isLeading }
    /// Its address of the family of a peer's.
    func address(for peer: SocketEndpoint) -> SocketEndpoint? { addresses.first { $0.isSameFamily(as: peer) } }
}

extension SocketEndpoint {
    func isSameFamily(as other: SocketEndpoint) -> Bool { address.isIPv6 == other.address.isIPv6 }
}

final class ForwarderNode {
    var engine: Forwarder<SeededGenerator>
    let addresses: [SocketEndpoint]
    var address: SocketEndpoint { addresses[0] }
    let identity: ControllerIdentity
    var holdsLease = true
    var hearsKeyManager = true
    var wakeAt: ContinuousClock.Instant?
    var multicasts = 0
    var told: [ForwarderEvent] = []

    init(_ engine: consuming Forwarder<SeededGenerator>, addresses: [SocketEndpoint], identity: ControllerIdentity) {
        self.engine = engine
        self.addresses = addresses
        self.identity = identity
    }

    var entry: ControllerEntry {
        GroupWorld.require(
            ControllerEntry(id: identity.id, boot: identity.boot, addresses: addresses), "an address")
    }

    func isDue(_ now: ContinuousClock.Instant) -> Bool { wakeAt.map { $0 <= now } ?? false }
}

final class MemberNode {
    var engine: Member<SeededGenerator>
    let name: String
    let address: SocketEndpoint
    var isAlive = true
    var wakeAt: ContinuousClock.Instant?
    var events: [MemberEvent] = []
    /// What a server answers to each request; nil for nothing.
    var answer: ((InboundRequest) -> [UInt8]?)?

    init(_ engine: consuming Member<SeededGenerator>, name: String, address: SocketEndpoint) {
        self.engine = engine
        self.name = name
        self.address = address
    }

    func isDue(_ now: ContinuousClock.Instant) -> Bool { wakeAt.map { $0 <= now } ?? false }

    var id: MemberID? { engine.id }
    var path: MemberPath? { engine.path }
    var trafficKeyID: UInt16? { engine.trafficKeyID }
    var controllers: [ControllerID]? { engine.session?.controllers.order }
    var isMember: Bool { engine.id != nil }
    var requests: [InboundRequest] {
        events.compactMap { if case .request(let request) = $0 { request } else { nil } }
    }
    var answers: [[UInt8]] {
        events.compactMap { if case .answer(_, _, _, let payload) = $0 { payload } else { nil } }
    }
}

extension GroupWorld {
    func tell(_ node: KeyManagerNode, _ input: KeyManager<SeededGenerator>.Input) {
        guard node.isAlive else { return }
        node.wakeAt = node.isDue(now) ? nil : node.wakeAt
        node.engine.handle(input, now: now)
        while let output = node.engine.nextOutput() {
            if node.outputsLeft == 0 { return kill(node) }
            node.outputsLeft -= 1
            node.outputsDone += 1
            perform(output, of: node)
        }
    }

    private func perform(_ output: KeyManager<SeededGenerator>.Output, of node: KeyManagerNode) {
        switch output {
        case .transmit(let bytes, let address):
            node.transmissions += 1
            transmit(bytes, fromOneOf: node.addresses, to: address)
        case .multicast(let bytes):
            node.transmissions += 1
            multicast(bytes, from: node.addresses)
        case .commit(let changes, let expected):
            let revision = store.commit(changes, expected: expected)
            storeAnswers.add(
                (node, revision.map { .committed(revision: $0) } ?? .conflict), at: now + storeDelay)
        case .reread:
            storeAnswers.add((node, .reread(store.state, revision: store.revision)), at: now + storeDelay)
        case .work(let work): tell(node, .worked(work.id, work.run()))
        case .forwarder(let event):
            for forwarder in forwarders where forwarder.hearsKeyManager {
                forwarder.told.append(event.event)
                tell(forwarder, .event(event))
            }
        case .wake(let instant): node.wakeAt = min(node.wakeAt ?? instant, instant)
        case .event(let event): node.events.append(event)
        }
    }

    func tell(_ node: ForwarderNode, _ input: Forwarder<SeededGenerator>.Input) {
        tell(node, [input])
    }

    /// Hands in what has come in together.
    func tell(_ node: ForwarderNode, _ batch: [Forwarder<SeededGenerator>.Input]) {
        node.wakeAt = node.isDue(now) ? nil : node.wakeAt
        for input in batch {
            node.engine.handle(input, now: now)
            drain(node)
        }
        node.engine.batchEnded(now: now)
        drain(node)
    }

    private func drain(_ node: ForwarderNode) {
        while let output = node.engine.nextOutput() {
            switch output {
            case .transmit(let bytes, let address): transmit(bytes, fromOneOf: node.addresses, to: address)
            case .multicast(let bytes):
                node.multicasts += 1
                multicast(bytes, from: node.addresses)
            case .relay(let bytes, let source):
                if let keyManager { tell(keyManager, .datagram(bytes, from: source)) }
            case .needsSnapshot: if let keyManager { tell(keyManager, .snapshotWanted) }
            case .wake(let instant): node.wakeAt = min(node.wakeAt ?? instant, instant)
            }
        }
    }

    func tell(_ node: MemberNode, _ input: Member<SeededGenerator>.Input) {
        guard node.isAlive else { return }
        node.wakeAt = node.isDue(now) ? nil : node.wakeAt
        node.engine.handle(input, now: now)
        drain(node)
    }

    func drain(_ node: MemberNode) {
        memberObserver?(node)
        while let output = node.engine.nextOutput() {
            switch output {
            case .transmit(let bytes, let address): transmit(bytes, from: node.address, to: address)
            case .derive(let work): tell(node, .derived(work.run()))
            case .keep(let state, let number):
                keptMembers[node.name] = state
                if state != nil { tell(node, .kept(number)) }
            case .joinMulticast(let group): network.join(group, node: node.address)
            case .leaveMulticast(let group): network.leave(group, node: node.address)
            case .wake(let instant): node.wakeAt = min(node.wakeAt ?? instant, instant)
            case .event(let event):
                node.events.append(event)
                guard case .request(let request) = event, let payload = node.answer?(request) else { continue }
                tell(node, .answer(request.id, payload: payload, isLast: true))
            }
        }
    }

    /// Asks as a client.
    @discardableResult
    func request(
        _ node: MemberNode, _ service: ServiceName, _ payload: [UInt8] = [1], window: Duration = .milliseconds(500),
        lowestSuite: DataPayload.LowestSuite? = nil
    ) -> UInt64? {
        let id = node.engine.request(service, payload: payload, window: window, lowestSuite: lowestSuite, now: now)
        drain(node)
        return id
    }
}
