import Foundation
import LatchkeyProgram
import NetworkTypes
import ServiceLifecycle
import Synchronization
import Testing
import TrustCore

@Suite struct StoreControlTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func handler(
        _ store: any GatewayStore, name: String? = "Home", fallback: [GatewayAddress] = []
    ) -> StoreControlHandler {
        StoreControlHandler(store: store, name: name, fallbackAddresses: { fallback }, now: { [now] in now })
    }

    private func order(_ name: String = "tv", addresses: [String] = ["home.example.org:4433"]) -> PairingOrder {
        PairingOrder(name: name, preset: "media", deviceTypes: [], expiresIn: 600, addresses: addresses)
    }

    private func pair(_ name: String, in store: any GatewayStore) async throws -> Subject {
        try await paired(order(name), in: store, by: handler(store), now: now)
    }

    @Test func `a code carries the gateway's name, the asked addresses, the pin and the expiry`() async throws {
        let store = InMemoryGatewayStore()
        guard case .pairing(let report) = try await handler(store).handle(.pair(order())) else {
            Issue.record("no pairing code came")
            return
        }
        let code = try PairingCode(report.code, now: now)
        let identity = try #require(try await store.identity()).identity
        #expect(code.gatewayName == "Home")
        #expect(code.addresses.map(\.description) == ["home.example.org:4433"])
        #expect(code.pin == identity.currentServerKey.pin)
        #expect(code.expiresAt == now + 600)
        #expect(report.expires == code.expiresAt)
        #expect(report.id == code.id.description)
        let pending = try #require(try await store.ledger().pairings.first)
        #expect(pending.name == "tv")
        #expect(pending.scope == .preset("media"))
    }

    @Test func `a code without an address is refused, and uses the gateway's own when there are some`() async throws {
        let store = InMemoryGatewayStore()
        let refusal = await sentence { _ = try await handler(store).handle(.pair(order(addresses: []))) }
        #expect(refusal.contains("name one with --address"))
        let own = try #require(GatewayAddress("10.0.0.1:4433"))
        guard case .pairing(let report) = try await handler(store, fallback: [own]).handle(.pair(order(addresses: [])))
        else {
            Issue.record("no pairing code came")
            return
        }
        #expect(try PairingCode(report.code, now: now).addresses == [own])
    }

    @Test func `a preset and device types together, or neither, are refused`() async {
        var both = order()
        both.deviceTypes = ["urn:x"]
        var none = order()
        none.preset = nil
        for wrong in [both, none] {
            let refusal = await sentence { _ = try await handler(InMemoryGatewayStore()).handle(.pair(wrong)) }
            #expect(refusal.contains("either a preset or a list of device types"))
        }
    }

    @Test func `a client is listed with its grant, revoked by name, and then told apart`() async throws {
        let store = InMemoryGatewayStore()
        let subject = try await pair("tv", in: store)
        guard case .clients(let before) = try await handler(store).handle(.clients) else { return }
        #expect(before.map(\.name) == ["tv"])
        #expect(before.first?.grants == ["media"])
        #expect(before.first?.certificates.count == 1)
        #expect(before.first?.revokedAt == nil)
        let reply = try await handler(store).handle(.revoke(name: "tv"))
        #expect(reply == .revoked(RevocationReport(id: subject.id.description, name: "tv", sessionsEnded: 0)))
        guard case .clients(let after) = try await handler(store).handle(.clients) else { return }
        #expect(after.first?.revokedAt == now)
        #expect(await sentence { _ = try await handler(store).handle(.revoke(name: "tv")) }.contains("revoked already"))
        #expect(await sentence { _ = try await handler(store).handle(.revoke(name: "x")) }.hasPrefix("no client is"))
    }

    @Test func `rotating promotes the next key, whose pin was told before`() async throws {
        let store = InMemoryGatewayStore()
        #expect(await sentence { _ = try await handler(store).handle(.rotateKey) }.contains("holds no gateway yet"))
        let before = try await handler(store).identity()
        guard case .rotated(let report) = try await handler(store).handle(.rotateKey) else { return }
        #expect(report.current == "\(before.nextServerKey.pin)")
        #expect(report.next != report.current)
        #expect(try await handler(store).identity().pins.map { "\($0)" } == [report.current, report.next])
    }

    @Test func `the gateway keeps its name until the configuration gives another`() async throws {
        let store = InMemoryGatewayStore()
        let first = try await handler(store, name: "Home").identity()
        #expect(try await handler(store, name: nil).identity().name == "Home")
        let renamed = try await handler(store, name: "Cottage").identity()
        #expect(renamed.name == "Cottage")
        #expect(renamed.pins == first.pins)
    }

    // MARK: The running gateway

    private final class FakeGateway: LiveGateway {
        let told = Mutex<[String]>([])

        func run() async throws { try await gracefulShutdown() }
        func sessions() async -> [SessionReport] { [] }
        func devices() async -> [DeviceReport] { [] }
        func status() async -> StatusReport { StatusReport(role: "gateway", name: "Home", state: "serving") }
        func storeChanged() async { told.withLock { $0.append("changed") } }
        func endSessions(of subject: SubjectID) async -> Int {
            told.withLock { $0.append("end \(subject)") }
            return 3
        }
    }

    @Test func `a revocation ends the live sessions before it is answered`() async throws {
        let store = InMemoryGatewayStore()
        let subject = try await pair("tv", in: store)
        let gateway = FakeGateway()
        let live = LiveGatewayHandler(gateway: gateway, store: handler(store), pid: 7)
        let reply = try await live.handle(.revoke(name: "tv"))
        #expect(reply == .revoked(RevocationReport(id: subject.id.description, name: "tv", sessionsEnded: 3)))
        #expect(gateway.told.withLock { $0 } == ["end \(subject.id)", "changed"])
    }

    @Test func `a new code and a new key are told to the running gateway at once`() async throws {
        let gateway = FakeGateway()
        let live = LiveGatewayHandler(gateway: gateway, store: handler(InMemoryGatewayStore()), pid: 7)
        _ = try await live.handle(.pair(order()))
        _ = try await live.handle(.rotateKey)
        #expect(gateway.told.withLock { $0 } == ["changed", "changed"])
        #expect(try await live.handle(.ping) == .pong(ProgramIdentity(role: "gateway", pid: 7)))
    }

    @Test func `readiness is announced once, when the last part has started`() {
        let announced = Mutex(0)
        let readiness = Readiness(["a", "b"]) { announced.withLock { $0 += 1 } }
        readiness.started("a")
        readiness.started("a")
        #expect(announced.withLock { $0 } == 0)
        readiness.started("b")
        readiness.started("b")
        #expect(announced.withLock { $0 } == 1)
    }

    @Test func `events are lines for people and objects with a time for programs`() throws {
        let event = ProgramEvent("client-connected", "tv connected", ["client": "tv"])
        let text = Transcript()
        EventPrinter(console: text.console(), json: false)(event)
        #expect(text.output == "tv connected\n")
        let json = Transcript()
        EventPrinter(console: json.console(), json: true, now: { Date(timeIntervalSince1970: 0) })(event)
        #expect(
            json.output
                == #"{"client":"tv","event":"client-connected","message":"tv connected","time":"1970-01-01T00:00:00.000Z"}"#
                + "\n")
    }
}
