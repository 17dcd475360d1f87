import AccessPolicy
import Foundation
import NIOPosix
import NIOTunnel
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import NIOUPnP
@testable import RemoteAccess

@Suite("Pairing on the home's own network", .timeLimit(.minutes(1)))
struct LANPairingTests {
    private let phone: StoredDeviceIdentity
    private let stranger: StoredDeviceIdentity

    init() throws {
        phone = try StoredDeviceIdentity(commonName: "phone", now: Date())
        stranger = try StoredDeviceIdentity(commonName: "stranger", now: Date())
    }

    /// Another PIN; both halves of it are others.
    private func other(than pin: WPSPIN) -> WPSPIN {
        var random = SystemRandomNumberGenerator()
        while true {
            let drawn = WPSPIN(using: &random)
            if drawn.shown.prefix(4) != pin.shown.prefix(4), drawn.shown.suffix(4) != pin.shown.suffix(4) {
                return drawn
            }
        }
    }

    private func failure(_ body: () async throws -> Void) async -> IntroductionError.Code? {
        do {
            try await body()
            return nil
        } catch let error as IntroductionError {
            return error.code
        } catch {
            Issue.record(error)
            return nil
        }
    }

    @Test func `who knows the PIN is handed the code, pairs with it, and both its identities are its subject's`()
        async throws
    {
        let (phone, door) = (phone, try LANGateway.client(phone))
        try await LANGateway.with { gateway in
            let (pin, code) = try await gateway.open()
            let handed = try await door.introduce(to: gateway.door, pin: pin)
            #expect(handed == code)
            let dialer = TunnelDialer(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: LANGateway.logger)
            let paired = try await PairingClient(dialer: dialer).redeem(handed, deviceName: "Ann's phone")
            #expect(paired.subjectName == "phone")
            let ledger = try await gateway.trust.store.ledger()
            let subject = try #require(ledger.activeSubject(named: "phone"))
            let own = ledger.credentials.filter { $0.subject == subject.id }
            #expect(Set(own.map(\.kind)) == [.tunnelCertificate, .deviceProtection])
            let identity = try #require(own.first { $0.kind == .deviceProtection })
            #expect(identity.fingerprint == (try IssuedCertificate(der: phone.chainDER[0])).fingerprint)
            #expect(gateway.protection.acl.controlPoint(phone.id)?.roles.contains(.basic) == true)
            #expect(gateway.protection.acl.controlPoint(phone.id)?.roles.contains(.admin) == false)
            // The code was good once, and so was the time.
            #expect(await failure { _ = try await door.introduce(to: gateway.door, pin: pin) } == .closed)
        }
    }

