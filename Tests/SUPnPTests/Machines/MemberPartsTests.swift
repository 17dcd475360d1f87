import Crypto
import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The parts of a member")
struct MemberPartsTests {
    private let start = VirtualClock().start

    private func requests() -> ClientRequests {
        var random = SeededGenerator(seed: 1)
        return ClientRequests(using: &random)
    }

    @Test("a request is sent at once, after 250, 750 ms, then to the next forwarder, and fails when there is none")
    func retransmission() throws {
        var requests = requests()
        let allocated = requests.allocate()
        let id = try #require(allocated)
        requests.begin(id, body: [1], window: .seconds(2), now: start)
        var sent: [(Int, Int)] = []
        for millisecond in 0...4_000 {
            for due in requests.due(forwarders: 2, now: start + .milliseconds(millisecond)) {
                if case .send(_, let attempt) = due {
                    sent.append((millisecond, attempt))
                } else {
                    sent.append((millisecond, -1))
                }
            }
        }
        #expect(sent.map(\.0) == [0, 250, 750, 1_750, 2_000, 2_500, 3_500])
        #expect(sent.map(\.1) == [0, 0, 0, 1, 1, 1, -1])
        #expect(requests.count == 0)
    }

    @Test("a request that was accepted is not repeated, and is given up when its end is not heard")
    func accepted() throws {
        var requests = requests()
        let allocated = requests.allocate()
        let id = try #require(allocated)
        requests.begin(id, body: [1], window: .seconds(2), now: start)
        #expect(requests.due(forwarders: 1, now: start) == [.send(id, attempt: 0)])
        let isOpen = requests.accepted(id, now: start)
        #expect(isOpen)
        #expect(requests.due(forwarders: 1, now: start + .milliseconds(3_999)).isEmpty)
        #expect(requests.due(forwarders: 1, now: start + .seconds(4)) == [.silent(id)])
        let again = requests.ended(id)
        #expect(!again)
    }

    @Test("a client has at most 64 open requests")
    func limit() throws {
        var requests = requests()
        for _ in 0..<64 {
            let allocated = requests.allocate()
            let id = try #require(allocated)
            requests.begin(id, body: [], window: .seconds(1), now: start)
        }
        let further = requests.allocate()
        #expect(further == nil)
    }

    @Test("a server knows a request for 60 s, says its answer again, and asks its application once")
    func served() {
        var served = ServedRequests()
        #expect(served.arrived(7, now: start) == .new)
        #expect(served.arrived(7, now: start) == .known(answer: nil))
        #expect(served.sequence(of: 7, isLast: false) == 0)
        served.keep([1], of: 7)
        #expect(served.sequence(of: 7, isLast: true) == 1)
        served.keep([2], of: 7)
        #expect(served.sequence(of: 7, isLast: true) == nil)
        #expect(served.sequence(of: 8, isLast: true) == nil)
        #expect(served.arrived(7, now: start + .seconds(59)) == .known(answer: [1]))
        #expect(served.arrived(7, now: start + .seconds(60)) == .new)
    }

