/// The info string of every HKDF-Expand of SUPnP: `"supnp1 " ‖ name ‖ 0x00 ‖ context` (specification 3.6.2).
///
/// No name contains the octet 0 and each name's context has one length, so two derivations never share an info string.
package struct KeyLabel: Hashable, Sendable {
    /// What a derived key is for.
    package enum Name: String, CaseIterable, Sendable {
        /// Seals the registration's last message; no context.
        case finish = "fin"
        /// A server's leaf secret in the key tree; context: member, generation.
        case leaf
        /// What forwarders get of a member; context: member, generation.
        case relay
        /// Input of the next refresh; context: member, generation.
        case refresh
        /// A pairwise channel's key; context: controller, boot, direction.
        case pairwise = "pair"
        /// A forwarder's key in one epoch; context: controller, boot.
        case groupSender = "gsnd"
        /// Confirms an epoch's secret; no context.
        case groupConfirmation = "gconf"
        /// Seals a full resynchronisation of one member; no context.
        case resynchronisation = "usr"
    }

    /// The octets of the info string.
    package let bytes: [UInt8]

    /// The label of `name` with a context, which is empty if left out.
    package init(_ name: Name, context: [UInt8] = []) {
        bytes = Array("supnp1 ".utf8) + Array(name.rawValue.utf8) + [0] + context
    }
}
