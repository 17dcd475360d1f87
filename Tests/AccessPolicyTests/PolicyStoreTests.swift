import AccessPolicy
import TestKit
import Testing

@Suite("The policy's store in memory")
struct InMemoryPolicyStoreTests {
    @Test(arguments: PolicyStoreConformance.cases)
    func `a policy's store keeps its promise`(promise: ConformanceCase<PolicyStoreConformance.Views>) async throws {
        let store = InMemoryPolicyStore()
        try await promise.run(.init(store, store))
    }
}
