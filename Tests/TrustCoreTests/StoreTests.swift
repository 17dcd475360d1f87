import TestKit
import Testing
import TrustCore

@Suite("The stores in memory")
struct InMemoryStoreTests {
    @Test(arguments: GatewayStoreConformance.cases)
    func `a gateway's store keeps its promise`(promise: ConformanceCase<GatewayStoreConformance.Views>) async throws {
        let store = InMemoryGatewayStore()
        try await promise.run(.init(store, store))
    }

    @Test(arguments: AuditStoreConformance.cases)
    func `an audit log keeps its promise`(promise: ConformanceCase<any GatewayStore>) async throws {
        try await promise.run(InMemoryGatewayStore(audit: AuditStoreConformance.limits))
    }

    @Test(arguments: AwayStoreConformance.cases)
    func `an away client's store keeps its promise`(promise: ConformanceCase<any AwayStore>) async throws {
        try await promise.run(InMemoryAwayStore())
    }

    @Test func `watchers see the newest revision and end when the set is closed`() async {
        let watchers = RevisionWatchers()
        watchers.announce(StoreRevision(1))
        var stream = watchers.watch().makeAsyncIterator()
        watchers.announce(StoreRevision(2))
        watchers.announce(StoreRevision(1))
        #expect(await stream.next() == StoreRevision(2))
        watchers.close()
        #expect(await stream.next() == nil)
        var late = watchers.watch().makeAsyncIterator()
        #expect(await late.next() == nil)
    }
}

@Suite("The seal of secrets")
struct SecretSealTests {
    @Test func `a secret is opened for its purpose and under its key only`() throws {
        let key = SecretSeal.makeKey()
        let seal = try #require(SecretSeal(key: key))
        let secret: [UInt8] = [1, 2, 3]
        let sealed = try seal.seal(secret, as: "a")
        #expect(try seal.open(sealed, as: "a") == secret)
        #expect(try SecretSeal(key: key)?.open(sealed, as: "a") == secret)
        #expect(throws: StoreError.self) { try seal.open(sealed, as: "b") }
        let other = try #require(SecretSeal(key: SecretSeal.makeKey()))
        #expect(throws: StoreError.self) { try other.open(sealed, as: "a") }
        for index in sealed.indices {
            var mutated = sealed
            mutated[index] ^= 1
            #expect(throws: StoreError.self) { try seal.open(mutated, as: "a") }
        }
        #expect(throws: StoreError.self) { try seal.open([], as: "a") }
        #expect(try seal.seal(secret, as: "a") != sealed)
        #expect(SecretSeal(key: [1]) == nil)
    }
}
