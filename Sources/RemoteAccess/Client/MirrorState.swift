/// Which devices of the home are announced on the away network, and which are kept silent.
///
/// A device is announced while the tunnel is up, the home has it, no other source on this network
/// announces the same UDN, and the gateway itself is not on this network. It is withdrawn with a byebye
/// when the first two end, and without one when the last two do: a byebye names the UDN and not the
/// announcer, so it would take the real device, or the other mirror, away from every listener.
///
/// ```
///            listening ──over──▶ (per device)
///   held ──home has it, unclaimed──▶ announced ──home lost it, tunnel down──▶ withdrawn with byebye
///                                        └──seen elsewhere, gateway here──▶ silent ──nobody answers──▶ announced
/// ```
///
/// A silent mirror asks again at random moments whether the other source still answers; so of two
/// mirrors that silenced each other, one starts again first and the other stays silent.
package struct MirrorState {
    /// What the driver has to do.
    package enum Action: Hashable, Sendable {
        case announce(MirroredDevice)
        /// The description changed while the device stayed.
        case refresh(MirroredDevice)
        case withdraw(udn: String, byebye: Bool)
        /// Ask the network for this UDN.
        case search(udn: String)
    }

    /// The times and bounds of a mirror.
    package struct Configuration: Hashable, Sendable {
        /// How long the mirror listens before its first announcement.
        package var listening: Duration = .milliseconds(1_500)
        /// The first question after a claim comes at a random moment in this range.
        package var firstCheck: ClosedRange<Double> = 3...8
        /// Later questions come this many seconds apart.
        package var laterChecks: ClosedRange<Double> = 20...40
        /// How long an answer may take.
        package var answerTime: Duration = .milliseconds(2_500)
        /// How many devices are mirrored at most.
        package var devices = 1_024

        package init() {}
    }

    /// Another source that announced a UDN.
    private struct Claim {
        var lastSeen: ContinuousClock.Instant
        var nextCheck: ContinuousClock.Instant
        var askedAt: ContinuousClock.Instant?
    }

    private let configuration: Configuration
    private let listensUntil: ContinuousClock.Instant
    private var devices: [String: MirroredDevice] = [:]
    private var announced: [String: MirroredDevice] = [:]
    private var claims: [String: Claim] = [:]
    private var gatewayUDN: String?
    private var connected = false

    /// Starts listening at `now`.
    package init(configuration: Configuration = .init(), now: ContinuousClock.Instant) {
        self.configuration = configuration
        self.listensUntil = now + configuration.listening
    }

    /// The devices that are announced, by root UDN.
    package var announcedDevices: [String: MirroredDevice] { announced }

    /// The devices that the home shows us, announced or not, and why the silent ones are silent.
    package var overview: [(device: MirroredDevice, silence: String?)] {
        devices.values.sorted { $0.friendlyName < $1.friendlyName }.map { device in
            (device, announced[device.root.udn] == nil ? silence(of: device) : nil)
        }
    }

    private func silence(of device: MirroredDevice) -> String {
        if !connected { return "the tunnel is down" }
        if gatewayIsHere { return "this network is the gateway's own" }
        if device.root.allUDNs.contains(where: { claims[$0] != nil }) {
            return "another source on this network announces it"
        }
        return "listening first"
    }

    private var gatewayIsHere: Bool { gatewayUDN.map { claims[$0] != nil } ?? false }

    /// A session stands; `gatewayUDN` is how the gateway would announce itself here.
    package mutating func sessionOpened(gatewayUDN: String, now: ContinuousClock.Instant) -> [Action] {
        self.gatewayUDN = gatewayUDN
        connected = true
        return [.search(udn: gatewayUDN)] + settle(now: now)
    }

    /// The tunnel ended, or is as good as ended.
    package mutating func tunnelLost(now: ContinuousClock.Instant) -> [Action] {
        connected = false
        return settle(now: now)
    }

    /// The home as it stands.
    package mutating func snapshot(_ all: [MirroredDevice], now: ContinuousClock.Instant) -> [Action] {
        let kept = all.prefix(configuration.devices)
        devices = Dictionary(kept.map { ($0.root.udn, $0) }, uniquingKeysWith: { first, _ in first })
        return settle(now: now)
    }

    /// A device appeared at home, or its description changed.
    package mutating func appeared(_ device: MirroredDevice, now: ContinuousClock.Instant) -> [Action] {
        guard devices[device.root.udn] != nil || devices.count < configuration.devices else { return [] }
        devices[device.root.udn] = device
        return settle(now: now)
    }

    /// A device left the home.
    package mutating func disappeared(udn: String, now: ContinuousClock.Instant) -> [Action] {
        devices[udn] = nil
        return settle(now: now)
    }

    /// Another source on this network announced `udn`, or answered a search for it.
    package mutating func seenElsewhere(
        udn: String, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard isOurs(udn) else { return [] }
        if claims[udn] != nil {
            claims[udn]?.lastSeen = now
            return []
        }
        let wait = Duration.seconds(Double.random(in: configuration.firstCheck, using: &random))
        claims[udn] = Claim(lastSeen: now, nextCheck: now + wait)
        return settle(now: now)
    }

    /// The other source said byebye.
    package mutating func goneElsewhere(udn: String, now: ContinuousClock.Instant) -> [Action] {
        guard claims.removeValue(forKey: udn) != nil else { return [] }
        return settle(now: now)
    }

    private func isOurs(_ udn: String) -> Bool {
        udn == gatewayUDN || devices.values.contains { $0.root.allUDNs.contains(udn) }
    }

    /// When `tick` wants to be called; nil when nothing is due.
    package var nextWake: ContinuousClock.Instant? {
        let checks = claims.values.map { claim in
            claim.askedAt.map { $0 + configuration.answerTime } ?? claim.nextCheck
        }
        let listening = devices.count > announced.count && claims.isEmpty && connected ? [listensUntil] : []
        return (checks + listening).min()
    }

    /// Time passed: the end of listening, questions that are due, answers that did not come.
    package mutating func tick(
        now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions: [Action] = []
        for (udn, claim) in claims.sorted(by: { $0.key < $1.key }) {
            if let askedAt = claim.askedAt {
                guard now >= askedAt + configuration.answerTime else { continue }
                if claim.lastSeen > askedAt {
                    let wait = Duration.seconds(Double.random(in: configuration.laterChecks, using: &random))
                    claims[udn] = Claim(lastSeen: claim.lastSeen, nextCheck: now + wait)
                } else {
                    claims[udn] = nil
                }
            } else if now >= claim.nextCheck {
                claims[udn]?.askedAt = now
                actions.append(.search(udn: udn))
            }
        }
        return actions + settle(now: now)
    }

    /// Brings what is announced to what should be.
    private mutating func settle(now: ContinuousClock.Instant) -> [Action] {
        var actions: [Action] = []
        let claimed = gatewayIsHere
        for (udn, device) in announced.sorted(by: { $0.key < $1.key }) {
            let seenElsewhere = device.root.allUDNs.contains { claims[$0] != nil }
            if claimed || seenElsewhere {
                announced[udn] = nil
                actions.append(.withdraw(udn: udn, byebye: false))
            } else if !connected || devices[udn] == nil {
                announced[udn] = nil
                actions.append(.withdraw(udn: udn, byebye: true))
            }
        }
        guard connected, !claimed, now >= listensUntil else { return actions }
        for (udn, device) in devices.sorted(by: { $0.key < $1.key }) where announced[udn] != device {
            guard !device.root.allUDNs.contains(where: { claims[$0] != nil }) else { continue }
            actions.append(announced[udn] == nil ? .announce(device) : .refresh(device))
            announced[udn] = device
        }
        return actions
    }
}
