import GroupKeys

extension DeviceEngine {
    /// Message 3 of the classic suite (3.5).
    mutating func respondClassic(_ candidate: DeviceCandidate, random1: [UInt8], now: ContinuousClock.Instant) {
        guard let password = configuration.password else { return giveUp() }
        let salted = password.salted(candidate.salt)
        let message = ControlMessage(
            .registrationResponse,
            [
                .deviceID: configuration.id.bytes,
                .response: ClassicSecrets.response(random1: random1, salted: salted),
            ])
        let datagram = message.datagram(flags: .control, suite: .classic, nonce: attempt.sequence)
        emit(.transmit(datagram, to: candidate.source))
        // The last that is left may take what time there is.
        let patience = now + configuration.limits.candidatePatience
        let until = attempt.candidates.isEmpty ? attempt.deadline ?? patience : patience
        phase = .responding(
            .init(
                candidate: candidate, salted: salted, until: until,
                sending: .init(datagram, to: candidate.source, now: now, steps: configuration.limits.steps)))
    }

    /// Message 4 of the classic suite. Without a seal that opens it says nothing (F4).
    mutating func classicDone(
        _ arrival: DeviceArrival, _ responding: DevicePhase.Responding,
        using random: inout some RandomNumberGenerator
    ) {
        guard
            arrival.source == responding.candidate.source || configuration.faults.contains(.looseMatching),
            arrival.header.suite == .classic, let random2 = arrival.message[.random2]
        else { return }
        let key = ClassicSecrets.sessionKey(random2: random2, salted: responding.salted)
        let counters = configuration.faults.contains(.countersFromZero)
        let first = counters ? 0 : random.next() >> 1
        var contents = DoneContents([.memberID: [0, 1, 0, 0], .keyID: [0, 1]])
        var doneCounter: UInt64 = 0
        if let opened = arrival.message[.sealed].flatMap({ ClassicDoneSeal(key: key, header: arrival.header).open($0) }
        ),
            let inner = DoneContents(decoding: opened.plaintext), inner.integer(.keyID) == opened.keyID
        {
            contents = inner
            doneCounter = opened.counter
        } else if !configuration.faults.contains(.unsealedDone) {
            return
        }
        end(
            .registered(
                Registered(
                    suite: .classic, groupID: nil, controller: responding.candidate.source, contents: contents,
                    keys: .classic(key, doneCounter: doneCounter, firstCounter: first))))
    }
}
