import Crypto
package import GroupKeys
import NetworkTypes

/// The key manager's side of registration, classic (3.5) and hardened (3.7).
///
/// An engine: `handle` an input, then take outputs until there are none. It keeps nothing of a hardened request until
/// a cookie has come back. It writes nothing: a device that has proven itself comes out as `admit`, and REG_DONE
/// leaves only after `admitted`.
package struct RegistrarEngine: Sendable {
    /// What a registrar is made with.
    package struct Configuration: Sendable {
        /// GROUP_ID, 16 bytes.
        package var groupID: [UInt8]
        /// Makes the salts that unknown devices get. As durable as the group, so that those salts stay (F20).
        package var fakeKey: SecretBytes
        /// The lowest suite of the group. Classic is an opt-in, of the group and of each record (3.5).
        package var minimumSuite = Suite.hardenedAESGCM
        /// What unknown devices are told to stretch their code with: what the group's records use.
        package var derivation = PasswordDerivation.scrypt15
        /// The bounds.
        package var limits = RegistrarLimits()
        /// None, outside of tests.
        package var faults: ProtocolFaults = []

        /// A hardened group with the documented limits. `groupID` has 16 bytes.
        package init(groupID: [UInt8], fakeKey: SecretBytes) {
            precondition(groupID.count == 16, "a group's id has 16 bytes")
            self.groupID = groupID
            self.fakeKey = fakeKey
        }
    }

    let configuration: Configuration
    /// What stands in for the record of a device that is not known: nobody has its code.
    let nobody: VerifierRecord?
    var credentials: [DeviceID: CredentialRecord] = [:]
    var cookies: RegistrationCookies
    var runs = RegistrarRuns()
    var sources: RateTable<[UInt8]>
    var devices: RateTable<DeviceNetwork>
    var starts: RateTable<Bool>
    var holdDowns: HoldDowns
    private var outputs: [RegistrarOutput] = []
    private var wakeAt: ContinuousClock.Instant?
    private var lastID: UInt64 = 0

    /// A registrar without records.
    package init(
        _ configuration: Configuration, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        let limits = configuration.limits
        self.configuration = configuration
        nobody = ProverSecrets(stretched: SecretBytes(count: 80, using: &random))?.record
        cookies = RegistrationCookies(now: now, using: &random)
        sources = RateTable(
            capacity: limits.sourceBurst, rate: limits.sourceRate, limit: limits.tableSize,
            shared: (limits.sharedSourceBurst, limits.sharedSourceRate))
        devices = RateTable(
            capacity: limits.deviceRunsPerMinute, rate: Double(limits.deviceRunsPerMinute) / 60,
            limit: limits.tableSize)
        starts = RateTable(capacity: limits.workingRuns, rate: Double(limits.runsPerSecond), limit: 1)
        holdDowns = HoldDowns(longest: limits.longestHoldDown, limit: limits.tableSize)
    }

    /// Takes an input. Take the outputs until there are none before the next.
    package mutating func handle(
        _ input: RegistrarInput, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        cookies.rotate(now: now, using: &random)
        expire(now: now)
        switch input {
        case .datagram(let datagram, let source): receive(datagram, from: source, now: now, using: &random)
        case .worked(let id, let result): worked(id, result)
        case .admitted(let id, let contents): admitted(id, contents, now: now, using: &random)
        case .declined(let id, let reason): declined(id, reason, now: now, using: &random)
        case .discarded(let id): if let (key, _) = runs.find(id) { runs.remove(key) }
        case .loaded(let record): credentials[record.id] = record
        case .removed(let id): credentials[id] = nil
        case .woken: wakeAt = nil
        }
        if let next = runs.nextDeadline, wakeAt.map({ next < $0 }) ?? true {
            wakeAt = next
            outputs.append(.wake(at: next))
        }
    }

    /// The next thing to do; nil when there is nothing left.
    package mutating func nextOutput() -> RegistrarOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// How many runs are unproven, for the counters.
    package var openRuns: Int { runs.open + runs.challenged }

    mutating func emit(_ output: RegistrarOutput) { outputs.append(output) }

    mutating func drop(_ reason: RegistrarDrop) { outputs.append(.event(.dropped(reason))) }

    mutating func makeID() -> RegistrationID {
        lastID += 1
        return RegistrationID(number: lastID)
    }

    /// Counts a run that did not prove itself: a guess, whether it was said aloud or only checked in silence.
    mutating func failed(_ key: RegistrarRunKey, now: ContinuousClock.Instant) {
        holdDowns.failed(DeviceNetwork(device: key.device, network: key.source.network), now: now)
        emit(.event(.unproven(key.device, from: key.source)))
    }

    private mutating func expire(now: ContinuousClock.Instant) {
        while let (key, run) = runs.popExpired(now: now) {
            // What a prover can check in silence it has checked once CONFIRM_V is out.
            if case .verifying = run.state { failed(key, now: run.deadline) }
        }
    }

    private mutating func receive(
        _ datagram: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard case .clear(let header, let type) = DatagramClass(datagram), header.keyID == 0,
            header.flags == .control
        else { return drop(.notRegistration) }
        let message: ControlMessage
        do {
            message = try ControlMessage.decode(
                datagram, from: WireSizes.header, checkingValues: !configuration.faults.contains(.anyLengths))
        } catch {
            return drop(.malformed(error))
        }
        guard let device = message[.deviceID].flatMap({ DeviceID($0) }) else { return drop(.malformed(nil)) }
        let arrival = RegistrarArrival(
            header: header, message: message, body: Array(datagram[WireSizes.header...]), count: datagram.count,
            key: RegistrarRunKey(device: device, sequence: header.nonce, source: source))
        switch (type, header.suite.isHardened) {
        case (.registrationRequest, false): request(arrival, now: now, using: &random)
        case (.registrationResponse, true): response(arrival, now: now, using: &random)
        case (.registrationConfirm, true): confirm(arrival, now: now)
        case (.registrationResponse, false): classicResponse(arrival, now: now, using: &random)
        default: drop(.notRegistration)
        }
    }
}

/// A decoded datagram of a registration.
struct RegistrarArrival {
    let header: Header
    let message: ControlMessage
    let body: [UInt8]
    let count: Int
    let key: RegistrarRunKey
}

extension SocketEndpoint {
    /// The network that hold-downs tell apart: /24 of IPv4, /64 of IPv6.
    var network: [UInt8] {
        switch address {
        case .v4: Array(octets.prefix(4))
        case .v6: Array(octets.prefix(9))
        }
    }

    /// The source that requests are counted for: an address of IPv4, /64 of IPv6.
    var host: [UInt8] {
        switch address {
        case .v4: Array(octets.prefix(5))
        case .v6: Array(octets.prefix(9))
        }
    }
}
