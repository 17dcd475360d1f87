import Crypto
import GroupKeys

extension RegistrarEngine {
    /// Message 1 (3.5, 3.7.2). A hardened one is answered and forgotten.
    mutating func request(
        _ arrival: RegistrarArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        // A repeated classic request has its challenge already.
        if let run = runs[arrival.key], case .challenged(let challenge) = run.state {
            return emit(.transmit(challenge.datagram, to: arrival.key.source))
        }
        guard configuration.faults.contains(.unlimitedRuns) || sources.take(arrival.key.source.host, now: now) else {
            return drop(.sourceLimit)
        }
        guard let offered = arrival.message[.suites] else { return drop(.malformed(nil)) }
        let record = credentials[arrival.key.device]
        if record == nil, configuration.faults.contains(.revealedUnknown) { return fail(.proof, to: arrival.key) }
        guard let suite = choose(from: offered.compactMap(Suite.init(rawValue:)), record: record) else {
            return fail(.suite, to: arrival.key)
        }
        guard suite.isHardened else {
            return challenge(arrival.key, record: record, now: now, using: &random)
        }
        guard arrival.count >= WireSizes.registrationRequest else { return drop(.unpadded) }
        guard arrival.message[.deviceRandom] != nil else { return drop(.malformed(nil)) }
        let hash = Array(SHA256.hash(data: arrival.body))
        let cookie = cookies.make(source: arrival.key.source, requestHash: hash, suite: suite, now: now)
        guard let offer = offer(to: arrival.key.device, suite: suite, cookie: cookie) else { return }
        let datagram = offer.message.datagram(
            flags: [.control, .response], suite: suite, nonce: arrival.key.sequence)
        emit(.transmit(datagram, to: arrival.key.source))
    }

    /// Message 2, made from the record and the cookie alone so that it can be made again (3.7.2). The record is that
    /// of a device that nobody is when the device is not known, or is known with a password only.
    func offer(
        to device: DeviceID, suite: Suite, cookie: [UInt8]
    ) -> (message: ControlMessage, record: VerifierRecord)? {
        var salt = fakeSalt(device)
        var derivation = configuration.derivation
        guard var verifier = nobody else { return nil }
        if let record = credentials[device], case .hardened(let kind, let known) = record.secret {
            salt = record.salt
            derivation = kind
            verifier = known
        }
        let message = ControlMessage(
            .registrationReply,
            [
                .deviceID: device.bytes, .suite: [suite.rawValue], .salt: salt,
                .controllerRandom: cookies.controllerRandom(cookie), .cookie: cookie,
                .derivation: [derivation.rawValue], .groupID: configuration.groupID,
            ])
        return (message, verifier)
    }

    /// SALT of a device that is not known: always the same one (3.7.4, F20).
    func fakeSalt(_ device: DeviceID) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: device.bytes, using: configuration.fakeKey.symmetricKey).prefix(16))
    }

    /// A REG_FAIL in clear, which proves nothing (F15).
    mutating func fail(_ reason: RegistrationReason, to key: RegistrarRunKey) {
        var value: [UInt8] = []
        value.append(bigEndian: reason.rawValue)
        let message = ControlMessage(.registrationFail, [.deviceID: key.device.bytes, .reason: value])
        emit(
            .transmit(
                message.datagram(flags: [.control, .response], suite: .classic, nonce: key.sequence), to: key.source))
    }

    private func choose(from offered: [Suite], record: CredentialRecord?) -> Suite? {
        if let record { return record.choose(from: offered, floor: configuration.minimumSuite) }
        // As a record of a new device would: hardened, unless the group takes classic and nothing else is offered.
        return offered.first { $0.isHardened } ?? offered.first { _ in !configuration.minimumSuite.isHardened }
    }
}
