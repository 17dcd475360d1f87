import NetworkTypes
package import Traversal

/// `POST /v1/nat`, and its answer: what each end has found out about the NAT in front of it. All that it tells of an address is
/// one of the internet; nothing of what lies within.
package struct NATNotice: Codable, Hashable, Sendable {
    /// The longest of its texts that is read, in bytes.
    private static let longestText = 64

    /// As in RFC 4787: `endpoint-independent`, `address-dependent`, `address-and-port-dependent`, or `none`.
    package var mapping: String?
    package var filtering: String?
    /// `address:port`, as a STUN server has seen it.
    package var external: String?

    /// What may be told of a NAT; nothing where nobody has looked, or nothing was found out.
    package init(_ behavior: NATBehavior?) {
        mapping = behavior?.mapping?.rawValue
        filtering = behavior?.filtering?.rawValue
        // A server within the home sees an address of the home's.
        external = behavior?.outside.flatMap { ICEReach(of: $0.address) == .open ? $0.description : nil }
    }

    /// What is believed of it: the other end may write anything.
    package var behavior: NATBehavior {
        NATBehavior(
            mapping: Self.bounded(mapping).flatMap(NATBehavior.Mapping.init(rawValue:)),
            filtering: Self.bounded(filtering).flatMap(NATBehavior.Filtering.init(rawValue:)),
            outside: Self.bounded(external).flatMap { SocketEndpoint($0) }.flatMap {
                ICEReach(of: $0.address) == .open ? $0 : nil
            })
    }

    private static func bounded(_ text: String?) -> String? {
        text.flatMap { $0.utf8.count <= longestText ? $0 : nil }
    }
}
