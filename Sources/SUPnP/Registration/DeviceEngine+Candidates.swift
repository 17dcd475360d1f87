import GroupKeys

extension DeviceEngine {
    /// Message 2: somebody answers (3.7.3).
    mutating func reply(
        _ arrival: DeviceArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard case .requesting(var requesting) = phase, let candidate = candidate(arrival),
            !attempt.candidates.contains(where: { $0.source == arrival.source })
        else { return }
        attempt.candidates.append(candidate)
        if attempt.candidates.count >= configuration.limits.sources {
            return tryNext(now: now, using: &random)
        }
        if requesting.collectUntil == nil { requesting.collectUntil = now + configuration.limits.collection }
        phase = .requesting(requesting)
    }

    /// The next who has answered; hardened ones first, so that nobody wins by being quick with classic.
    mutating func tryNext(now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator) {
        prover = nil
        let place = attempt.candidates.firstIndex { $0.suite.isHardened } ?? attempt.candidates.indices.first
        guard let place, failures.count < configuration.limits.failures else { return giveUp() }
        let candidate = attempt.candidates.remove(at: place)
        switch candidate.offer {
        case .classic(let random1): respondClassic(candidate, random1: random1, now: now)
        case .hardened(let derivation, let groupID, _):
            guard let code = configuration.code else { return tryNext(now: now, using: &random) }
            phase = .deriving(candidate)
            stretching += 1
            emit(
                .derive(
                    PasswordDerivationWork(
                        derivation, code: code, deviceID: configuration.id.bytes, groupID: groupID,
                        salt: candidate.salt, number: stretching)))
        }
    }

    /// The code is stretched: message 3, with a fresh x.
    mutating func derived(
        _ secrets: ProverSecrets?, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard case .deriving(let candidate) = phase, case .hardened(_, let groupID, let cookie) = candidate.offer
        else { return }
        if attempt.isOver(now: now) { return giveUp() }
        let transcript = RegistrationTranscript(
            sequence: attempt.sequence, requestHash: attempt.requestHash, replyBody: candidate.body,
            isBound: !configuration.faults.contains(.unboundTranscript))
        guard let secrets,
            let fresh = try? SPAKE2PlusProver(
                transcript.identities(device: configuration.id, groupID: groupID), secrets: secrets, using: &random)
        else { return tryNext(now: now, using: &random) }
        let message = ControlMessage(
            .registrationResponse,
            [
                .deviceID: configuration.id.bytes, .cookie: cookie, .shareP: fresh.share,
                .requestHash: attempt.requestHash,
            ])
        prover = consume fresh
        let datagram = message.datagram(flags: .control, suite: candidate.suite, nonce: attempt.sequence)
        emit(.transmit(datagram, to: candidate.source))
        phase = .proving(
            .init(
                candidate: candidate, groupID: groupID, transcript: transcript, response: message.encoded,
                until: now + configuration.limits.candidatePatience,
                sending: .init(datagram, to: candidate.source, now: now, steps: configuration.limits.steps)))
    }

    /// Message 4. Only a key manager that knows the record gets a message 5 (F4).
    mutating func verify(
        _ arrival: DeviceArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard case .proving(let proving) = phase, arrival.source == proving.candidate.source,
            arrival.header.suite == proving.candidate.suite, let shareV = arrival.message[.shareV],
            let confirmV = arrival.message[.confirmV], let prover = self.prover.take()
        else { return }
        let checking = !configuration.faults.contains(.uncheckedConfirmation)
        guard let proof = try? prover.finish(shareV: shareV, confirmV: confirmV, checking: checking) else {
            attempt.wrongProofs += 1
            failures.append(now)
            return tryNext(now: now, using: &random)
        }
        let message = ControlMessage(
            .registrationConfirm, [.deviceID: configuration.id.bytes, .confirmP: proof.confirmP])
        let transcript = proving.transcript.final(
            response: proving.response, verify: arrival.body, confirm: message.encoded)
        let master = MasterSecret(sharedKey: proof.sharedKey, transcript: transcript)
        let datagram = message.datagram(
            flags: .control, suite: proving.candidate.suite, nonce: attempt.sequence)
        emit(.transmit(datagram, to: proving.candidate.source))
        phase = .confirming(
            .init(
                candidate: proving.candidate, groupID: proving.groupID, master: master,
                seal: RegistrationSeal(key: master.finishKey, device: configuration.id, transcript: transcript),
                sending: .init(
                    datagram, to: proving.candidate.source, now: now, steps: configuration.limits.steps)))
    }

    /// Message 6.
    mutating func done(
        _ arrival: DeviceArrival, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        switch phase {
        case .responding(let responding): classicDone(arrival, responding, using: &random)
        case .confirming(let confirming):
            guard arrival.source == confirming.candidate.source,
                arrival.header.suite == confirming.candidate.suite, let sealed = arrival.message[.sealed],
                let opened = confirming.seal.open(sealed, as: .registrationDone),
                let contents = DoneContents(decoding: opened), let member: UInt32 = contents.integer(.memberID)
            else { return }
            end(
                .registered(
                    Registered(
                        suite: confirming.candidate.suite, groupID: confirming.groupID,
                        controller: confirming.candidate.source, contents: contents,
                        keys: .hardened(confirming.master.memberSecrets(member: member, generation: 0)))))
        default: break
        }
    }

    /// A REG_FAIL. In clear it proves nothing and is only remembered (F15); sealed it ends the attempt.
    mutating func fail(_ arrival: DeviceArrival, now: ContinuousClock.Instant) {
        let reason: UInt16? = arrival.message.integer(.reason)
        if case .confirming(let confirming) = phase, arrival.source == confirming.candidate.source,
            let sealed = arrival.message[.sealed],
            let opened = confirming.seal.open(sealed, as: .registrationFail)
        {
            var reader = ByteReader(opened)
            let said: UInt16? = reader.read()
            return end(.failed(.declined(said.flatMap(RegistrationReason.init(rawValue:)) ?? .busy)))
        }
        attempt.hint = reason.flatMap(RegistrationReason.init(rawValue:)) ?? attempt.hint
        if configuration.faults.contains(.obeyedFail) { giveUp() }
    }

    /// A reply, checked: only what the device has offered and is able to do (3.7.1, 3.7.2).
    private func candidate(_ arrival: DeviceArrival) -> DeviceCandidate? {
        let message = arrival.message
        guard let suite = message[.suite]?.first.flatMap(Suite.init(rawValue:)), suite == arrival.header.suite,
            configuration.faults.contains(.noFloor) || configuration.suites.contains(suite), let salt = message[.salt]
        else { return nil }
        let offer: DeviceCandidate.Offer
        if suite.isHardened {
            guard let derivation = message[.derivation]?.first.flatMap(PasswordDerivation.init(rawValue:)),
                derivation != .testOnly || configuration.takesTestDerivation, let groupID = message[.groupID],
                configuration.groupID ?? groupID == groupID, let cookie = message[.cookie],
                message[.controllerRandom] != nil
            else { return nil }
            offer = .hardened(derivation, groupID: groupID, cookie: cookie)
        } else {
            guard configuration.password != nil, let random1 = message[.random1] else { return nil }
            offer = .classic(random1: random1)
        }
        return DeviceCandidate(
            source: arrival.source, suite: suite, salt: salt, body: arrival.body, offer: offer)
    }
}
