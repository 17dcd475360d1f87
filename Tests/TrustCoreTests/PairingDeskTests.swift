import FoundationEssentials
import NetworkTypes
import TestKit
import Testing
import TrustCore

private let now = TrustFixtures.now

@Suite("The pairing desk")
struct PairingDeskTests {
    private var fixtures: TrustFixtures
    private let pairing: PendingPairing
    private let code: PairingCode
    private var desk: PairingDesk
    private let key = IdentityKey()

    init() throws {
        fixtures = try TrustFixtures()
        let order = fixtures.draft("phone")
        pairing = PendingPairing(
            id: order.id, draft: order.draft, subject: fixtures.subjectID(), createdAt: now, expiresAt: now + 600
        )
        code = try fixtures.code(order.id, order.secret, expiresAt: now + 600)
        desk = PairingDesk()
        desk.load([pairing])
    }

    private var pin: KeyPin { fixtures.gateway.currentServerKey.pin }

    private func request(_ code: PairingCode? = nil) throws -> PairingRequest {
        try PairingRequest.make(code: code ?? self.code, key: key, deviceName: "Bert's phone")
    }

    private func refusal(_ action: PairingDesk.Action) -> PairingRefusal? {
        if case .refuse(let refusal, _) = action { refusal } else { nil }
    }

    @Test func `the holder of the code is paired, once`() throws {
        var desk = desk
        #expect(desk.receive(try request(), pin: pin, now: now) == .redeem(pairing))
        desk.committed(pairing.id)
        #expect(desk.receive(try request(), pin: pin, now: now) == .refuse(.used, countGuess: nil))
        #expect(!desk.isOpen(at: now))
    }

    @Test func `while one redemption is being written, a second is told to wait`() throws {
        var desk = desk
        _ = desk.receive(try request(), pin: pin, now: now)
        #expect(desk.receive(try request(), pin: pin, now: now) == .refuse(.busy, countGuess: nil))
        desk.failed(pairing.id)
        #expect(desk.receive(try request(), pin: pin, now: now) == .redeem(pairing))
    }

    @Test func `a request made toward another gateway is worth nothing here`() throws {
        var desk = desk
        let other = IdentityKey().pin
        let action = desk.receive(try request(), pin: other, now: now)
        #expect(action == .refuse(.wrongSecret(remaining: 4), countGuess: pairing.id))
    }

    @Test func `a request with another key, name or secret under the same proof is refused`() throws {
        let honest = try request()
        let otherCSR = try CertificateRequest.make(key: IdentityKey())
        let forgeries = [
            PairingRequest(codeID: honest.codeID, csrDER: otherCSR, deviceName: honest.deviceName, mac: honest.mac),
            PairingRequest(codeID: honest.codeID, csrDER: honest.csrDER, deviceName: "Mallory", mac: honest.mac),
            PairingRequest(codeID: honest.codeID, csrDER: honest.csrDER, deviceName: honest.deviceName, mac: []),
            PairingRequest(
                codeID: honest.codeID, csrDER: honest.csrDER, deviceName: honest.deviceName,
                mac: Array(honest.mac.dropLast())
            ),
        ]
        for forgery in forgeries {
            var desk = desk
            let action = desk.receive(forgery, pin: pin, now: now)
            #expect(action == .refuse(.wrongSecret(remaining: 4), countGuess: pairing.id))
        }
    }

    @Test func `no bit of the proof can be changed`() throws {
        let honest = try request()
        let proofKey = code.secret.requestKey(for: code.id)
        #expect(honest.isAuthentic(key: proofKey, pin: pin))
        for bit in 0..<256 {
            var mac = honest.mac
            mac[bit / 8] ^= 1 << (bit % 8)
            let forged = PairingRequest(
                codeID: honest.codeID, csrDER: honest.csrDER, deviceName: honest.deviceName, mac: mac
            )
            #expect(!forged.isAuthentic(key: proofKey, pin: pin), "bit \(bit)")
        }
    }

    @Test func `five wrong guesses burn the code, and then the right secret is refused too`() throws {
        var desk = desk
        var guess = try request()
        guess = PairingRequest(
            codeID: guess.codeID, csrDER: guess.csrDER, deviceName: guess.deviceName,
            mac: [UInt8](repeating: 0, count: 32)
        )
        for remaining in [4, 3, 2, 1] {
            let action = desk.receive(guess, pin: pin, now: now)
            #expect(action == .refuse(.wrongSecret(remaining: remaining), countGuess: pairing.id))
        }
        #expect(desk.receive(guess, pin: pin, now: now) == .refuse(.burnt, countGuess: pairing.id))
        #expect(desk.receive(try request(), pin: pin, now: now) == .refuse(.burnt, countGuess: nil))
        #expect(!desk.isOpen(at: now))
        // A state of the store from before the guesses gives none of them back.
        desk.load([pairing])
        #expect(desk.receive(try request(), pin: pin, now: now) == .refuse(.burnt, countGuess: nil))
    }

