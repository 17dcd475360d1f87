import AccessPolicy
import PolicyFile
import RemoteAccess
import TrustCore

extension PolicySource {
    /// The policy that a gateway's store keeps; nil for a store that keeps none.
    init?(of store: any GatewayStore) {
        guard let policies = store as? any PolicyStore else { return nil }
        self.init(store: policies, parse: { try PolicyText.parse($0) })
    }
}
