import Crypto
import Foundation
import NetworkTypes
import Testing

@testable import AccessPolicy

@Suite("The introduction of Wi-Fi Protected Setup")
struct WPSTests {
    private static let deviceID = DeviceProtectionID(certificateDER: Array("device".utf8))
    private static let controlPointID = DeviceProtectionID(certificateDER: Array("control point".utf8))
    private static let device = WPSParty(id: deviceID, name: "Gateway")
    private static let controlPoint = WPSParty(id: controlPointID, name: "Phone")

    /// Both sides of a run and what they said last.
    private struct Run {
        var enrollee: WPSEnrollee
        var registrar: WPSRegistrar
        var random: SeededGenerator
        var messages: [[UInt8]] = []

        init(
            _ device: WPSPassword, _ controlPoint: WPSPassword, seed: UInt64 = 1,
            deviceSeen: DeviceProtectionID = WPSTests.deviceID,
            controlPointSeen: DeviceProtectionID = WPSTests.controlPointID
        ) throws {
            var random = SeededGenerator(seed: seed)
            enrollee = try #require(
                WPSEnrollee(
                    device: WPSTests.device, controlPoint: controlPointSeen, password: device, using: &random))
            registrar = try #require(
                WPSRegistrar(
                    controlPoint: WPSTests.controlPoint, device: deviceSeen, password: controlPoint, using: &random))
            self.random = random
        }

        /// Passes messages to and fro until one side is done; `change` may alter each of them on its way.
        mutating func finish(change: (Int, [UInt8]) -> [UInt8] = { $1 }) -> (device: WPSStep?, controlPoint: WPSStep?) {
            var toDevice: [UInt8] = []
            var (device, controlPoint): (WPSStep?, WPSStep?)
            for round in 0..<8 {
                let step = enrollee.receive(change(2 * round, toDevice), using: &random)
                device = step
                let answer: [UInt8]
                switch step {
                case .answer(let bytes), .introduced(let bytes), .failed(let bytes, _): answer = bytes
                }
                messages.append(answer)
                let next = registrar.receive(change(2 * round + 1, answer), using: &random)
                controlPoint = next
                switch next {
                case .answer(let bytes):
                    messages.append(bytes)
                    toDevice = bytes
                case .failed(let bytes, _):
                    messages.append(bytes)
                    // The device may have failed first.
                    if case .answer = step { device = enrollee.receive(bytes, using: &random) }
                    return (device, controlPoint)
                case .introduced: return (device, controlPoint)
                }
            }
            return (device, controlPoint)
        }
    }

    private static func pin(_ seed: UInt64) -> WPSPIN {
        var random = SeededGenerator(seed: seed)
        return WPSPIN(using: &random)
    }

    private static func isIntroduced(_ step: WPSStep?) -> Bool {
        if case .introduced = step { true } else { false }
    }

    private static func reason(_ step: WPSStep?) -> String? {
        if case .failed(_, let reason) = step { reason } else { nil }
    }

    @Test("Two who know the PIN introduce each other in nine messages", arguments: [1, 2, 3] as [UInt64])
    func succeeds(seed: UInt64) throws {
        let pin = WPSPassword.pin(Self.pin(seed))
        var run = try Run(pin, pin, seed: seed)
        let (device, controlPoint) = run.finish()
        #expect(Self.isIntroduced(device) && Self.isIntroduced(controlPoint), "\(String(describing: device))")
        let types = try run.messages.map { try WPSMessage(parsing: $0).type }
        #expect(types == [.m1, .m2, .m3, .m4, .m5, .m6, .m7, .m8, .done])
        #expect(run.enrollee.isSpent && run.registrar.isSpent)
    }

    @Test("A pressed button is a password that everybody knows")
    func pushButton() throws {
        var run = try Run(.pushButton, .pushButton)
        let (device, controlPoint) = run.finish()
        #expect(Self.isIntroduced(device) && Self.isIntroduced(controlPoint))
    }

    @Test("A wrong half of the PIN ends the run at that half, and the PIN is spent", arguments: [0, 7])
    func wrongHalf(digit: Int) throws {
        let pin = Self.pin(1)
        var digits = pin.digits
        // The last digit checks the others, so the seventh changes with it.
        let index = digit == 0 ? 0 : 6
        var body = digits.prefix(7).reduce(0) { $0 * 10 + Int($1 - 0x30) }
        body = digits[index] == 0x39 ? body - Self.power(6 - index) : body + Self.power(6 - index)
        digits = Array(String(format: "%07d%d", body, WPSPIN.checkDigit(of: body)).utf8)
        let other = try #require(WPSPIN(String(decoding: digits, as: UTF8.self)))
        var run = try Run(.pin(pin), .pin(other))
        let (device, controlPoint) = run.finish()
        let half = digit == 0 ? "first" : "second"
        #expect(Self.reason(device) == "the \(half) half of the password is wrong")
        #expect(Self.reason(controlPoint) == "the device says that the password is wrong")
        #expect(run.messages.count == (digit == 0 ? 6 : 8))
        #expect(run.enrollee.isSpent && run.registrar.isSpent)
    }

    private static func power(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { power, _ in power * 10 } }

    @Test("Who has another certificate than the messages name is refused before a password is tried")
    func certificates() throws {
        let stranger = DeviceProtectionID(certificateDER: Array("stranger".utf8))
        let pin = WPSPassword.pin(Self.pin(1))
        var run = try Run(pin, pin, controlPointSeen: stranger)
        #expect(Self.reason(run.finish().device)?.contains("another control point") == true)
        #expect(!run.enrollee.isSpent)
        run = try Run(pin, pin, deviceSeen: stranger)
        #expect(Self.reason(run.finish().controlPoint)?.contains("another device") == true)
        #expect(!run.registrar.isSpent)
    }

    @Test("A bit that is changed on the way, in any message before the last, introduces nobody", arguments: 1...8)
    func changed(message: Int) throws {
        let pin = WPSPassword.pin(Self.pin(1))
        for seed in 0..<8 as Range<UInt64> {
            var random = SeededGenerator(seed: seed &* 100 &+ UInt64(message))
            var run = try Run(pin, pin)
            var wasChanged = false
            let (device, controlPoint) = run.finish { number, bytes in
                guard number == message, !bytes.isEmpty else { return bytes }
                wasChanged = true
                var bytes = bytes
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                return bytes
            }
            #expect(wasChanged)
            #expect(!Self.isIntroduced(device) && !Self.isIntroduced(controlPoint), "seed \(seed)")
        }
    }

    @Test("A message out of its order ends the run")
    func order() throws {
        let pin = WPSPassword.pin(Self.pin(1))
        var whole = try Run(pin, pin)
        _ = whole.finish()
        let m4 = whole.messages[3]
        var run = try Run(pin, pin)
        _ = run.enrollee.receive([], using: &run.random)
        #expect(Self.reason(run.enrollee.receive(m4, using: &run.random)) != nil)
        #expect(Self.reason(run.enrollee.receive([], using: &run.random)) != nil)
        #expect(!run.enrollee.isSpent)
    }

    @Test("M2D is acknowledged when the device has that kind of password, and M2 follows in the same run")
    func referred() throws {
        let pin = WPSPassword.pin(Self.pin(1))
        for (password, expected) in [(pin, WPSMessageType.ack), (.pushButton, .nack)] {
            var run = try Run(pin, password)
            guard case .answer(let m1) = run.enrollee.receive([], using: &run.random) else {
                return #expect(Bool(false))
            }
            let m2D = try #require(run.registrar.refer(to: WPSMessage(parsing: m1)))
            guard case .answer(let answer) = run.enrollee.receive(m2D, using: &run.random) else {
                return #expect(Bool(false))
            }
            #expect(try WPSMessage(parsing: answer).type == expected)
            guard expected == .ack, case .answer(let m2) = run.registrar.receive(m1, using: &run.random) else {
                continue
            }
            guard case .answer(let m3) = run.enrollee.receive(m2, using: &run.random) else {
                return #expect(Bool(false))
            }
            #expect(try WPSMessage(parsing: m3).type == .m3)
        }
    }

    @Test("Public keys that would make the secret known are refused")
    func weakKeys() throws {
        var random = SeededGenerator(seed: 1)
        let secret = DHGroup5.privateKey(using: &random)
        let zero = [UInt8](repeating: 0, count: 192)
        let one = zero.dropLast() + [1]
        let huge = [UInt8](repeating: 0xFF, count: 192)
        // p ends with sixteen F, so p - 1 ends with E.
        let prime = try #require(Self.hex(Self.primeText))
        let minusOne = prime.dropLast() + [0xFE]
        for key in [zero, Array(one), huge, prime, Array(minusOne), Array(huge.dropLast())] {
            #expect(DHGroup5.shared(secret, with: key) == nil)
        }
        #expect(DHGroup5.shared(secret, with: zero.dropLast() + [2]) == DHGroup5.publicKey(of: secret))
    }

    @Test("Both ends of a key agreement have the same secret, and the generator is two")
    func agreement() throws {
        var random = SeededGenerator(seed: 7)
        let (one, two) = (DHGroup5.privateKey(using: &random), DHGroup5.privateKey(using: &random))
        let (onePublic, twoPublic) = (
            try #require(DHGroup5.publicKey(of: one)), try #require(DHGroup5.publicKey(of: two))
        )
        #expect(DHGroup5.shared(one, with: twoPublic) == DHGroup5.shared(two, with: onePublic))
        #expect(
            try #require(DHGroup5.publicKey(of: SymmetricKey(data: [10]))) == [UInt8](repeating: 0, count: 190) + [
                4, 0,
            ])
    }

    @Test("A PIN's last digit checks the others, and a slip of one digit is noticed")
    func pins() throws {
        // 12345670 is the example of the standard.
        #expect(WPSPIN("1234-5670") != nil && WPSPIN("1234 5670")?.shown == "1234 5670")
        #expect(WPSPIN("12345671") == nil && WPSPIN("1234567") == nil && WPSPIN("1234567a") == nil)
        for seed in 0..<50 as Range<UInt64> {
            let pin = Self.pin(seed)
            #expect(WPSPIN(pin.shown) == pin)
            var digits = pin.digits
            digits[Int(seed % 8)] = (digits[Int(seed % 8)] - 0x30 + 1) % 10 + 0x30
            #expect(WPSPIN(String(decoding: digits, as: UTF8.self)) == nil)
        }
        #expect(!"\(Self.pin(1))".contains(String(decoding: Self.pin(1).digits, as: UTF8.self)))
    }

    static func hex(_ text: String) -> [UInt8]? {
        let digits = Array(text.filter { !$0.isWhitespace })
        guard digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    }

    // RFC 3526 §2.
    private static let primeText = """
        FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74 020BBEA6 3B139B22 514A0879 8E3404DD
        EF9519B3 CD3A431B 302B0A6D F25F1437 4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9 A637ED6B 0BFF5CB6 F406B7ED
        EE386BFB 5A899FA5 AE9F2411 7C4B1FE6 49286651 ECE45B3D C2007CB8 A163BF05 98DA4836 1C55D39A 69163FA8 FD24CF5F
        83655D23 DCA3AD96 1C62F356 208552BB 9ED52907 7096966D 670C354E 4ABC9804 F1746C08 CA237327 FFFFFFFF FFFFFFFF
        """
}
