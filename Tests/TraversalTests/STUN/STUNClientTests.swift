import NetworkTypes
import Testing

@testable import Traversal

@Suite("STUN: a client's transactions, credentials and what it finds out")
struct STUNClientTests {
    private let start = ContinuousClock.now
    private let transaction: STUNMessage.Transaction

    init() throws { transaction = try #require(STUNMessage.Transaction(bytes: 1...12)) }

    @Test func `a request is sent at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms, and given up at 39500`() {
        var timer = STUNTransactionTimer(at: start)
        var sends: [Duration] = []
        while timer.due(at: timer.next - .milliseconds(1)) == nil, sends.count < 20 {
            let moment = timer.next
            let due = timer.due(at: moment)
            sends.append(moment - start)
            if due == .failed { break }
        }
        #expect(sends == [500, 1_500, 3_500, 7_500, 15_500, 31_500, 39_500].map(Duration.milliseconds))
        var configuration = STUNTransactionTimer.Configuration()
        configuration.isReliable = true
        var reliable = STUNTransactionTimer(at: start, configuration: configuration)
        #expect(reliable.due(at: start + .milliseconds(39_499)) == nil)
        #expect(reliable.due(at: start + .milliseconds(39_500)) == .failed)
    }

    // MARK: Credentials

    private func refusal(
        _ code: Int, nonce: String = "abc", realm: String = "example.org", algorithms: [UInt8]? = nil,
        key: STUNKey? = nil
    ) throws -> STUNDatagram {
        var message = STUNMessage(.failure, .allocate, transaction: transaction)
        message.append(STUNMessage.Failure(code, ""))
        message.append(.realm, Array(realm.utf8))
        message.append(.nonce, Array(nonce.utf8))
        if let algorithms { message.append(.passwordAlgorithms, algorithms) }
        return try STUNDatagram(message.encoded(key: key))
    }

    private func request(_ credentials: STUNCredentials) throws -> (STUNDatagram, STUNKey)? {
        var message = STUNMessage(.request, .allocate, transaction: transaction)
        guard let key = credentials.prove(&message) else { return nil }
        return (try STUNDatagram(message.encoded(key: key)), key)
    }

    @Test func `the first request is bare, the second one proved with what the refusal named`() throws {
        var credentials = STUNCredentials(username: "user", password: "pass")
        #expect(try request(credentials) == nil)
        #expect(credentials.receive(try refusal(401)) == .again)
        let (sent, key) = try #require(try request(credentials))
        #expect(sent.message.text(.realm) == "example.org" && sent.message.text(.nonce) == "abc")
        #expect(sent.isAuthentic(STUNKey(username: "user", realm: "example.org", password: "pass", algorithm: .md5)))
        #expect(key.hash == .sha1)
        let answer = STUNMessage(.success, .allocate, transaction: transaction)
        #expect(credentials.receive(try STUNDatagram(answer.encoded(key: key))) == .taken)
        #expect(credentials.receive(try STUNDatagram(answer.encoded())) == .ignored)
        #expect(credentials.receive(try STUNDatagram(answer.encoded(key: STUNKey(password: "x")))) == .ignored)
    }

    @Test func `a second 401 means that the password is wrong`() throws {
        var credentials = STUNCredentials(username: "user", password: "pass")
        _ = credentials.receive(try refusal(401))
        #expect(credentials.receive(try refusal(401, nonce: "other")) == .refused)
    }

    @Test func `a stale nonce is replaced, a few times in a row and no more`() throws {
        var credentials = STUNCredentials(username: "user", password: "pass")
        _ = credentials.receive(try refusal(401))
        #expect(credentials.receive(try refusal(438, nonce: "1")) == .again)
        #expect(try request(credentials)?.0.message.text(.nonce) == "1")
        #expect(credentials.receive(try refusal(438, nonce: "2", realm: "elsewhere")) == .refused)
        #expect(credentials.receive(try refusal(438, nonce: "2")) == .again)
        #expect(credentials.receive(try refusal(438, nonce: "3")) == .again)
        #expect(credentials.receive(try refusal(438, nonce: "4")) == .refused)
    }

    @Test func `SHA-256 is chosen where it is offered, and the offer goes back unchanged`() throws {
        let offer: [UInt8] = [0, 1, 0, 0, 0, 2, 0, 0]
        var credentials = STUNCredentials(username: "user", password: "pass")
        #expect(credentials.receive(try refusal(401, nonce: "obMatJos2gAAAxyz", algorithms: offer)) == .again)
        let (sent, key) = try #require(try request(credentials))
        #expect(sent.message[.passwordAlgorithms] == offer)
        #expect(sent.message[.passwordAlgorithm] == [0, 2, 0, 0])
        #expect(key.hash == .sha256)
        #expect(
            sent.isAuthentic(
                STUNKey(
                    username: "user", realm: "example.org", password: "pass", algorithm: .sha256, hash: .sha256)))
    }

    @Test func `an offer that the nonce promises and somebody took out is not gone on without`() throws {
        for nonce in ["obMatJos2gAAAxyz", "obMatJos2wAAAxyz"] {
            var credentials = STUNCredentials(username: "user", password: "pass")
            #expect(credentials.receive(try refusal(401, nonce: nonce)) == .refused)
        }
        // The nonce of RFC 8489 B.1 sets another bit than it means to; peers that copied it are served.
        for nonce in ["obMatJos2AAACxyz", "obMatJos2QAAAxyz", "obMatJos2"] {
            var credentials = STUNCredentials(username: "user", password: "pass")
            #expect(credentials.receive(try refusal(401, nonce: nonce)) == .again)
        }
    }

    @Test func `an offer of nothing that is known is refused`() throws {
        for offer in [[0, 9, 0, 0], [0, 1, 0], [0, 1, 0, 9], []] as [[UInt8]] {
            var credentials = STUNCredentials(username: "user", password: "pass")
            #expect(credentials.receive(try refusal(401, algorithms: offer)) == .refused)
        }
    }
}
