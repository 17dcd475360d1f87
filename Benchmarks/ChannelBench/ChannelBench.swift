import Crypto
import Glibc
import GroupKeys
import NetworkTypes
import SUPnP

/// What SUPnP's channels cost, on one core and without a network around them:
///
///     channel-bench [COUNT]             measure each row over so many messages (20,000), five times
///     channel-bench forwarder [COUNT]   the rows of the forwarder's engine alone
///
/// A row's figure is the median of five, in time of the processor. What is timed is named in its row; making what it
/// works on is not.
@main
struct ChannelBench {
    static func main() throws {
        var arguments = CommandLine.arguments.dropFirst()
        let isForwarderOnly = arguments.first == "forwarder"
        if isForwarderOnly { arguments.removeFirst() }
        let count = arguments.first.flatMap { Int($0) } ?? 20_000
        for suite in [Suite.hardenedAESGCM, .hardenedChaChaPoly] {
            let forwarder = try ForwarderBench(suite, count: count / 16 * 16)
            for size in [64, 880, 1_020] { try forwarder.relay(size) }
            if isForwarderOnly { continue }
            let bench = try BenchGroup(suite, count: count / 16 * 16)
            for size in [64, 1_200] { try bench.pairwise(size) }
            for size in [64, 900] {
                try bench.broadcast(size)
                try bench.forward(size)
            }
        }
    }
}

/// A group, a forwarder and a member of each role.
struct BenchGroup {
    let suite: Suite
    let count: Int
    private let group: GroupID
    private let boot: BootID
    private let secret: SecretBytes
    private let relay: SecretBytes
    private let parties: PairwiseParties
    private let signer = Curve25519.Signing.PrivateKey()
    private let certificate: ControllerCertificate
    private let now = ContinuousClock.now

    init(_ suite: Suite, count: Int) throws {
        var random = SeededGenerator(seed: 1)
        guard let group = GroupID(random.bytes(16)), let id = ControllerID(7), let member = MemberID(0x1_0007) else {
            throw ChannelFault.noKey
        }
        boot = BootID(using: &random)
        relay = SecretBytes(count: 32, using: &random)
        secret = SecretBytes(count: 32, using: &random)
        guard
            let parties = PairwiseParties(
                suite: suite, group: group, member: member, keyID: 1, controller: id, boot: boot)
        else { throw ChannelFault.noKey }
        certificate = try ControllerCertificate.issue(
            id, roles: .forwarder, notAfter: 1, serial: 1, key: signer.publicKey, group: group,
            root: Curve25519.Signing.PrivateKey())
        self.suite = suite
        self.count = count
        self.group = group
        self.parties = parties
    }

    /// `size` is the datagram's at 1,200, and the text's at 64.
    func pairwise(_ size: Int) throws {
        let body = [UInt8](repeating: 7, count: size == 64 ? 64 : size - 49)
        try report("seal \(size) B", prepare: { try channel(.member) }) { member in
            for _ in 0..<count { _ = try member.seal(body, .data) }
        }
        try report("open \(size) B", prepare: { (try channel(.controller), try requests(body)) }) {
            controller, sealed in
            for datagram in sealed { _ = try controller.open(UnverifiedMessage(datagram), now: now) }
        }
    }

    /// A forwarder's side, and a member's, of broadcasts with a text of `size` bytes.
    func broadcast(_ size: Int) throws {
        let body = [UInt8](repeating: 7, count: size)
        let burst = [[UInt8]](repeating: body, count: 16)
        try report("broadcast \(size) B, each signed", prepare: { try sender() }) { sender in
            for _ in 0..<count { _ = try sender.seal(body) }
        }
        try report("broadcast \(size) B, bursts of 16", prepare: { try sender() }) { sender in
            for _ in 0..<count / 16 { _ = try sender.sealBurst(burst) }
        }
        let few = count / 16
        try report("member opens \(size) B, each signed", of: few) {
            let sender = try sender()
            return (try receiver(), try (0..<few).map { _ in try sender.seal(body)[0] })
        } run: { receiver, sealed in
            for datagram in sealed { _ = try receiver.receive(UnverifiedMessage(datagram), now: now) }
        }
        try report("member opens \(size) B, bursts of 16") {
            let sender = try sender()
            return (try receiver(), try (0..<few).flatMap { _ in try sender.sealBurst(burst) })
        } run: { receiver, sealed in
            for datagram in sealed { _ = try receiver.receive(UnverifiedMessage(datagram), now: now) }
        }
    }

    /// A forwarder from a client's request to the broadcast: open, put together, read, write, sign, seal.
    func forward(_ size: Int) throws {
        let service = "urn:schemas-upnp-org:service:SwitchPower:1"
        let request = try DataPayload.request(
            .init(id: 1, service: service, payload: [UInt8](repeating: 7, count: max(size - 62, 1)))
        ).encoded()
        let prepare = { (try channel(.controller), try sender(), try requests(request)) }
        try report("forward \(request.count) B, each signed", prepare: prepare) { controller, sender, sealed in
            for datagram in sealed { _ = try sender.seal(relayed(datagram, controller)) }
        }
        try report("forward \(request.count) B, bursts of 16", prepare: prepare) { controller, sender, sealed in
            for start in stride(from: 0, to: sealed.count, by: 16) {
                var bodies: [[UInt8]] = []
                for datagram in sealed[start..<start + 16] { bodies.append(try relayed(datagram, controller)) }
                _ = try sender.sealBurst(bodies)
            }
        }
    }

    private func relayed(_ datagram: [UInt8], _ controller: PairwiseChannel) throws -> [UInt8] {
        var assembler = MessageAssembler()
        let opened = try controller.open(UnverifiedMessage(datagram), now: now)
        guard case .whole(let message) = assembler.receive(opened, now: now),
            case .request(let request) = try DataPayload(decoding: message.body),
            let id = DataPayload.ForwardID(rawValue: 7 << 48 | 1)
        else { throw ChannelFault.noKey }
        return try DataPayload.broadcast(
            .init(
                id: id, alias: 1, service: request.service, windowMilliseconds: request.windowMilliseconds,
                isFromHardened: true, payload: request.payload)
        ).encoded()
    }

    private func requests(_ body: [UInt8]) throws -> [[UInt8]] {
        let member = try channel(.member)
        return try (0..<count).map { _ in try member.seal(body, .data)[0] }
    }

    private func channel(_ end: PairwiseChannel.End) throws -> PairwiseChannel {
        try PairwiseChannel(parties, end: end, generation: 0, relay: relay)
    }

    private func sender() throws -> GroupSender {
        let sender = GroupSender(controller: parties.controller, boot: boot, suite: suite, group: group, signer: signer)
        try sender.install(epoch: 1, secret: secret)
        return sender
    }

    private func receiver() throws -> GroupReceiver {
        let receiver = GroupReceiver(suite: suite, group: group)
        _ = receiver.setForwarder(certificate, boot: boot)
        _ = try receiver.install(epoch: 1, secret: secret, now: now)
        return receiver
    }

    private func report<T>(
        _ name: String, of messages: Int? = nil, prepare: () throws -> T, run: (T) throws -> Void
    ) throws {
        var samples: [Double] = []
        for _ in 0..<5 {
            let input = try prepare()
            let start = processorMicroseconds()
            try run(input)
            samples.append((processorMicroseconds() - start) / Double(messages ?? count))
        }
        let median = samples.sorted()[2]
        print("suite \(suite.rawValue)  \(name): \((median * 100).rounded() / 100) us, \(Int(1_000_000 / median))/s")
    }

    private func processorMicroseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1_000_000 + Double(time.tv_nsec) / 1_000
    }
}
