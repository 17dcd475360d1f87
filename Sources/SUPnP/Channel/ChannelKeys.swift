package import GroupKeys

/// Which way a pairwise message goes. Each way has a key of its own, so a message that is thrown back at its sender
/// does not open (F9). The raw value is what the key schedule and the classic IV contain.
package enum Direction: UInt8, CaseIterable, Hashable, Sendable {
    /// From a member to a controller.
    case toController = 0
    /// From a controller to a member.
    case fromController = 1

    /// The other way.
    package var reversed: Direction { self == .toController ? .fromController : .toController }
}

/// The keys of the channels, from what registration (RELAY) and the key tree (EPOCH) give (specification 3.6.2).
package enum ChannelKeys {
    /// `pair(c, b, dir)`: of one member and one controller process, for one direction.
    package static func pairwise(
        relay: SecretBytes, controller: ControllerID, boot: BootID, direction: Direction
    ) -> SecretBytes {
        let context = octets(controller) + boot.bytes + [direction.rawValue]
        return KeyDerivation.expand(relay, info: KeyLabel.info("pair", context: context))
    }

    /// `gsnd(c, b, e)`: of one forwarder process in the epoch that `epochSecret` is of.
    package static func groupSender(
        epochSecret: SecretBytes, controller: ControllerID, boot: BootID
    ) -> SecretBytes {
        let context = octets(controller) + boot.bytes
        return KeyDerivation.expand(epochSecret, info: KeyLabel.info("gsnd", context: context))
    }

    /// `gconf(e)`: confirms the secret of an epoch.
    package static func groupConfirmation(epochSecret: SecretBytes) -> SecretBytes {
        KeyDerivation.expand(epochSecret, info: KeyLabel.info("gconf"))
    }

    private static func octets(_ controller: ControllerID) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: controller.rawValue >> (24 - 8 * $0)) }
    }
}
