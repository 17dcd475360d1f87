import Crypto
import GroupKeys

extension RegistrarEngine {
    /// Message 1 (3.5, 3.7.2). A hardened one is answered and forgotten.
    mutating func request(
        _ arrival: RegistrarArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard configuration.faults.contains(.unlimitedRuns) || sources.take(arrival.key.source.host, now: now) else {
            return drop(.sourceLimit)
        }
        // A repeated classic request has its challenge already.
        if let run = runs[arrival.key], case .challenged(let challenge) = run.state {
            return emit(.transmit(challenge.datagram, to: arrival.key.source))
        }
        guard let offered = arrival.message[.suites] else { return drop(.malformed(nil)) }
        let record = credentials[arrival.key.device]
        if record == nil, configuration.faults.contains(.revealedUnknown) { return fail(.proof, to: arrival.key) }
        let suites = offered.compactMap(Suite.init(rawValue:))
        let chosen = record?.choose(from: suites, floor: configuration.minimumSuite)
        // A device whose record allows none of them is answered as one that is not known (F20).
        guard let suite = chosen ?? chooseForNobody(from: suites) else { return fail(.suite, to: arrival.key) }
        guard suite.isHardened else {
            return challenge(arrival.key, record: chosen == nil ? nil : record, now: now, using: &random)
        }
        guard arrival.count >= WireSizes.registrationRequest else { return drop(.unpadded) }
        guard arrival.message[.deviceRandom] != nil else { return drop(.malformed(nil)) }
        let hash = Array(SHA256.hash(data: arrival.body))
        let cookie = cookies.make(for: arrival.key, requestHash: hash, suite: suite, now: now)
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
        var salt = fakeSalt(device, isClassic: false)
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

    /// SALT of a device that is not known: always the same one (3.7.4, F20). That of a classic challenge is another,
    /// as a device with a record answers only one of the suites with the record's salt; 0xFF is in no DEVICE_ID.
    func fakeSalt(_ device: DeviceID, isClassic: Bool) -> [UInt8] {
        let message = isClassic ? device.bytes + [0xFF] : device.bytes
        return Array(
            HMAC<SHA256>.authenticationCode(for: message, using: configuration.fakeKey.symmetricKey).prefix(16))
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

    /// As a record of a new device would: hardened, unless the group takes classic and nothing else is offered.
    private func chooseForNobody(from offered: [Suite]) -> Suite? {
        offered.first { $0.isHardened } ?? offered.first { _ in !configuration.minimumSuite.isHardened }
    }
}
