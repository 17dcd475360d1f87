package import NetworkTypes

/// A client that keeps mappings at a PCP server (RFC 6887): over IPv4 a port of the router's, over IPv6 a pinhole in its
/// firewall.
///
///     requesting ──granted──▶ held ──half of what is left──▶ sent again … ──expired──▶ requesting
///         │  ▲                  └── the server lost its state ──▶ requesting
///         ▼  │ after its time
///       refused                 any ── releaseAll ──▶ releasing ──▶ gone
///
/// Every datagram is sent from `client`, the address that the mappings are for: mappings for others (THIRD_PARTY) are
/// neither asked for nor believed.
package struct PCPClient: PortControlClient {
    /// The times of §8.1.1.
    package struct Configuration: Hashable, Sendable {
        /// The first wait for an answer (IRT), give or take a tenth.
        package var firstWait = Duration.seconds(3)
        /// The longest (MRT).
        package var longestWait = Duration.seconds(1_024)
        /// The wait for the answer to a removal, which is sent twice.
        package var releaseWait = Duration.milliseconds(250)

        package init() {}
    }

    private enum Phase: Hashable, Sendable {
        /// `wait` is the one that ends at `next`; zero before the first request.
        case requesting(wait: Duration, next: ContinuousClock.Instant)
        case held(renew: ContinuousClock.Instant, expires: ContinuousClock.Instant)
        case refused(until: ContinuousClock.Instant)
        case releasing(next: ContinuousClock.Instant, sends: Int)

        var next: ContinuousClock.Instant {
            switch self {
            case .requesting(_, let next), .held(let next, _), .refused(let next), .releasing(let next, _): next
            }
        }
    }

    private struct Entry: Hashable, Sendable {
        let target: MappingTarget
        let nonce: [UInt8]
        /// What is suggested: at first the caller's wish, then what was assigned (§11.2.1).
        var external: SocketEndpoint
        var phase: Phase
    }

    private static let jitter = 0.9...1.1
    private static let renewal = 0.5...0.625

    package let server: SocketEndpoint
    private let client: IPAddress
    private let configuration: Configuration
    /// Nonces of mappings that were made before this start, so that they can be renewed and removed.
    private let kept: [MappingTarget: [UInt8]]
    private var entries: [Entry] = []
    private var epoch = ServerEpoch()
    private var unanswered = 0
    private var isProbing = false
    private var isEnded = false

    /// - Parameters:
    ///   - client: The own address that datagrams to the server leave from.
    ///   - nonces: Of ``nonces`` before a restart; a server refuses to change a mapping whose nonce is another.
    package init(
        server: SocketEndpoint, client: IPAddress, nonces: [MappingTarget: [UInt8]] = [:],
        configuration: Configuration = .init()
    ) {
        self.server = server
        self.client = client
        self.configuration = configuration
        kept = nonces.filter { $0.value.count == PCPMap.nonceBytes }
    }

    /// What a later start has to know to find its mappings again.
    package var nonces: [MappingTarget: [UInt8]] {
        Dictionary(entries.map { ($0.target, $0.nonce) }) { first, _ in first }
    }

    package var next: ContinuousClock.Instant? { entries.map(\.phase.next).min() }

    package mutating func add(
        _ target: MappingTarget, suggested: UInt16, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded, entries.count < PortControlLimits.targets, !entries.contains(where: { $0.target == target })
        else { return [] }
        let entry = Entry(
            target: target, nonce: kept[target] ?? random.bytes(PCPMap.nonceBytes),
            external: SocketEndpoint(client.any, port: suggested), phase: .requesting(wait: .zero, next: now))
        entries.append(entry)
        return timeOut(at: now, using: &random)
    }

    package mutating func probe(at now: ContinuousClock.Instant) -> [PortControlOutput] {
        guard !isEnded else { return [] }
        isProbing = true
        return [.send(PCPRequest(nil, client: client).encoded)]
    }

    package mutating func timeOut(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        var outputs: [PortControlOutput] = []
        for index in entries.indices where entries[index].phase.next <= now {
            var entry = entries[index]
            outputs += due(&entry, at: now, using: &random)
            entries[index] = entry
        }
        entries.removeAll { if case .releasing(_, 3) = $0.phase { true } else { false } }
        return outputs
    }

    private mutating func due(
        _ entry: inout Entry, at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        switch entry.phase {
        case .held(_, let expires) where now < expires:
            // Half of what is left, again and again (§11.2.1), so that a lost answer is made good in time.
            let wait = max((expires - now).scaled(Self.renewal, using: &random), PortControlLimits.shortestRenewal)
            entry.phase = .held(renew: min(now + wait, expires), expires: expires)
            return [request(entry)]
        case .requesting(let wait, _) where wait > .zero:
            unanswered += 1
            let longer = min(wait * 2, configuration.longestWait).scaled(Self.jitter, using: &random)
            entry.phase = .requesting(wait: longer, next: now + longer)
            return [.silent(requests: unanswered), request(entry)]
        case .requesting, .held, .refused:
            let wait = configuration.firstWait.scaled(Self.jitter, using: &random)
            entry.phase = .requesting(wait: wait, next: now + wait)
            return [request(entry)]
        case .releasing(_, let sends):
            entry.phase = .releasing(next: now + configuration.releaseWait, sends: sends + 1)
            // The third time nobody has answered, and the entry goes.
            guard sends < 2 else { return [.released(entry.target)] }
            return [request(entry)]
        }
    }

    /// §11.1; a removal suggests nothing (§15.1).
    private func request(
        _ entry: Entry, lifetime: UInt32 = PortControlLimits.lifetime
    ) -> PortControlOutput {
        var external = entry.external
        var lifetime = lifetime
        if case .releasing = entry.phase {
            external = SocketEndpoint(client.any, port: 0)
            lifetime = 0
        }
        let map = PCPMap(
            nonce: entry.nonce, transport: entry.target.transport.rawValue, internalPort: entry.target.port,
            external: external)
        return .send(PCPRequest(map, lifetime: lifetime, client: client).encoded)
    }

    package mutating func discard(
        _ target: MappingTarget, at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        // Without its nonce a mapping cannot be removed.
        guard !isEnded, let nonce = kept[target], !entries.contains(where: { $0.target == target }) else { return [] }
        entries.append(
            Entry(
                target: target, nonce: nonce, external: SocketEndpoint(client.any, port: 0),
                phase: .releasing(next: now, sends: 0)))
        return timeOut(at: now, using: &random)
    }

    package mutating func releaseAll(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        for index in entries.indices {
            entries[index].phase = .releasing(next: now, sends: 0)
        }
        return timeOut(at: now, using: &random)
    }

    package mutating func received(
        _ bytes: [UInt8], from source: SocketEndpoint, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded, source.address == server.address, source.port == server.port else { return [] }
        let response: PCPResponse
        do {
            response = try PCPResponse(bytes)
        } catch {
            // What speaks another version says so in its own words (§9); a router that speaks both announces itself in
            // both, which is no refusal.
            guard case .version(let version) = error, bytes.count >= 4, bytes[1] >= 128, bytes[3] == 1 else {
                return []
            }
            return end(version)
        }
        guard response.result != .unsupportedVersion else { return end(PCPHeader.version) }
        guard !response.options.contains(where: { $0.code == PCPOption.thirdParty }) else { return [] }
        let index = response.map.flatMap { map in
            entries.firstIndex {
                $0.nonce == map.nonce && $0.target.transport.rawValue == map.transport
                    && $0.target.port == map.internalPort
            }
        }
        guard index != nil || response.opcode == PCPHeader.announce else { return [] }
        unanswered = 0
        var outputs: [PortControlOutput] = []
        if !epoch.isConsistent(response.epoch, at: now) {
            outputs = [.routerRestarted]
            recover(but: index, isUnasked: index == nil && !isProbing, at: now, using: &random)
        }
        if index == nil { isProbing = false }
        if let index, let map = response.map { outputs += answered(index, response, map, at: now, using: &random) }
        return outputs + timeOut(at: now, using: &random)
    }

    private mutating func end(_ version: UInt8) -> [PortControlOutput] {
        isEnded = true
        entries = []
        return [.unsupported(version: version)]
    }

    /// Everything that was held is asked for again; after an announcement to everybody, at a moment of our own (§14.1.2).
    private mutating func recover(
        but answered: Int?, isUnasked: Bool, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        for index in entries.indices where index != answered {
            guard case .held = entries[index].phase else { continue }
            let wait = isUnasked ? Duration.seconds(5).scaled(0...1, using: &random) : .zero
            entries[index].phase = .requesting(wait: .zero, next: now + wait)
        }
    }

    private mutating func answered(
        _ index: Int, _ response: PCPResponse, _ map: PCPMap, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        let target = entries[index].target
        if case .releasing = entries[index].phase {
            guard response.lifetime == 0 || response.result != .success else { return [] }
            var entry = entries.remove(at: index)
            guard response.result == .notAuthorized else { return [.released(target)] }
            // Some (miniupnpd 2.3.1) refuse to remove an IPv6 pinhole that they have renewed, and renew it again: then for the
            // shortest time that there is.
            entry.phase = .held(renew: now, expires: now)
            return [request(entry, lifetime: 1), .released(target)]
        }
        guard response.result == .success else {
            let retry = min(
                max(.seconds(Int64(response.lifetime)), PortControlLimits.shortestRetry), .seconds(1_800))
            entries[index].phase = .refused(until: now + retry)
            return [
                .refused(
                    target, code: Int(response.result.rawValue), reason: "\(response.result)", retry: retry)
            ]
        }
        guard response.lifetime > 0, map.external.port != 0, !map.external.address.isUnspecified else { return [] }
        let lifetime = PortControlLimits.believed(response.lifetime)
        let wait = max(lifetime.scaled(Self.renewal, using: &random), PortControlLimits.shortestRenewal)
        entries[index].external = map.external
        entries[index].phase = .held(renew: now + wait, expires: now + max(lifetime, wait))
        return [.granted(MappingGrant(target, external: map.external, lifetime: lifetime))]
    }
}