    @Test func `guesses that another process counted count here`() throws {
        var desk = desk
        var counted = pairing
        counted.wrongGuesses = 4
        desk.load([counted])
        #expect(
            desk.receive(try request(), pin: IdentityKey().pin, now: now) == .refuse(.burnt, countGuess: pairing.id))
    }

    @Test func `an expired, an unknown and a cancelled code are refused by name`() throws {
        var desk = desk
        #expect(refusal(desk.receive(try request(), pin: pin, now: now + 600)) == .expired(now + 600))
        #expect(!desk.isOpen(at: now + 600))
        var cancelled = pairing
        cancelled.close(.cancelled)
        desk.load([cancelled])
        #expect(refusal(desk.receive(try request(), pin: pin, now: now)) == .cancelled)
        desk.load([])
        #expect(refusal(desk.receive(try request(), pin: pin, now: now)) == .unknownCode)
    }

    @Test func `a code that another process made is known after loading`() throws {
        var desk = PairingDesk()
        #expect(!desk.isOpen(at: now))
        desk.load([pairing])
        #expect(desk.isOpen(at: now))
        #expect(desk.receive(try request(), pin: pin, now: now) == .redeem(pairing))
    }

    @Test func `requests without an open code are bounded in rate, over all peers`() throws {
        var desk = PairingDesk()
        desk.load([pairing])
        var random = SeededGenerator(seed: 77)
        let unknown = PairingRequest(codeID: PairingCodeID(using: &random), csrDER: [], deviceName: "", mac: [])
        for _ in 0..<10 { #expect(refusal(desk.receive(unknown, pin: pin, now: now)) == .unknownCode) }
        #expect(refusal(desk.receive(unknown, pin: pin, now: now)) == .tooFast(retryAfter: .seconds(1)))
        #expect(refusal(desk.receive(unknown, pin: pin, now: now + 1)) == .unknownCode)
        #expect(refusal(desk.receive(unknown, pin: pin, now: now + 1)) == .tooFast(retryAfter: .seconds(1)))
        // Many hours later no more than the burst has gathered.
        var answered = 0
        for _ in 0..<50 where refusal(desk.receive(unknown, pin: pin, now: now + 86400)) == .unknownCode {
            answered += 1
        }
        #expect(answered == 10)
        // A clock that was set back gives nothing and breaks nothing.
        #expect(refusal(desk.receive(unknown, pin: pin, now: now)) != .unknownCode)
    }

    @Test func `a flood of such requests does not keep the code's holder out`() throws {
        var desk = PairingDesk()
        desk.load([pairing])
        var random = SeededGenerator(seed: 77)
        for _ in 0..<1000 {
            let unknown = PairingRequest(codeID: PairingCodeID(using: &random), csrDER: [], deviceName: "", mac: [])
            _ = desk.receive(unknown, pin: pin, now: now)
        }
        #expect(desk.receive(try request(), pin: pin, now: now) == .redeem(pairing))
    }

    @Test func `an oversized request is refused before anything is computed`() throws {
        var desk = desk
        let honest = try request()
        let large = PairingRequest(
            codeID: honest.codeID, csrDER: [UInt8](repeating: 0, count: 5000), deviceName: "", mac: honest.mac
        )
        #expect(
            desk.receive(large, pin: pin, now: now)
                == .refuse(.badRequest("the certificate request is larger than 4096 bytes"), countGuess: nil)
        )
        let named = PairingRequest(
            codeID: honest.codeID, csrDER: honest.csrDER, deviceName: String(repeating: "x", count: 65), mac: honest.mac
        )
        #expect(
            desk.receive(named, pin: pin, now: now)
                == .refuse(.badRequest("the device name is longer than 64 bytes"), countGuess: nil)
        )
    }

    @Test func `a client's long or strange name is cut to what the gateway takes`() throws {
        let name = "tab\there" + String(repeating: "é", count: 100)
        let made = try PairingRequest.make(code: code, key: key, deviceName: name)
        #expect(made.deviceName.utf8.count <= 64)
        #expect(!made.deviceName.contains("\t"))
        var desk = desk
        #expect(desk.receive(made, pin: pin, now: now) == .redeem(pairing))
    }

    @Test func `every refusal is a sentence that says which`() {
        let refusals: [PairingRefusal] = [
            .unknownCode, .expired(now), .used, .burnt, .cancelled, .busy, .wrongSecret(remaining: 1),
            .tooFast(retryAfter: .seconds(1)), .badRequest("the request is odd"), .revoked(now),
        ]
        let sentences = Set(refusals.map(\.sentence))
        #expect(sentences.count == refusals.count)
        #expect(PairingRefusal.wrongSecret(remaining: 1).sentence.hasSuffix("1 more try"))
        #expect(PairingRefusal.wrongSecret(remaining: 2).sentence.hasSuffix("2 more tries"))
    }
}
