import AccessPolicy
import NetworkTypes
import Synchronization
import Testing

@testable import RemoteAccess

@Suite("The time for an introduction", .timeLimit(.minutes(1)))
struct WPSSetupTests {
    private final class Hands: Sendable {
        let moment = Mutex(ContinuousClock.now)
        func pass(_ time: Duration) { moment.withLock { $0 += time } }
    }

    private static let device = WPSParty(id: DeviceProtectionID(certificateDER: [1]), name: "Gateway")
    private let hands = Hands()
    private let setup: WPSSetup
    private let pin: WPSPIN

    init() {
        let hands = hands
        setup = WPSSetup(device: Self.device, now: { hands.moment.withLock { $0 } })
        var random = SystemRandomNumberGenerator()
        pin = WPSPIN(using: &random)
    }

    private func peer(_ number: UInt8) -> SetupPeer {
        SetupPeer(
            connection: UInt64(number), controlPoint: DeviceProtectionID(certificateDER: [number]), name: "phone")
    }

    /// Introduces by that PIN; answers whether the device said so, and how many messages went to it.
    private func introduce(
        _ peer: SetupPeer, pin: WPSPIN, messages: Int = 8
    ) async throws -> (introduced: Bool, registrar: WPSRegistrar) {
        var random = SystemRandomNumberGenerator()
        var registrar = try #require(
            WPSRegistrar(
                controlPoint: WPSParty(id: peer.controlPoint, name: "phone"), device: Self.device.id,
                password: .pin(pin), using: &random))
        var message: [UInt8] = []
        for _ in 0..<messages {
            let answer = try await setup.answer(message, from: peer)
            if answer.introduces { return (true, registrar) }
            guard case .answer(let next) = registrar.receive(answer.message, using: &random) else { break }
            message = next
        }
        return (false, registrar)
    }

    private func refusal(of peer: SetupPeer) async -> DeviceProtectionError.Code? {
        do {
            _ = try await setup.answer([], from: peer)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("Who knows the PIN is introduced, once, and then the time is over")
    func once() async throws {
        #expect(!setup.isReady)
        #expect(await refusal(of: peer(7)) == .busy)
        setup.open(.pin(pin), for: .seconds(120))
        #expect(setup.isReady)
        #expect(try await introduce(peer(7), pin: pin).introduced)
        #expect(!setup.isReady)
        #expect(await refusal(of: peer(8)) == .busy)
    }

    @Test("A wrong PIN ends the time, so that nobody tries a second one")
    func wrong() async throws {
        setup.open(.pin(pin), for: .seconds(120))
        var random = SystemRandomNumberGenerator()
        var other = WPSPIN(using: &random)
        while other.shown.prefix(4) == pin.shown.prefix(4) { other = WPSPIN(using: &random) }
        #expect(try await !introduce(peer(7), pin: other).introduced)
        #expect(!setup.isReady)
        #expect(await refusal(of: peer(7)) == .busy)
    }

    @Test("Who leaves after it has tried the PIN has used it up; who leaves before has not")
    func left() async throws {
        setup.open(.pin(pin), for: .seconds(120))
        _ = try await introduce(peer(7), pin: pin, messages: 2)
        #expect(!setup.isReady)
        #expect(await refusal(of: peer(8)) == .busy)
        await setup.closed(8)
        #expect(!setup.isReady)
        await setup.closed(7)
        #expect(setup.isReady)
        _ = try await introduce(peer(8), pin: pin, messages: 3)
        await setup.closed(8)
        #expect(!setup.isReady)
        #expect(await refusal(of: peer(9)) == .busy)
    }

    @Test("The time ends by itself, and so does a run that stands still")
    func expired() async throws {
        setup.open(.pin(pin), for: .seconds(120))
        hands.pass(.seconds(119))
        _ = try await introduce(peer(7), pin: pin, messages: 1)
        hands.pass(.seconds(2))
        #expect(!setup.isReady)
        hands.pass(.seconds(60))
        #expect(await refusal(of: peer(8)) == .busy)
        setup.open(.pin(pin), for: .seconds(100_000))
        hands.pass(.seconds(601))
        #expect(!setup.isReady)
    }

    @Test("Introductions that are begun and left alone are bounded")
    func begun() async throws {
        setup.open(.pin(pin), for: .seconds(120))
        for number in 0..<16 as Range<UInt8> {
            #expect(await refusal(of: peer(number)) == nil)
            await setup.closed(UInt64(number))
        }
        #expect(await refusal(of: peer(99)) == .busy)
    }
}
