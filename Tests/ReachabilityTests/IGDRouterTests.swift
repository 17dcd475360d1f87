import NetworkTypes
import Synchronization
import Testing
import Traversal
import UPnP

@testable import Reachability

@Suite("Reachability: mappings of a UPnP gateway device")
struct IGDRouterTests {
    private let own = IPAddress.v4(IPv4Address(192, 168, 1, 7))
    private let target = MappingTarget(.tcp, port: 4433)

    private func map(_ igd: FakeIGD, preferred: UInt16 = 4433) async throws -> IGDRouter.Mapping {
        var random = SeededGenerator(seed: 718)
        return try await IGDRouter(igd, own: own).map(target, preferred: preferred, using: &random)
    }

    private func other(_ port: UInt16) -> FakeIGD.State {
        var state = FakeIGD.State()
        state.mappings[port] = .init(client: "192.168.1.99", port: port, lease: "0")
        return state
    }

    @Test func `version 2 reserves any port in one action, with an hour's lease`() async throws {
        let igd = FakeIGD(version: 2, other(4433))
        #expect(try await map(igd) == IGDRouter.Mapping(externalPort: 4434, lease: .seconds(3_600)))
        #expect(igd.calls == ["AddAnyPortMapping"])
        #expect(igd.mappings[4434] == .init(client: "192.168.1.7", port: 4433, lease: "3600"))
    }

    @Test(arguments: [401, 501, 602])
    func `one that only calls itself version 2 is asked as version 1`(code: Int) async throws {
        var state = FakeIGD.State()
        state.refusals["AddAnyPortMapping"] = code
        let igd = FakeIGD(version: 2, state)
        #expect(try await map(igd).externalPort == 4433)
        #expect(igd.calls == ["AddAnyPortMapping", "AddPortMapping"])
    }

    @Test func `version 1 is asked for another port when one is taken, and the other's mapping stays`() async throws {
        let igd = FakeIGD(version: 1, other(4433))
        let mapping = try await map(igd)
        #expect(mapping.externalPort >= 49_152)
        #expect(igd.mappings[4433]?.client == "192.168.1.99")
        var none = FakeIGD.State()
        none.refusals["AddPortMapping"] = 718
        let full = FakeIGD(version: 1, none)
        await #expect(throws: IGDRouter.Refusal("every port that was tried is taken")) { try await map(full) }
        #expect(full.calls.count == 10)
    }

    @Test(arguments: [1, 2])
    func `permanent leases are taken where there are no others`(version: Int) async throws {
        var state = FakeIGD.State()
        state.isPermanentOnly = true
        let igd = FakeIGD(version: version, state)
        #expect(try await map(igd) == IGDRouter.Mapping(externalPort: 4433, lease: .zero))
        #expect(igd.mappings[4433]?.lease == "0")
    }

    @Test func `a router that wants the same port on both sides gets it`() async throws {
        var state = FakeIGD.State()
        state.wantsSamePort = true
        #expect(try await map(FakeIGD(version: 1, state), preferred: 50_000).externalPort == 4433)
    }

    @Test(arguments: [(606, "does not let this host"), (728, "no room"), (402, "does not understand"), (799, "799")])
    func `a refusal says what it means`(code: Int, words: String) async throws {
        for version in [1, 2] {
            var state = FakeIGD.State()
            state.refusals = ["AddPortMapping": code, "AddAnyPortMapping": code]
            let error = await #expect(throws: IGDRouter.Refusal.self) {
                try await map(FakeIGD(version: version, state))
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
    }

    @Test func `a router without a connection or an address is refused before anything is mapped`() async throws {
        var state = FakeIGD.State()
        state.status = "Disconnected"
        await #expect(throws: IGDRouter.Refusal("the router's connection is Disconnected")) {
            try await IGDRouter(FakeIGD(version: 1, state), own: own).externalAddress()
        }
        for text in ["", "0.0.0.0", "nonsense"] {
            state = FakeIGD.State()
            state.external = text
            await #expect(throws: IGDRouter.Refusal.self) {
                try await IGDRouter(FakeIGD(version: 1, state), own: own).externalAddress()
            }
        }
        // Some have no such action, and an address all the same.
        state = FakeIGD.State()
        state.refusals["GetStatusInfo"] = 401
        let address = try await IGDRouter(FakeIGD(version: 1, state), own: own).externalAddress()
        #expect(address == IPAddress("203.0.113.5"))
    }

    @Test func `what is removed is our own mapping, and nobody else's`() async throws {
        let igd = FakeIGD(version: 1)
        _ = try await map(igd)
        let router = IGDRouter(igd, own: own)
        #expect(await router.has(target, external: 4433) == true)
        await router.remove(target, external: 4433, madeFor: "192.168.1.8")
        #expect(igd.mappings.count == 1)
        await router.remove(target, external: 4433, madeFor: "192.168.1.7")
        #expect(igd.mappings.isEmpty)
        #expect(await router.has(target, external: 4433) == false)
        igd.state.withLock { $0.refusals["GetSpecificPortMappingEntry"] = 606 }
        #expect(await router.has(target, external: 4433) == nil)
    }
}
