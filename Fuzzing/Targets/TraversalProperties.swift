import NetworkTypes
import Traversal

/// What holds for every datagram on a port that STUN shares.
enum STUNProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let datagram = try? STUNDatagram(input) else { return }
        let message = datagram.message
        try expect(STUNDatagram.looksLikeSTUN(input) || input[0] >= 4, "what is read is told from other protocols")
        try expect(message.attributes.count <= STUNMessage.maximumAttributes, "attributes are bounded")
        try expect(!datagram.isAuthentic(STUNKey(password: "nobody has this password")), "nobody has proved it")
        let again = try? STUNDatagram(message.encoded(fingerprint: true))
        try expectSame(message, again?.message, "a message")
        _ = (message.mappedAddress, message.address(.xorRelayedAddress), message.failure, message.text(.software))
        // A first answer of a server, and what a client makes of it.
        var credentials = STUNCredentials(username: "user", password: "secret")
        if credentials.receive(datagram) == .again {
            var request = STUNMessage(.request, .allocate, transaction: message.transaction)
            let key = credentials.prove(&request)
            let proved = try? STUNDatagram(request.encoded(key: key))
            try expect(proved.map { $0.isProtected } ?? false, "a challenge that is taken is answered with a proof")
        }
    }
}

/// What holds for whatever a peer tells of itself, and for whatever reaches an agent.
enum ICEProperties {
    private static let base = SocketEndpoint(.v4(IPv4Address(203, 0, 113, 9)), port: 40_000)
    private static let stranger = SocketEndpoint(.v4(IPv4Address(198, 51, 100, 9)), port: 50_000)
    private static let start = ContinuousClock.now

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        var agent = ICEAgent(.controlled, random: SeededGenerator(seed: 1), now: start)
        agent.addLocal(.host, address: base, base: base, preference: 65_535, now: start)
        if let text = String(validating: input, as: UTF8.self), let candidate = ICECandidate(text: text) {
            try expectSame(candidate, ICECandidate(text: candidate.text), "a candidate's line")
        }
        var told: Set<SocketEndpoint> = []
        if let description = try? ICEDescription(decoding: input) {
            try expect(description.candidates.count <= ICEDescription.maximumCandidates, "candidates are bounded")
            let again = try? ICEDescription(decoding: description.encoded())
            try expectSame(description, again, "a description")
            told = Set(description.candidates.map(\.address))
            agent.setRemote(description, now: start)
        }
        agent.receive(input, at: base, from: stranger, now: start)
        var sent: [SocketEndpoint: Int] = [:]
        for _ in 0..<60 {
            while let output = agent.nextOutput() {
                switch output {
                case .send(_, let from, let to):
                    try expect(from == base, "nothing leaves from elsewhere")
                    sent[to, default: 0] += 1
                case .selected: throw BrokenProperty("nobody has proved himself, and a pair is selected")
                case .silent: throw BrokenProperty("there is no pair, and it is silent")
                case .failed: break
                }
            }
            guard let next = agent.nextTimer else { break }
            agent.handleTimer(now: next)
        }
        // The stranger may get one answer, no.
        sent[stranger, default: 0] -= told.contains(stranger) ? 0 : min(1, sent[stranger] ?? 0)
        for (target, count) in sent where count > 0 {
            try expect(told.contains(target), "only what was told is asked: \(target)")
            try expect(ICEReach(ofCandidate: target) == .open, "nothing within a network is asked: \(target)")
        }
        try expect(sent.count <= ICEDescription.maximumCandidates + 1, "no more than twenty are asked")
        try expect(agent.route == nil, "there is no route")
    }
}

/// What holds for whatever a TURN server, or somebody in its place, sends to a client.
enum TURNProperties {
    private static let start = ContinuousClock.now

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        var framing = TURNStreamFraming()
        let whole = framing.receive(input)
        var pieces = TURNStreamFraming()
        var cut: [[UInt8]] = []
        for start in stride(from: 0, to: input.count, by: 7) {
            cut += pieces.receive(input[start..<min(start + 7, input.count)])
        }
        try expect(whole == cut && framing.isBroken == pieces.isBroken, "a stream reads the same however it is cut")
        if let data = TURNChannelData(input) {
            try expectSame(data, TURNChannelData(data.encoded(padded: true)), "channel data")
        }
        var client = TURNClient(
            TURNClient.Configuration(username: "user", password: "secret"), random: SeededGenerator(seed: 2))
        client.start(now: start)
        for message in whole + [input] { client.receive(message, now: start) }
        while let output = client.nextOutput() {
            switch output {
            case .allocated: throw BrokenProperty("nobody has proved to know the password")
            case .received: throw BrokenProperty("there is no peer yet")
            case .send, .forbidden, .ended: break
            }
        }
        try expect(client.relayed == nil, "there is no relayed address")
    }
}
