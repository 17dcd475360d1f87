import GroupKeys

extension RegistrarEngine {
    /// Message 3: the cookie first, then the limits, then state (3.7.2, 3.7.5).
    mutating func response(
        _ arrival: RegistrarArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        let key = arrival.key
        if let run = runs[key] { return repeatVerify(run, arrival) }
        guard let cookie = arrival.message[.cookie], let shareP = arrival.message[.shareP],
            let hash = arrival.message[.requestHash]
        else { return drop(.malformed(nil)) }
        let checked = cookies.check(cookie, for: key, requestHash: hash, now: now)
        let trusted = configuration.faults.contains(.uncheckedCookie) ? arrival.header.suite : checked
        guard let suite = trusted, suite == arrival.header.suite else { return drop(.cookie) }
        guard begins(key, isClassic: false, now: now),
            let (offer, record) = offer(to: key.device, suite: suite, cookie: cookie)
        else {
            return
        }
        let transcript = RegistrationTranscript(
            sequence: key.sequence, requestHash: hash, replyBody: offer.encoded,
            isBound: !configuration.faults.contains(.unboundTranscript))
        let run = RegistrarRun(
            id: makeID(), record: credentials[key.device],
            state: .working(.init(suite: suite, transcript: transcript, response: arrival.body)),
            deadline: now + configuration.limits.runLifetime)
        runs.put(run, at: key)
        emit(
            .work(
                RegistrarWork(
                    id: run.id,
                    identities: transcript.identities(device: key.device, groupID: configuration.groupID),
                    record: record, y: SecretBytes(count: 40, using: &random), shareP: shareP)))
    }

    /// Message 4, when the arithmetic is done.
    mutating func worked(_ id: RegistrationID, _ result: RegistrarWork.Result) {
        guard let (key, found) = runs.find(id), case .working(let exchange) = found.state else { return }
        guard case .answer(let answer) = result else { return runs.remove(key) }
        var run = found
        let message = ControlMessage(
            .registrationVerify,
            [.deviceID: key.device.bytes, .shareV: answer.shareV, .confirmV: answer.confirmV])
        let datagram = message.datagram(
            flags: [.control, .response], suite: exchange.suite, nonce: key.sequence)
        run.state = .verifying(exchange, answer, verify: message.encoded, datagram: datagram)
        runs.put(run, at: key)
        emit(.transmit(datagram, to: key.source))
    }

    /// Message 5. A wrong one ends the run: each run is one guess.
    mutating func confirm(_ arrival: RegistrarArrival, now: ContinuousClock.Instant) {
        let key = arrival.key
        guard var run = runs[key] else { return drop(.noRun) }
        if case .finished(let datagram) = run.state { return emit(.transmit(datagram, to: key.source)) }
        guard case .verifying(let exchange, let answer, let verify, _) = run.state,
            exchange.suite == arrival.header.suite
        else { return drop(.noRun) }
        guard let confirmP = arrival.message[.confirmP] else { return drop(.malformed(nil)) }
        // A record that has changed since message 3 proves nothing: it may have been taken back.
        guard let shared = answer.accept(confirmP), let record = run.record, record == credentials[key.device] else {
            runs.remove(key)
            return failed(key, now: now)
        }
        holdDowns.succeeded(DeviceNetwork(device: key.device, network: key.source.network))
        let transcript = exchange.transcript.final(
            response: exchange.response, verify: verify, confirm: arrival.body)
        let master = MasterSecret(sharedKey: shared, transcript: transcript)
        run.state = .admitting(
            .hardened(
                RegistrationSeal(key: master.finishKey, device: key.device, transcript: transcript),
                suite: exchange.suite))
        run.deadline = now + configuration.limits.runLifetime
        runs.put(run, at: key)
        emit(
            .admit(
                AdmissionRequest(
                    id: run.id, device: key.device, roles: record.roles, suite: exchange.suite,
                    servicePatterns: record.servicePatterns, keys: .hardened(master), source: key.source)))
    }

    /// Message 6, once the membership is durable. K_fin goes with the state.
    mutating func admitted(
        _ id: RegistrationID, _ contents: DoneContents, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard let (key, run) = runs.find(id), case .admitting(let closing) = run.state else { return }
        let datagram: [UInt8]?
        switch closing {
        case .hardened(let seal, let suite):
            datagram = seal.seal(contents.encoded, as: .registrationDone, using: &random).map { sealed in
                ControlMessage(.registrationDone, [.deviceID: key.device.bytes, .sealed: sealed])
                    .datagram(flags: [.control, .response], suite: suite, nonce: key.sequence)
            }
        case .classic(let session, let random2, let counter):
            datagram = classicDone(key, session: session, random2: random2, counter: counter, contents)
        }
        guard let datagram else { return runs.remove(key) }
        finish(key, run, with: datagram, now: now)
        emit(.event(.registered(id, key.device)))
    }

    /// A proven device is not to be a member: REG_FAIL, sealed where there is a key to seal it with.
    mutating func declined(
        _ id: RegistrationID, _ reason: RegistrationReason, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard let (key, run) = runs.find(id), case .admitting(let closing) = run.state else { return }
        var value: [UInt8] = []
        value.append(bigEndian: reason.rawValue)
        var message = ControlMessage(.registrationFail, [.deviceID: key.device.bytes, .reason: value])
        if case .hardened(let seal, _) = closing {
            message[.sealed] = seal.seal(value, as: .registrationFail, using: &random)
        }
        let datagram = message.datagram(flags: [.control, .response], suite: .classic, nonce: key.sequence)
        finish(key, run, with: datagram, now: now)
    }

    /// Whether a run may begin: the device's limits first, so that one that is held down uses up nothing of
    /// everybody's, then everybody's. Classic runs have a room of their own: their senders have shown no cookie.
    mutating func begins(_ key: RegistrarRunKey, isClassic: Bool, now: ContinuousClock.Instant) -> Bool {
        let limits = configuration.limits
        guard !configuration.faults.contains(.unlimitedRuns) else { return true }
        let pair = DeviceNetwork(device: key.device, network: key.source.network)
        guard !holdDowns.isHeld(pair, now: now), devices.take(pair, now: now) else {
            drop(.deviceLimit)
            return false
        }
        let hasRoom =
            isClassic
            ? runs.challenged < limits.classicRuns
            : runs.open < limits.openRuns && runs.working < limits.workingRuns && starts.take(true, now: now)
        if !hasRoom { drop(.busy) }
        return hasRoom
    }

    private mutating func repeatVerify(_ run: RegistrarRun, _ arrival: RegistrarArrival) {
        // While the work is under way the answer comes of itself; another share for the same run is none of it.
        guard case .verifying(let exchange, _, _, let datagram) = run.state, exchange.response == arrival.body else {
            return drop(.noRun)
        }
        emit(.transmit(datagram, to: arrival.key.source))
    }

    private mutating func finish(
        _ key: RegistrarRunKey, _ run: RegistrarRun, with datagram: [UInt8], now: ContinuousClock.Instant
    ) {
        emit(.transmit(datagram, to: key.source))
        guard runs.finished < configuration.limits.repeatedAnswers else { return runs.remove(key) }
        var run = run
        run.state = .finished(datagram)
        run.deadline = now + configuration.limits.runLifetime
        runs.put(run, at: key)
    }
}