    @Test func `a wrong PIN is refused and uses the time up, also for who knows the right one`() async throws {
        let door = try LANGateway.client(phone)
        try await LANGateway.with { gateway in
            let (pin, _) = try await gateway.open()
            #expect(
                await failure { _ = try await door.introduce(to: gateway.door, pin: other(than: pin)) } == .wrongPIN)
            #expect(await failure { _ = try await door.introduce(to: gateway.door, pin: pin) } == .closed)
            #expect(gateway.protection.acl.controlPoints.isEmpty)
            #expect(try await gateway.trust.store.ledger().subjects.isEmpty)
        }
    }

    @Test func `nobody is introduced before the owner opens the time, nor after it`() async throws {
        let door = try LANGateway.client(phone)
        try await LANGateway.with { gateway in
            var random = SystemRandomNumberGenerator()
            let guess = WPSPIN(using: &random)
            #expect(await failure { _ = try await door.introduce(to: gateway.door, pin: guess) } == .closed)
        }
    }

    @Test func `a code waits for the control point that was introduced, and for no other one in the ACL`() async throws
    {
        var acl = AccessControlList()
        try acl.put(.init(id: stranger.id, name: "stranger", introduced: true, roles: [.basic, .admin]))
        let (stranger, door) = (stranger, try LANGateway.client(phone))
        try await LANGateway.with(acl: acl) { gateway in
            let (pin, _) = try await gateway.open()
            _ = try await door.introduce(to: gateway.door, pin: pin)
            let own = try IntroductionDoor(
                gateway.door,
                identity: TunnelIdentity(chainDER: stranger.chainDER, privateKeyDER: stranger.privateKeyDER),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: LANGateway.logger)
            defer { own.close() }
            _ = try await own.open()
            #expect(await failure { _ = try await own.pairingCode() } == .refused)
        }
    }

    @Test func `who stands between client and gateway with a certificate of its own learns nothing about the PIN`()
        async throws
    {
        let (phone, stranger) = (phone, stranger)
        try await LANGateway.with { gateway in
            let (pin, _) = try await gateway.open()
            let real = try IntroductionDoor(
                gateway.door,
                identity: TunnelIdentity(chainDER: stranger.chainDER, privateKeyDER: stranger.privateKeyDER),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: LANGateway.logger)
            defer { real.close() }
            _ = try await real.open()
            let passing = PassingSetup { try await real.setupMessage($0) }
            try await FalseGateway.with(setup: passing) { location in
                let door = try LANGateway.client(phone)
                let deceived = IntroductionClient.Gateway(udn: LANGateway.udn, name: "Home", location: location)
                #expect(
                    await failure { _ = try await door.introduce(to: deceived, pin: pin) } == .notAuthentic)
            }
            // M1 went through; the client never answered with anything made of the PIN, so it is still good.
            #expect(passing.passed.withLock { $0 } >= 1)
            real.close()
            let door = try LANGateway.client(phone)
            let code = try await retried { try await door.introduce(to: gateway.door, pin: pin) }
            #expect(code.gatewayName == "Home")
        }
    }

    /// The run that was broken off ends with its connection, which the gateway hears of a moment later.
    private func retried(_ body: () async throws -> PairingCode) async throws -> PairingCode {
        while true {
            do { return try await body() } catch let error as IntroductionError where error.code == .closed {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test func `an expired code is not handed over, nor is one to a certificate that was not introduced`() async throws
    {
        let moment = Mutex(Date())
        let introduction = PairingIntroduction(
            device: WPSParty(id: stranger.id, name: "Home"), now: { moment.withLock { $0 } })
        var random = SystemRandomNumberGenerator()
        let code = try PairingCode(
            gatewayName: "Home", addresses: [#require(GatewayAddress("192.0.2.1:4433"))],
            pin: IdentityKey().pin, id: PairingCodeID(using: &random), secret: PairingSecret(using: &random),
            expiresAt: Date() + 60)
        let pin = introduction.open(code)
        var registrar = try #require(
            WPSRegistrar(
                controlPoint: WPSParty(id: phone.id, name: "phone"), device: stranger.id, password: .pin(pin),
                using: &random))
        let peer = SetupPeer(connection: 1, controlPoint: phone.id, name: "phone")
        var message: [UInt8] = []
        while true {
            let answer = try await introduction.answer(message, from: peer)
            if answer.introduces { break }
            guard case .answer(let next) = registrar.receive(answer.message, using: &random) else { break }
            message = next
        }
        #expect(introduction.code(forCertificate: stranger.chainDER[0]) == nil)
        #expect(introduction.code(forCertificate: phone.chainDER[0]) == code)
        moment.withLock { $0 += 61 }
        #expect(introduction.code(forCertificate: phone.chainDER[0]) == nil)
    }

    @Test func `of several gateways the one that is named is meant, and who names none is asked to`() throws {
        let url = try #require(HTTPURL("https://192.0.2.1:8443/d.xml"))
        let (one, two) = (
            IntroductionClient.Gateway(udn: "uuid:1", name: "Home", location: url),
            IntroductionClient.Gateway(udn: "uuid:2", name: "Cabin", location: url)
        )
        #expect(try IntroductionClient.choose(nil, from: [one]) == one)
        #expect(try IntroductionClient.choose("Cabin", from: [one, two]) == two)
        #expect(try IntroductionClient.choose("uuid:1", from: [one, two]) == one)
        func code(_ name: String?, _ found: [IntroductionClient.Gateway]) -> IntroductionError.Code? {
            do throws(IntroductionError) {
                _ = try IntroductionClient.choose(name, from: found)
                return nil
            } catch { return error.code }
        }
        #expect(code(nil, []) == .notFound)
        #expect(code("Barn", [one, two]) == .notFound)
        #expect(code(nil, [one, two]) == .severalFound)
    }
}
