package import NetworkTypes

/// A client that keeps mappings at a NAT-PMP router (RFC 6886).
///
/// It asks for the router's external address and for its mappings side by side, and tells a mapping when it knows both.
/// Requests that are not answered are sent at 0, 250, 750, 1750 ms … nine times in all, and after 127.75 s the router is
/// given up (§3.1), unless it has ever answered.
package struct NATPMPClient: PortControlClient {
    private enum Phase: Hashable, Sendable {
        /// `sends` were made; the next is at `next`.
        case requesting(sends: Int, next: ContinuousClock.Instant)
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
        var external: UInt16
        var lifetime = Duration.zero
        var phase: Phase
    }

    private static let firstWait = Duration.milliseconds(250)
    private static let sends = 9

    package let server: SocketEndpoint
    private var entries: [Entry] = []
    private var address: IPv4Address?
    /// The question for the address; nil when there is none on its way.
    private var addressPhase: Phase?
    private var epoch = ServerEpoch()
    private var hasAnswered = false
    private var isEnded = false

    package init(server: SocketEndpoint) { self.server = server }

    package var next: ContinuousClock.Instant? {
        (entries.map(\.phase.next) + [addressPhase?.next].compactMap(\.self)).min()
    }

    package mutating func add(
        _ target: MappingTarget, suggested: UInt16, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded, entries.count < PortControlLimits.targets, !entries.contains(where: { $0.target == target })
        else { return [] }
        entries.append(Entry(target: target, external: suggested, phase: .requesting(sends: 0, next: now)))
        if address == nil, addressPhase == nil { addressPhase = .requesting(sends: 0, next: now) }
        return timeOut(at: now, using: &random)
    }

    package mutating func probe(at now: ContinuousClock.Instant) -> [PortControlOutput] {
        guard !isEnded, addressPhase == nil else { return [] }
        addressPhase = .requesting(sends: 1, next: now + Self.firstWait)
        return [.send(NATPMPRequest.externalAddress.encoded)]
    }

    package mutating func timeOut(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded else { return [] }
        var outputs: [PortControlOutput] = []
        if let phase = addressPhase, phase.next <= now {
            let next = again(phase, at: now, &outputs)
            addressPhase = isEnded ? nil : next
            if !isEnded { outputs.append(.send(NATPMPRequest.externalAddress.encoded)) }
        }
        for index in entries.indices where !isEnded && entries[index].phase.next <= now {
            due(index, at: now, &outputs)
        }
        entries.removeAll { if case .releasing(_, 3) = $0.phase { true } else { false } }
        return outputs
    }

    /// The next phase of a request that is sent at `now`.
    private mutating func again(
        _ phase: Phase, at now: ContinuousClock.Instant, _ outputs: inout [PortControlOutput]
    ) -> Phase {
        guard case .requesting(let sends, _) = phase else {
            return .requesting(sends: 1, next: now + Self.firstWait)
        }
        if sends > 0 { outputs.append(.silent(requests: sends)) }
        guard sends < Self.sends else {
            // A router that was there once is waited for: it may be starting.
            guard !hasAnswered else {
                return .requesting(sends: sends, next: now + Self.firstWait * (1 << (sends - 1)))
            }
            isEnded = true
            entries = []
            addressPhase = nil
            outputs.append(.gaveUp)
            return phase
        }
        return .requesting(sends: sends + 1, next: now + Self.firstWait * (1 << sends))
    }

    private mutating func due(_ index: Int, at now: ContinuousClock.Instant, _ outputs: inout [PortControlOutput]) {
        switch entries[index].phase {
        case .held(_, let expires) where now < expires:
            let wait = max((expires - now) / 2, PortControlLimits.shortestRenewal)
            entries[index].phase = .held(renew: min(now + wait, expires), expires: expires)
        case .releasing(_, let sends):
            entries[index].phase = .releasing(next: now + Self.firstWait, sends: sends + 1)
            // The third time nobody has answered, and the entry goes.
            guard sends < 2 else {
                outputs.append(.released(entries[index].target))
                return
            }
        case let phase:
            let next = again(phase, at: now, &outputs)
            guard !isEnded else { return }
            entries[index].phase = next
        }
        outputs.append(request(entries[index]))
    }

    private func request(_ entry: Entry) -> PortControlOutput {
        if case .releasing = entry.phase {
            return .send(NATPMPRequest.map(entry.target, external: 0, lifetime: 0).encoded)
        }
        return .send(
            NATPMPRequest.map(entry.target, external: entry.external, lifetime: PortControlLimits.lifetime).encoded)
    }

    package mutating func discard(
        _ target: MappingTarget, at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded, !entries.contains(where: { $0.target == target }) else { return [] }
        entries.append(Entry(target: target, external: 0, phase: .releasing(next: now, sends: 0)))
        return timeOut(at: now, using: &random)
    }

    package mutating func releaseAll(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        addressPhase = nil
        for index in entries.indices { entries[index].phase = .releasing(next: now, sends: 0) }
        return timeOut(at: now, using: &random)
    }

    package mutating func received(
        _ bytes: [UInt8], from source: SocketEndpoint, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput] {
        guard !isEnded, source.address == server.address, source.port == server.port else { return [] }
        let response: NATPMPResponse
        do {
            response = try NATPMPResponse(bytes)
        } catch {
            // A router that speaks both announces itself in PCP too, which is no refusal.
            guard case .version(let version) = error, bytes.count >= 4, bytes[1] >= 128, bytes[3] == 1 else {
                return []
            }
            return end(version)
        }
        guard response.result != .unsupportedVersion else { return end(0) }
        hasAnswered = true
        var outputs: [PortControlOutput] = []
        if let value = response.epoch, !epoch.isConsistent(value, at: now) {
            outputs.append(.routerRestarted)
            // One after the other within five seconds, because every client of the router does the same (§3.7).
            for index in entries.indices {
                guard case .held = entries[index].phase else { continue }
                let wait = Duration.seconds(5).scaled(0...1, using: &random)
                entries[index].phase = .requesting(sends: 0, next: now + wait)
            }
        }
        switch response.content {
        case .externalAddress(let told): outputs += addressTold(told)
        case .mapped(let target, let external, let lifetime):
            outputs += mapped(target, external, lifetime, at: now)
        case .refused(let opcode): outputs += refused(opcode, response.result, at: now)
        }
        return outputs + timeOut(at: now, using: &random)
    }

    private mutating func end(_ version: UInt8) -> [PortControlOutput] {
        isEnded = true
        entries = []
        addressPhase = nil
        return [.unsupported(version: version)]
    }

    /// Also unasked, to everybody, when it has changed (§3.2.1).
    private mutating func addressTold(_ told: IPv4Address) -> [PortControlOutput] {
        addressPhase = nil
        guard told != address, told != .unspecified else { return [] }
        address = told
        return entries.compactMap { entry in
            guard case .held = entry.phase else { return nil }
            return grant(entry)
        }
    }

    private func grant(_ entry: Entry) -> PortControlOutput? {
        address.map {
            .granted(
                MappingGrant(
                    entry.target, external: SocketEndpoint(.v4($0), port: entry.external), lifetime: entry.lifetime))
        }
    }

    private mutating func mapped(
        _ target: MappingTarget, _ external: UInt16, _ lifetime: UInt32, at now: ContinuousClock.Instant
    ) -> [PortControlOutput] {
        guard let index = entries.firstIndex(where: { $0.target == target }) else { return [] }
        if case .releasing = entries[index].phase {
            guard lifetime == 0 else { return [] }
            entries.remove(at: index)
            return [.released(target)]
        }
        guard lifetime > 0, external != 0 else { return [] }
        let believed = PortControlLimits.believed(lifetime)
        entries[index].external = external
        entries[index].lifetime = believed
        let wait = max(believed / 2, PortControlLimits.shortestRenewal)
        entries[index].phase = .held(renew: now + wait, expires: now + max(believed, wait))
        return [grant(entries[index])].compactMap(\.self)
    }

    /// An error names no port, so it is meant for every request of its kind that waits.
    private mutating func refused(
        _ opcode: UInt8, _ code: NATPMPResultCode, at now: ContinuousClock.Instant
    ) -> [PortControlOutput] {
        let retry = PortControlLimits.shortestRetry
        if opcode == 0 {
            guard addressPhase != nil else { return [] }
            addressPhase = .refused(until: now + retry)
        }
        return entries.indices.compactMap { index in
            let target = entries[index].target
            guard opcode == 0 || opcode == NATPMPResponse.opcode(of: target.transport) else { return nil }
            switch entries[index].phase {
            case .requesting, .held: break
            case .refused, .releasing: return nil
            }
            if opcode != 0 { entries[index].phase = .refused(until: now + retry) }
            return .refused(target, code: Int(code.rawValue), reason: "\(code)", retry: retry)
        }
    }
}