    @Test(
        "a question for an epoch waits up to 250 ms, then is asked again after 0.5, 1, 2 and every 4 s, give or take a quarter"
    )
    func asker() throws {
        var waits: Set<Duration> = []
        var rhythms: Set<Duration> = []
        for seed in 0..<50 {
            var random = SeededGenerator(seed: UInt64(seed))
            var asker = ResyncAsker()
            asker.lacking(now: start, using: &random)
            let first = try #require(asker.nextAt)
            waits.insert(first - start)
            #expect(asker.due(now: first - .microseconds(1)) == nil)
            let asked = asker.due(now: first)
            let share = try #require(asked)
            asker.lacking(now: first, using: &random)
            var at = first
            var stretches: Set<Duration> = []
            for milliseconds in [500, 1_000, 2_000, 4_000, 4_000] {
                let next = try #require(asker.nextAt)
                let interval = next - at
                #expect(
                    (.milliseconds(milliseconds * 3 / 4) ... .milliseconds(milliseconds * 5 / 4)).contains(interval))
                stretches.insert(interval * 500 / milliseconds)
                #expect(asker.due(now: next - .microseconds(1)) == nil)
                #expect(asker.due(now: next) == share)
                at = next
            }
            #expect(stretches.count == 1, "one stretch for all intervals of a question")
            rhythms.formUnion(stretches)
            asker.satisfied()
            #expect(asker.due(now: first + .seconds(30)) == nil)
        }
        #expect(waits.count > 20)
        #expect(rhythms.count > 20, "members do not ask again together")
        #expect(waits.allSatisfy { (.zero ... .milliseconds(250)).contains($0) })
    }

    @Test("a process of a controller that was replaced does not come back")
    func boots() throws {
        var random = SeededGenerator(seed: 1)
        let group = GroupID(using: &random)
        let member = try #require(MemberID(0x1_0000))
        var book = ControllerBook(
            suite: .hardenedAESGCM, group: group, member: member, keyID: 1,
            relay: SecretBytes(count: 32, using: &random))
        let id = try #require(ControllerID(1))
        let address = DatagramNetworkTests.node(1)
        let boots = (0..<3).map { _ in BootID(using: &random) }
        func entry(_ boot: BootID) -> ControllerEntry { ControllerEntry(id: id, boot: boot, address: address) }
        #expect(book.set([entry(boots[0])], using: &random) == .process)
        let first = book.link(id)
        #expect(book.set([entry(boots[0])], using: &random) == .none)
        #expect(book.link(id) === first, "the same process keeps its channel")
        #expect(book.set([entry(boots[1])], using: &random) == .process)
        let second = book.link(id)
        #expect(second !== first)
        #expect(book.set([entry(boots[0])], using: &random) == .none)
        #expect(book.link(id) === second && book.boot(id) == boots[1])
        var news: [ControllerBook.News] = []
        for _ in 0..<70 { news.append(book.set([entry(BootID(using: &random))], using: &random)) }
        #expect(news.last == .tooMany)
    }

    @Test("a list of controllers has one encoding, for both families of addresses")
    func controllers() throws {
        var random = SeededGenerator(seed: 1)
        let v6 = try #require(IPv6Address("2001:db8::7"))
        let entries = try [
            (UInt32(1), SocketEndpoint(.v4(IPv4Address(10, 0, 0, 1)), port: 58_081)),
            (9, SocketEndpoint(.v6(v6), port: 1)),
        ].map { number, address in
            ControllerEntry(id: try #require(ControllerID(number)), boot: BootID(using: &random), address: address)
        }
        let list = entries.flatMap(\.encoded)
        let boots = entries.flatMap { $0.id.rawValue.octets + $0.boot.bytes }
        #expect(ControllerEntry.decode(list, boots: boots) == entries)
        for cut in 1..<list.count { #expect(ControllerEntry.decode(Array(list.prefix(cut)), boots: boots) == nil) }
        #expect(ControllerEntry.decode(list, boots: Array(boots.dropLast(20))) == nil)
        #expect(ControllerEntry.decode(list, boots: Array(boots.suffix(20) + boots.prefix(20))) == nil)
        #expect(ControllerEntry.decode(list + list, boots: boots + boots) == nil)
    }

    @Test("a resync opens for the member that asked, and for nobody else")
    func resyncSeal() throws {
        var random = SeededGenerator(seed: 1)
        let (own, peer, other) = (
            Curve25519.KeyAgreement.PrivateKey(), Curve25519.KeyAgreement.PrivateKey(),
            Curve25519.KeyAgreement.PrivateKey()
        )
        let pairKey = SecretBytes(count: 32, using: &random)
        let shares = (Array(own.publicKey.rawRepresentation), Array(peer.publicKey.rawRepresentation))
        func seal(
            _ key: Curve25519.KeyAgreement.PrivateKey, _ share: [UInt8], member: UInt32 = 0x1_0000,
            pairKey key2: SecretBytes
        ) throws -> ResyncSeal? {
            ResyncSeal(
                own: key, peer: share, memberShare: shares.0, managerShare: shares.1, pairKey: key2,
                member: try #require(MemberID(member)))
        }
        let sealed = try #require(try seal(peer, shares.0, pairKey: pairKey)?.seal([1, 2, 3], using: &random))
        #expect(try seal(own, shares.1, pairKey: pairKey)?.open(sealed) == [1, 2, 3])
        #expect(try seal(other, shares.1, pairKey: pairKey)?.open(sealed) == nil)
        #expect(try seal(own, shares.1, member: 0x1_0001, pairKey: pairKey)?.open(sealed) == nil)
        #expect(try seal(own, shares.1, pairKey: SecretBytes(count: 32, using: &random))?.open(sealed) == nil)
        #expect(try seal(own, [UInt8](repeating: 0, count: 32), pairKey: pairKey) == nil)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(try seal(own, shares.1, pairKey: pairKey)?.open(changed) == nil)
        }
    }
}
