import Foundation
import GroupKeys
import Groups
import LatchkeyProgram
import Logging
import NIOPosix
import SQLiteStore
import SUPnP
import Testing
import TrustCore

@Suite("Commands on a group and its store", .timeLimit(.minutes(2)))
struct GroupControlTests {
    private func withStore(_ body: (SQLiteGatewayStore, GroupID) async throws -> Void) async throws {
        try await withFolder { folder in
            let store = try SQLiteGatewayStore(folder: folder)
            guard case .opened(let group) = try await GroupControlHandler(store: store).handle(.open) else {
                throw ProgramError.failure("no group")
            }
            let identity = try #require(try await store.groups.identity())
            #expect(group.groupID.count == 32)
            try await body(store, identity.groupID)
            try? store.close()
        }
    }

    private func enrolment(
        _ name: String, owner: String, in group: GroupID, again: Bool = false
    ) throws -> DeviceEnrolment {
        var random = SystemRandomNumberGenerator()
        let id = try #require(DeviceID(name))
        let record = try #require(
            CredentialRecord.provision(
                id: id, code: SetupCode(using: &random), groupID: group.bytes, roles: .client, derivation: .testOnly,
                using: &random))
        guard case .hardened(let derivation, let verifier) = record.secret else {
            throw ProgramError.failure("no verifier")
        }
        return DeviceEnrolment(
            id: name, role: "client", patterns: [], owner: owner, derivation: derivation.rawValue,
            salt: Data(record.salt), w0: Data(verifier.w0.exposed), l: Data(verifier.l), again: again)
    }

    private func owners(_ store: SQLiteGatewayStore) async throws -> [String: String] {
        let names = Dictionary(uniqueKeysWithValues: try await store.ledger().subjects.map { ($0.id, $0.name) })
        return Dictionary(
            uniqueKeysWithValues: try await store.groups.owners().map { ("\($0.key)", names[$0.value] ?? "?") })
    }

    @Test func `an enrolment that is refused leaves a device its owner, whose revocation still evicts it`()
        async throws
    {
        try await withStore { store, group in
            let handler = GroupControlHandler(store: store)
            _ = try await handler.handle(.enrol([enrolment("kiosk", owner: "anna", in: group)]))
            for again in [false, true] {
                let refused = await sentence {
                    let other = try enrolment("kiosk", owner: "bob", in: group, again: again)
                    _ = try await handler.handle(.enrol([enrolment("new", owner: "bob", in: group), other]))
                }
                #expect(refused.contains("kiosk"))
                #expect(try await owners(store) == ["kiosk": "anna"])
                #expect(try await store.ledger().subjects.map(\.name) == ["anna"])
            }
            let anna = try #require(try await store.ledger().subjects.first)
            _ = try await store.revoke(anna.id, now: Date())
            #expect(try await store.groups.revokedDevices().map { "\($0)" } == ["kiosk"])
        }
    }

    @Test func `a device whose code was lost gets another one on demand, as long as it is no member`() async throws {
        try await withStore { store, group in
            let handler = GroupControlHandler(store: store)
            let lost = try enrolment("kiosk", owner: "anna", in: group)
            _ = try await handler.handle(.enrol([lost]))
            let fresh = try enrolment("kiosk", owner: "anna", in: group, again: true)
            _ = try await handler.handle(.enrol([fresh]))
            let state = try await store.groups.load().state
            let kiosk = try #require(DeviceID("kiosk"))
            #expect(state.credentials[kiosk]?.salt == Array(fresh.salt))
            #expect(try await owners(store) == ["kiosk": "anna"])
        }
    }

    @Test func `of many who enrol one device at one time one has it, and it is its owner's`() async throws {
        try await withStore { store, group in
            let handler = GroupControlHandler(store: store)
            for round in 0..<5 {
                let enrolments = try (0..<6).map { try enrolment("d\(round)", owner: "owner-\($0)", in: group) }
                let done = await withTaskGroup(of: DeviceEnrolment?.self) { tasks in
                    for enrolment in enrolments {
                        tasks.addTask { (try? await handler.handle(.enrol([enrolment]))).map { _ in enrolment } }
                    }
                    return await tasks.reduce(into: []) { $0.append($1) }.compactMap(\.self)
                }
                let one = try #require(done.first)
                #expect(done.count == 1)
                #expect(try await owners(store)["d\(round)"] == one.owner)
                let state = try await store.groups.load().state
                #expect(state.credentials[try #require(DeviceID(one.id))]?.salt == Array(one.salt))
            }
        }
    }

    @Test func `a group that cannot be read keeps nobody's rights alive`() async throws {
        try await withStore { store, _ in
            let trust = InMemoryGatewayStore()
            var random = SystemRandomNumberGenerator()
            let identity = try GatewayIdentity.create(name: "Home", now: Date(), using: &random)
            _ = try await trust.establish(identity)
            let subject = try await pair("tv", in: trust)
            let controller = GroupController(
                GroupControllerConfiguration(identity: try #require(try await store.groups.identity())),
                store: store.groups, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try store.close()
            let handler = StoreControlHandler(
                store: trust, name: "Home", groups: GroupControlHandler(store: store, serving: { controller }),
                fallbackAddresses: { [] })
            let answer = await sentence { _ = try await handler.handle(.revoke(name: "tv")) }
            #expect(answer.contains("is revoked"))
            #expect(try await trust.ledger().subjects.first { $0.id == subject.id }?.revokedAt != nil)
        }
    }

    private func pair(_ name: String, in store: any GatewayStore) async throws -> Subject {
        let order = PairingOrder(
            name: name, preset: "media", deviceTypes: [], expiresIn: 600, addresses: ["home.example.org:4433"])
        let handler = StoreControlHandler(store: store, name: "Home", fallbackAddresses: { [] })
        return try await paired(order, in: store, by: handler, now: Date())
    }

    // MARK: The service

    @Test func `a controller that gives up by itself is tried again, and one that is cancelled is not`() async throws {
        #expect(try await GroupService.end { throw CancellationError() } == "its controller was given up")
        #expect(try await GroupService.end {} == "its controller has ended")
        #expect(try await GroupService.end { throw ProgramError.failure("no port") } == "no port")
        let cancelled = Task {
            try await GroupService.end { try await Task.sleep(for: .seconds(60)) }
        }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
    }
}
