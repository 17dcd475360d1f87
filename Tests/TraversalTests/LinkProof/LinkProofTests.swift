import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("Proving that both ends are on one link")
struct LinkProofTests {
    private let start = ContinuousClock.now

    // MARK: Two ends and what an adversary does between them

    private struct Stage {
        var seeker: LinkSeeker
        var witness: LinkWitness
        let place: LinkSeeker.Place
        let home: InterfaceAddress
        let keys: LinkProofKeys
    }

    private static func credentials(_ seed: UInt64) -> ICECredentials {
        var random = SeededGenerator(seed: seed)
        return ICECredentials(using: &random)
    }

    private static func link(_ text: String, _ length: Int = 24) throws -> InterfaceAddress {
        let address = try #require(IPAddress(text))
        let prefix = try #require(IPPrefix(address: address, length: length))
        return InterfaceAddress(interface: "eth0", index: 2, address: address, prefix: prefix)
    }

    private func stage(
        asker: String = "192.168.1.20", witness: String = "192.168.1.10", seed: UInt64 = 1
    ) throws -> Stage {
        let keys = LinkProofKeys(asker: Self.credentials(seed), witness: Self.credentials(seed + 100))
        let place = LinkSeeker.Place(try Self.link(asker), port: 50_000)
        let home = try Self.link(witness)
        return Stage(
            seeker: LinkSeeker(keys, places: [place], random: SeededGenerator(seed: seed + 7), now: start),
            witness: LinkWitness(keys, links: [home], now: start), place: place, home: home, keys: keys)
    }

