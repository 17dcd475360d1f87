import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("TURN: a client of a relay")
struct TURNClientTests {
    private let start = ContinuousClock.now
    private let own = SocketEndpoint(.v4(IPv4Address(203, 0, 113, 5)), port: 40_000)
    private let peer = SocketEndpoint(.v4(IPv4Address(198, 51, 100, 7)), port: 6_000)
    private let server = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 20)), port: 3_478)

    private func client(password: String = "secret", isStream: Bool = false) -> TURNClient {
        var configuration = TURNClient.Configuration(username: "user", password: password)
        configuration.isStream = isStream
        return TURNClient(configuration, random: SeededGenerator(seed: 3))
    }

    /// Lets client and server speak until nothing is left to say; returns what else the client has put out.
    private func settle(
        _ client: inout TURNClient, _ relay: inout SimulatedTURNServer, now: ContinuousClock.Instant
    ) -> [TURNClient.Output] {
        var others: [TURNClient.Output] = []
        while let output = client.nextOutput() {
            guard case .send(let bytes) = output else {
                others.append(output)
                continue
            }
            for answer in relay.receive(bytes, at: server, from: own) where answer.to == own {
                client.receive(answer.bytes, now: now)
            }
        }
        return others
    }

    private func relay() -> SimulatedTURNServer { SimulatedTURNServer(server, username: "user", password: "secret") }

    @Test func `an allocation is challenged, made, refreshed and given back`() throws {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        let relayed = SocketEndpoint(server.address, port: 49_152)
        #expect(settle(&client, &relay, now: start) == [.allocated(relayed: relayed, mapped: own)])
        let refresh = try #require(client.nextTimer)
        #expect(refresh - start == .seconds(540))
        client.handleTimer(now: refresh)
        #expect(settle(&client, &relay, now: refresh).isEmpty)
        #expect(try #require(client.nextTimer) - refresh == .seconds(540))
        client.close(now: refresh)
        #expect(settle(&client, &relay, now: refresh) == [.ended(nil)])
        #expect(relay.allocationCount == 0 && client.nextTimer == nil)
    }

    @Test func `data waits for the permission, and takes a channel once there is one`() throws {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        _ = settle(&client, &relay, now: start)
        client.send([1, 2, 3], to: peer, now: start)
        #expect(settle(&client, &relay, now: start).isEmpty)
        #expect(relay.forwarded == 3)
        let relayed = try #require(client.relayed)
        for answer in relay.receive([9, 9], at: relayed, from: peer) { client.receive(answer.bytes, now: start) }
        #expect(settle(&client, &relay, now: start) == [.received([9, 9], from: peer)])
        client.bindChannel(to: peer, now: start)
        _ = settle(&client, &relay, now: start)
        client.send([4, 5], to: peer, now: start)
        #expect(client.nextOutput() == .send([0x40, 0x00, 0, 2, 4, 5]))
        for answer in relay.receive([7], at: relayed, from: peer) { client.receive(answer.bytes, now: start) }
        #expect(settle(&client, &relay, now: start) == [.received([7], from: peer)])
    }

    @Test func `a peer that the server forbids is not asked for again`() {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        _ = settle(&client, &relay, now: start)
        let inside = SocketEndpoint(.v4(IPv4Address(192, 168, 1, 1)), port: 80)
        client.send([1], to: inside, now: start)
        #expect(settle(&client, &relay, now: start) == [.forbidden(SocketEndpoint(inside.address, port: 0))])
        client.send([1], to: inside, now: start)
        #expect(client.nextOutput() == nil && relay.forwarded == 0)
    }

    @Test func `permissions and channels are renewed while they are used, and forgotten after`() throws {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        _ = settle(&client, &relay, now: start)
        client.send([1], to: peer, now: start)
        _ = settle(&client, &relay, now: start)
        var renewals = 0
        while let next = client.nextTimer, next <= start + .seconds(900) {
            client.handleTimer(now: next)
            while let output = client.nextOutput() {
                guard case .send(let bytes) = output else { continue }
                if let message = try? STUNDatagram(bytes).message, message.method == .createPermission { renewals += 1 }
                for answer in relay.receive(bytes, at: server, from: own) { client.receive(answer.bytes, now: next) }
            }
        }
        // At 240 s it was used within five minutes; at 480 s it was not.
        #expect(renewals == 1)
        #expect(client.peers.isEmpty)
    }

    @Test func `a stale nonce is followed by all that were on their way, and ends nothing`() {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        _ = settle(&client, &relay, now: start)
        relay.nonce = "nonce-2"
        for port in UInt16(1)...8 {
            client.send([1], to: SocketEndpoint(.v4(IPv4Address(198, 51, 100, UInt8(port))), port: port), now: start)
        }
        #expect(settle(&client, &relay, now: start).isEmpty)
        #expect(relay.forwarded == 8)
    }

    @Test func `a wrong password and an error of the server end it with a reason`() {
        var (wrong, relay) = (client(password: "other"), relay())
        wrong.start(now: start)
        #expect(settle(&wrong, &relay, now: start) == [.ended(.credentials)])
        var first = client()
        first.start(now: start)
        _ = settle(&first, &relay, now: start)
        var second = client()
        second.start(now: start)
        #expect(settle(&second, &relay, now: start) == [.ended(.refused(437))])
    }

    @Test func `answers that the server's key does not prove are as if they had not come`() throws {
        var (client, relay) = (client(), relay())
        client.start(now: start)
        guard case .send(let bare)? = client.nextOutput() else { return #expect(Bool(false), "nothing was sent") }
        for answer in relay.receive(bare, at: server, from: own) { client.receive(answer.bytes, now: start) }
        guard case .send(let proved)? = client.nextOutput() else { return #expect(Bool(false), "nothing was sent") }
        let request = try STUNDatagram(proved).message
        var forged = STUNMessage(.success, .allocate, transaction: request.transaction)
        forged.append(.xorRelayedAddress, address: peer)
        forged.append(.lifetime, number: UInt32(600))
        client.receive(forged.encoded(), now: start)
        client.receive(forged.encoded(key: STUNKey(password: "guess")), now: start)
        var refused = STUNMessage(.failure, .allocate, transaction: request.transaction)
        refused.append(STUNMessage.Failure(300, "Try Alternate"))
        refused.append(.alternateServer, address: peer)
        client.receive(refused.encoded(), now: start)
        #expect(client.nextOutput() == nil && client.relayed == nil)
        for answer in relay.receive(proved, at: server, from: own) { client.receive(answer.bytes, now: start) }
        #expect(client.relayed != nil)
    }

    @Test func `a server that does not answer is given up after 39.5 seconds`() throws {
        for isStream in [false, true] {
            var client = client(isStream: isStream)
            client.start(now: start)
            var sends = 0
            var ended: Duration?
            while let next = client.nextTimer, ended == nil {
                client.handleTimer(now: next)
                while let output = client.nextOutput() {
                    if case .send = output { sends += 1 }
                    if output == .ended(.silent) { ended = next - start }
                }
            }
            #expect(ended == .milliseconds(39_500))
            #expect(sends == (isStream ? 1 : 7))
        }
    }

    // MARK: Framing

    @Test func `a stream is cut into messages wherever its packets end`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let transaction = try #require(STUNMessage.Transaction(bytes: 1...12))
        let messages: [[UInt8]] = (0..<50).map { index in
            index % 2 == 0
                ? TURNChannelData(channel: 0x4000 + UInt16(index), data: random.bytes(index)).encoded(padded: true)
                : STUNMessage(
                    .success, .binding, transaction: transaction,
                    attributes: [.init(.software, random.bytes(index))]
                ).encoded()
        }
        var framing = TURNStreamFraming()
        var rest = Array(messages.joined())[...]
        var read: [[UInt8]] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...40, using: &random)
            read += framing.receive(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(read == messages && !framing.isBroken, "seed \(seed)")
        #expect(TURNChannelData(read[6])?.data == TURNChannelData(messages[6])?.data)
    }

    @Test(
        arguments: [[0x16, 0x03, 0x01, 0x00], [0x50, 0, 0, 0], [0x00, 0x01, 0x00, 0x03], [0x80, 0, 0, 0]] as [[UInt8]])
    func `what is no message breaks the stream for good`(bytes: [UInt8]) {
        var framing = TURNStreamFraming()
        #expect(framing.receive(bytes).isEmpty && framing.isBroken)
        #expect(framing.receive([0x40, 0, 0, 0]).isEmpty)
    }

    @Test func `channel data is padded over a stream and not over UDP, and padding is no data`() {
        let data = TURNChannelData(channel: 0x4001, data: [1, 2, 3, 4, 5])
        #expect(data.encoded(padded: false) == [0x40, 0x01, 0, 5, 1, 2, 3, 4, 5])
        #expect(data.encoded(padded: true) == [0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0])
        #expect(TURNChannelData(data.encoded(padded: true)) == data)
        #expect(TURNChannelData([0x40, 0x01, 0, 5, 1]) == nil && TURNChannelData([0x3F, 0, 0, 0]) == nil)
    }
}
