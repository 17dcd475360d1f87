import Crypto
import Glibc
import GroupKeys
import NetworkTypes
import SUPnP

/// What a forwarder's engine costs for each message that it relays: from a client's datagram to the two that it sends,
/// ACCEPTED and the broadcast; and from a server's datagram to the one that it delivers.
///
/// The engine is told what came in and asked what goes out; no socket is behind it. Its book is as full as it is after
/// as many requests.
struct ForwarderBench {
    private static let service = "urn:schemas-upnp-org:service:SwitchPower:1"
    private static let clients = 64
    private let suite: Suite
    private let count: Int
    private let group: GroupID
    private let controller: ControllerID
    private let boot: BootID
    private let signer = Curve25519.Signing.PrivateKey()
    private let certificate: ControllerCertificate
    private let start = ContinuousClock.now
    private let relay: SecretBytes
    private let secret: SecretBytes

    init(_ suite: Suite, count: Int) throws {
        var random = SeededGenerator(seed: 2)
        guard let controller = ControllerID(2) else { throw ChannelFault.noKey }
        self.suite = suite
        self.count = count
        self.controller = controller
        group = GroupID(using: &random)
        boot = BootID(using: &random)
        relay = SecretBytes(count: 32, using: &random)
        secret = SecretBytes(count: 32, using: &random)
        certificate = try ControllerCertificate.issue(
            controller, roles: .forwarder, notAfter: 1, serial: 1, key: signer.publicKey, group: group,
            root: Curve25519.Signing.PrivateKey())
    }

    /// Requests whose broadcast has `size` bytes of payload, each handed in alone or with 15 others; then an answer of
    /// the same size to each. Those of more than 890 bytes are always signed alone.
    func relay(_ size: Int) throws {
        for batch in size > 890 ? [1] : [1, 16] {
            var asked: [Double] = []
            var answered: [Double] = []
            for _ in 0..<5 {
                let sample = try sample(size, batch: batch)
                asked.append(sample.asked)
                answered.append(sample.answered)
            }
            let name = batch == 1 ? "each signed" : "bursts of \(batch)"
            report("relay a request of \(size) B, \(name)", asked)
            report("deliver an answer of \(size) B", answered)
        }
    }

    private func report(_ name: String, _ samples: [Double]) {
        let median = samples.sorted()[samples.count / 2]
        print("suite \(suite.rawValue)  \(name): \((median * 100).rounded() / 100) us, \(Int(1_000_000 / median))/s")
    }

    private func sample(_ size: Int, batch: Int) throws -> (asked: Double, answered: Double) {
        var forwarder = try forwarder()
        let (links, server) = (try (0..<Self.clients).map { try link($0) }, try link(Self.clients))
        let payload = [UInt8](repeating: 7, count: size)
        var requests: [[UInt8]] = []
        for number in 0..<count {
            let request = DataPayload.Request(id: UInt64(number), service: Self.service, payload: payload)
            requests += try links[number % Self.clients].seal(try DataPayload.request(request).encoded(), .data)
        }
        let (receiver, address) = (try receiver(), SocketEndpoint(.v4(IPv4Address(10, 0, 0, 9)), port: 40_000))
        var broadcasts: [[UInt8]] = []
        broadcasts.reserveCapacity(count)
        var sent = 0
        let began = Self.processorMicroseconds()
        for (index, datagram) in requests.enumerated() {
            forwarder.handle(.datagram(datagram, from: address), now: start)
            if index % batch == batch - 1 { forwarder.batchEnded(now: start) }
            while let output = forwarder.nextOutput() {
                switch output {
                case .transmit: sent += 1
                case .multicast(let bytes): broadcasts.append(bytes)
                default: break
                }
            }
        }
        let asked = (Self.processorMicroseconds() - began) / Double(count)
        guard sent == count, broadcasts.count == count else { throw ChannelFault.empty }
        var answers: [[UInt8]] = []
        for datagram in broadcasts {
            guard case .opened(let opened) = try receiver.receive(UnverifiedMessage(datagram), now: start),
                case .whole(let text) = opened.frame,
                case .broadcast(let broadcast) = try DataPayload(decoding: Array(text))
            else { throw ChannelFault.noKey }
            let answer = DataPayload.Answer(id: broadcast.id.rawValue, alias: 1, isLast: true, payload: payload)
            let kind = MessageKind(isResponse: true, actsAsServer: true)
            answers += try server.seal(try DataPayload.answer(answer).encoded(), kind)
        }
        sent = 0
        let resumed = Self.processorMicroseconds()
        for datagram in answers {
            forwarder.handle(.datagram(datagram, from: address), now: start)
            while let output = forwarder.nextOutput() { if case .transmit = output { sent += 1 } }
        }
        let answered = (Self.processorMicroseconds() - resumed) / Double(count)
        guard sent == count else { throw ChannelFault.empty }
        return (asked, answered)
    }

    /// A forwarder that knows the clients, a server, and fifteen offers of its service.
    private func forwarder() throws -> Forwarder<SeededGenerator> {
        let identity = ControllerIdentity(id: controller, boot: boot, signingKey: signer, certificate: certificate)
        var configuration = ForwarderConfiguration(identity: identity, group: group, suite: suite)
        configuration.limits.burst = count
        configuration.limits.openPerClient = count
        var forwarder = Forwarder(configuration, random: SeededGenerator(seed: 3))
        var events: [ForwarderEvent] = [.snapshotBegan, .epoch(1, secret: secret)]
        for number in 0...Self.clients { events.append(.member(try member(number))) }
        let name = Array(Self.service.utf8)
        let entries = (1...15).flatMap { number -> [UInt8] in
            [0, 0, 0, UInt8(number), 0, 0, 0, UInt8(number), 1, 1, UInt8(name.count)] + name
        }
        events.append(.directory(try DirectoryEntryCodec.decode(entries), version: 15))
        events.append(.snapshotEnded)
        for (number, event) in events.enumerated() {
            forwarder.handle(
                .event(NumberedForwarderEvent(term: 1, number: UInt64(number) + 1, event: event)), now: start)
        }
        forwarder.handle(.leaseRenewed(sentAt: start), now: start)
        while forwarder.nextOutput() != nil {}
        return forwarder
    }

    private func member(_ number: Int) throws -> ForwarderMember {
        guard let device = DeviceID("device-\(number)"), let all = ServicePattern("urn:*") else {
            throw ChannelFault.noKey
        }
        let isServer = number == Self.clients
        let record = MemberRecord(
            id: 0x1_0000 + UInt32(number), device: device, roles: isServer ? .server : .client, suite: suite,
            keyID: UInt16(number + 1), relay: relay, refresh: nil)
        guard let member = ForwarderMember(record, access: AccessList([all])) else { throw ChannelFault.noKey }
        return member
    }

    private func link(_ number: Int) throws -> MemberLink {
        let member = try member(number)
        var random = SeededGenerator(seed: 4)
        return try MemberLink(
            LinkParameters(
                suite: suite, group: group, member: member.id, keyID: member.keyID, controller: controller, boot: boot,
                generation: 0, relay: relay), end: .member, using: &random)
    }

    private func receiver() throws -> GroupReceiver {
        let receiver = GroupReceiver(suite: suite, group: group)
        _ = receiver.setForwarder(certificate, boot: boot)
        _ = try receiver.install(epoch: 1, secret: secret, now: start)
        return receiver
    }

    private static func processorMicroseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1_000_000 + Double(time.tv_nsec) / 1_000
    }
}