    /// What the seeker asks next.
    private func question(_ seeker: inout LinkSeeker) throws -> [UInt8] {
        seeker.handleTimer(now: try #require(seeker.nextTimer))
        guard case .ask(let bytes, _)? = seeker.nextOutput() else { throw Missing() }
        return bytes
    }

    private struct Missing: Error {}

    private func outputs(_ witness: inout LinkWitness) -> [LinkWitness.Output] {
        var all: [LinkWitness.Output] = []
        while let output = witness.nextOutput() { all.append(output) }
        return all
    }

    private func outputs(_ seeker: inout LinkSeeker) -> [LinkSeeker.Output] {
        var all: [LinkSeeker.Output] = []
        while let output = seeker.nextOutput() { all.append(output) }
        return all
    }

    private func answer(_ outputs: [LinkWitness.Output]) -> [UInt8]? {
        outputs.compactMap { if case .answer(let bytes, _, _) = $0 { bytes } else { nil } }.first
    }

    private var askerEnd: SocketEndpoint { SocketEndpoint(.v4(IPv4Address(192, 168, 1, 20)), port: 50_000) }
    private var witnessEnd: SocketEndpoint { SocketEndpoint(.v4(IPv4Address(192, 168, 1, 10)), port: 41_000) }

    @Test func `a question that is heard on a link proves it to both ends, and the answer is no larger`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start)
        let said = outputs(&stage.witness)
        #expect(said.first == .proved(ICENeighbours(own: witnessEnd.address, peer: askerEnd.address)))
        let answered = try #require(answer(said))
        #expect(answered.count <= asked.count)
        stage.seeker.receive(answered, at: stage.place, from: witnessEnd)
        #expect(
            outputs(&stage.seeker) == [
                .proved(ICENeighbours(own: askerEnd.address, peer: witnessEnd.address)), .ended,
            ])
        #expect(stage.seeker.nextTimer == nil)
    }

    @Test func `a question that is lost is asked again, five times in all, and then it is over`() throws {
        var stage = try stage()
        var asked: [Duration] = []
        while let next = stage.seeker.nextTimer {
            stage.seeker.handleTimer(now: next)
            for output in outputs(&stage.seeker) {
                if case .ask = output { asked.append(next - start) } else { #expect(output == .ended) }
            }
        }
        #expect(asked == LinkSeeker.schedule)
    }

    @Test func `links with public addresses are not asked on, and not listened on`() throws {
        let keys = LinkProofKeys(asker: Self.credentials(1), witness: Self.credentials(2))
        let open = try Self.link("203.0.113.9")
        var seeker = LinkSeeker(
            keys, places: [.init(open, port: 50_000)], random: SeededGenerator(seed: 1), now: start)
        #expect(outputs(&seeker) == [.ended] && seeker.nextTimer == nil)
        var witness = LinkWitness(keys, links: [open], now: start)
        #expect(outputs(&witness) == [.ended] && witness.nextTimer == nil)
    }

    // MARK: The adversary

    @Test func `a question or an answer by another key proves nothing`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        let foreign = LinkProofKeys(asker: Self.credentials(9), witness: Self.credentials(10))
        let nonce = LinkProofMessage.nonce(of: asked)
        let forged = LinkProofMessage.encode(nonce, .init(asker: askerEnd, witness: nil), foreign)
        stage.witness.receive(forged, on: stage.home, from: askerEnd, now: start)
        #expect(outputs(&stage.witness).isEmpty)
        let forgedAnswer = LinkProofMessage.encode(
            nonce, .init(asker: askerEnd, witness: witnessEnd.address), foreign)
        stage.seeker.receive(forgedAnswer, at: stage.place, from: witnessEnd)
        #expect(outputs(&stage.seeker).isEmpty)
    }

    @Test func `what was recorded in another search of the same two ends proves nothing`() throws {
        var (earlier, stage) = (try stage(seed: 1), try stage(seed: 2))
        let asked = try question(&earlier.seeker)
        earlier.witness.receive(asked, on: earlier.home, from: askerEnd, now: start)
        let answered = try #require(answer(outputs(&earlier.witness)))
        _ = try question(&stage.seeker)
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start)
        stage.seeker.receive(answered, at: stage.place, from: witnessEnd)
        #expect(outputs(&stage.witness).isEmpty && outputs(&stage.seeker).isEmpty)
        #expect(stage.keys.port != earlier.keys.port)
    }

    @Test(arguments: ["192.168.2.20", "10.0.0.1", "203.0.113.20", "192.168.1.255", "192.168.1.0", "127.0.0.1"])
    func `a question from outside the link's own network proves nothing, and is not answered`(source: String) throws {
        // The asker's key is right and it says its own address: it is a paired client elsewhere whose datagram was carried here.
        let elsewhere = SocketEndpoint(try #require(IPAddress(source)), port: 50_000)
        var stage = try stage()
        let nonce = [UInt8](repeating: 7, count: LinkProofMessage.nonceLength)
        let asked = LinkProofMessage.encode(nonce, .init(asker: elsewhere, witness: nil), stage.keys)
        stage.witness.receive(asked, on: stage.home, from: elsewhere, now: start)
        #expect(outputs(&stage.witness).isEmpty)
    }

    @Test func `a question that somebody on the link repeats from an own address proves nothing`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        for (octet, port) in [(UInt8(66), UInt16(50_000)), (20, 50_001)] {
            let accomplice = SocketEndpoint(.v4(IPv4Address(192, 168, 1, octet)), port: port)
            stage.witness.receive(asked, on: stage.home, from: accomplice, now: start)
        }
        #expect(outputs(&stage.witness).isEmpty)
        // And an answer that somebody else sends, or that names another asker, neither.
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start)
        let answered = try #require(answer(outputs(&stage.witness)))
        stage.seeker.receive(
            answered, at: stage.place, from: SocketEndpoint(.v4(IPv4Address(192, 168, 1, 66)), port: 41_000))
        #expect(outputs(&stage.seeker).isEmpty)
    }

    @Test func `an own datagram that comes back proves nothing`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        stage.seeker.receive(asked, at: stage.place, from: witnessEnd)
        #expect(outputs(&stage.seeker).isEmpty)
        // With an answer's mark it is still no answer: the two directions have keys of their own.
        var turned = asked
        turned.replaceSubrange(0..<8, with: Array("LKlink!1".utf8))
        stage.seeker.receive(turned, at: stage.place, from: witnessEnd)
        #expect(outputs(&stage.seeker).isEmpty)
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start)
        let answered = try #require(answer(outputs(&stage.witness)))
        stage.witness.receive(answered, on: stage.home, from: witnessEnd, now: start)
        #expect(outputs(&stage.witness).isEmpty)
    }

    @Test func `a question is answered once, however often it is repeated`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        for round in 0..<100 {
            stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start + .milliseconds(round * 20))
        }
        #expect(outputs(&stage.witness).count == 2)
    }

    @Test func `whoever has the key cannot have more answers than sixteen, and four in a tenth of a second`() throws {
        var stage = try stage()
        var answers: [Int] = []
        for round in 0..<200 {
            let nonce = (0..<LinkProofMessage.nonceLength).map { UInt8(truncatingIfNeeded: round &* 31 &+ $0) }
            let asked = LinkProofMessage.encode(nonce, .init(asker: askerEnd, witness: nil), stage.keys)
            stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start + .milliseconds(10 * round))
            answers += outputs(&stage.witness).compactMap { if case .answer = $0 { round } else { nil } }
        }
        #expect(answers.count <= LinkWitness.maximumAnswers)
        #expect(answers.prefix(5) == [0, 1, 2, 3, 10])
        #expect(stage.witness.nextTimer == nil)
    }

    @Test func `a thousand datagrams of junk neither prove anything nor keep the proof from being heard`() throws {
        var random = SeededGenerator(seed: 3)
        var stage = try stage()
        let asked = try question(&stage.seeker)
        for round in 0..<1000 {
            let count = round % 3 == 0 ? LinkProofMessage.length : Int.random(in: 0...1500, using: &random)
            let junk = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            stage.witness.receive(junk, on: stage.home, from: askerEnd, now: start)
            stage.seeker.receive(junk, at: stage.place, from: witnessEnd)
        }
        #expect(outputs(&stage.witness).isEmpty && outputs(&stage.seeker).isEmpty)
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start)
        #expect(answer(outputs(&stage.witness)) != nil)
    }

    @Test func `junk that looks like questions or answers is looked at 64 times, and then it is over`() throws {
        var stage = try stage()
        var asked = try question(&stage.seeker)
        asked[asked.count - 1] ^= 1
        for _ in 0..<1000 { stage.witness.receive(asked, on: stage.home, from: askerEnd, now: start) }
        #expect(outputs(&stage.witness) == [.ended])
        asked.replaceSubrange(0..<8, with: Array("LKlink!1".utf8))
        for _ in 0..<1000 { stage.seeker.receive(asked, at: stage.place, from: witnessEnd) }
        #expect(outputs(&stage.seeker) == [.ended])
    }

    @Test func `after the search's time nothing is heard`() throws {
        var stage = try stage()
        let asked = try question(&stage.seeker)
        let end = try #require(stage.witness.nextTimer)
        stage.witness.receive(asked, on: stage.home, from: askerEnd, now: end)
        #expect(outputs(&stage.witness).isEmpty)
        stage.witness.handleTimer(now: end)
        #expect(outputs(&stage.witness) == [.ended])
    }

    @Test func `it works over IPv6 too, with the group of the link`() throws {
        let keys = LinkProofKeys(asker: Self.credentials(1), witness: Self.credentials(2))
        let place = LinkSeeker.Place(try Self.link("fd00:1::20", 64), port: 50_000)
        let home = try Self.link("fd00:1::10", 64)
        var seeker = LinkSeeker(keys, places: [place], random: SeededGenerator(seed: 1), now: start)
        var witness = LinkWitness(keys, links: [home], now: start)
        let asked = try question(&seeker)
        witness.receive(asked, on: home, from: place.endpoint, now: start)
        let answered = try #require(answer(outputs(&witness)))
        seeker.receive(answered, at: place, from: home.endpoint(port: 41_000))
        #expect(outputs(&seeker).first == .proved(ICENeighbours(own: place.link.address, peer: home.address)))
        #expect(
            keys.group(on: home)
                == SocketEndpoint("[ff02::c]:\(keys.port)").map {
                    SocketEndpoint($0.address, port: $0.port, zone: 2)
                })
    }
}
