import CLibCrypto
import GroupKeys

extension RegistrarEngine {
    /// Message 2 of the classic suite (3.5). An unknown device gets one as well (F20).
    mutating func challenge(
        _ key: RegistrarRunKey, record: CredentialRecord?, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard runs[key] == nil else { return drop(.noRun) }
        guard begins(key, isClassic: true, now: now) else { return }
        var salt = fakeSalt(key.device, isClassic: true)
        var salted = SecretBytes(count: 32, using: &random)
        if let record, case .classic(let known) = record.secret {
            salt = record.salt
            salted = known
        }
        let random1 = SecretBytes(count: 16, using: &random).exposed
        let message = ControlMessage(
            .registrationReply,
            [.deviceID: key.device.bytes, .suite: [Suite.classic.rawValue], .salt: salt, .random1: random1])
        let datagram = message.datagram(flags: [.control, .response], suite: .classic, nonce: key.sequence)
        runs.put(
            RegistrarRun(
                id: makeID(), record: record,
                state: .challenged(.init(salted: salted, random1: random1, datagram: datagram)),
                deadline: now + configuration.limits.runLifetime),
            at: key)
        emit(.transmit(datagram, to: key.source))
    }

    /// Message 3 of the classic suite. A wrong one ends the run.
    mutating func classicResponse(
        _ arrival: RegistrarArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        let key = arrival.key
        guard var run = runs[key] else { return drop(.noRun) }
        if case .finished(let datagram) = run.state { return emit(.transmit(datagram, to: key.source)) }
        guard case .challenged(let challenge) = run.state else { return drop(.noRun) }
        guard let response = arrival.message[.response] else { return drop(.malformed(nil)) }
        let expected = ClassicSecrets.response(random1: challenge.random1, salted: challenge.salted)
        guard response.count == expected.count, CRYPTO_memcmp(response, expected, expected.count) == 0,
            let record = run.record, record == credentials[key.device]
        else {
            runs.remove(key)
            fail(.proof, to: key)
            return failed(key, now: now)
        }
        holdDowns.succeeded(DeviceNetwork(device: key.device, network: key.source.network))
        let random2 = SecretBytes(count: 32, using: &random).exposed
        let session = ClassicSecrets.sessionKey(random2: random2, salted: challenge.salted)
        // The highest bit stays clear, so that the counter has room above it.
        let start = configuration.faults.contains(.countersFromZero) ? 0 : random.next() >> 1
        run.state = .admitting(.classic(key: session, random2: random2, counter: start))
        run.deadline = now + configuration.limits.runLifetime
        runs.put(run, at: key)
        emit(
            .admit(
                AdmissionRequest(
                    id: run.id, device: key.device, roles: record.roles, suite: .classic,
                    servicePatterns: record.servicePatterns, keys: .classic(session, doneCounter: start),
                    source: key.source)))
    }

    /// Message 4 of the classic suite. SEALED is always there: it proves s to the device (F4).
    func classicDone(
        _ key: RegistrarRunKey, session: SecretBytes, random2: [UInt8], counter: UInt64, _ contents: DoneContents
    ) -> [UInt8]? {
        let plaintext = contents.encoded
        let size = WireSizes.aeadNonce + plaintext.count + WireSizes.aeadTag
        var message = ControlMessage(
            .registrationDone,
            [.deviceID: key.device.bytes, .random2: random2, .sealed: [UInt8](repeating: 0, count: size)])
        let header = Header(
            flags: [.control, .response], suite: .classic, nonce: key.sequence, bodyCount: message.encoded.count)
        let keyID = contents.integer(.keyID, as: UInt16.self) ?? 0
        guard
            let sealed = ClassicDoneSeal(key: session, header: header)
                .seal(plaintext, keyID: keyID, counter: counter)
        else { return nil }
        message[.sealed] = sealed
        return header.encoded + message.encoded
    }
}
