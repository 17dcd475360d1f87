import GroupKeys
import NetworkTypes

/// How a member's store keeps it: `1 ‖ u32 member ‖ u8 suite ‖ group(16) ‖ u8 flags ‖ [multicast] ‖ [registered at] ‖
/// GROUP_PUB(32) ‖ u16 KEYID ‖ u32 generation ‖ RELAY(32) ‖ RFR(32) ‖ [private half(32)] ‖ u32 epoch ‖ n × run certificate ‖
/// n × channel`.
///
/// Flags, from bit 0: a server, has a multicast address, has where it registered, has a refresh under way. A channel is
/// `run controller ‖ boot(16) ‖ u32 generation ‖ u64 send ‖ u64 receive ‖ n × boot(16)`, its controller as CONTROLLERS has
/// it, and its used boots ascending.
extension KeptMember {
    private static let form: UInt8 = 1
    private static let secretCount = 32

    /// The bytes, which have secrets in them.
    package var storedForm: [UInt8] {
        var writer = FormWriter(Self.form)
        writer.write(id.rawValue)
        writer.write(suite.rawValue)
        writer.bytes += group.bytes
        let flags = [isServer, multicast != nil, registeredAt != nil, refreshing != nil]
        writer.write(flags.enumerated().reduce(UInt8(0)) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
        for endpoint in [multicast, registeredAt].compactMap({ $0 }) { writer.bytes += EndpointCodec.encoded(endpoint) }
        writer.bytes += root
        writer.write(keyID)
        writer.write(generation)
        for secret in [relay, refresh, refreshing].compactMap({ $0 }) { writer.bytes += secret.exposed }
        writer.write(epoch)
        writer.write(UInt32(certificates.count))
        for certificate in certificates { writer.write(run: certificate) }
        writer.write(UInt32(channels.count))
        for channel in channels {
            writer.write(run: channel.controller.encoded)
            writer.bytes += channel.controller.boot.bytes
            writer.write(channel.reservation.generation)
            writer.write(channel.reservation.sendCeiling)
            writer.write(channel.reservation.receiveCeiling)
            writer.write(UInt32(channel.usedBoots.count))
            for boot in channel.usedBoots.map(\.bytes).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                writer.bytes += boot
            }
        }
        return writer.bytes
    }

    /// Reads ``storedForm``; nil for anything else.
    package init?(storedForm bytes: [UInt8]) {
        var reader = FormReader(bytes)
        guard reader.begins(with: Self.form), let id = reader.read(UInt32.self).flatMap({ MemberID($0) }),
            let suite = reader.octet().flatMap({ Suite(rawValue: $0) }), suite.isHardened,
            let group = reader.read(count: GroupID.byteCount).flatMap({ GroupID($0) }), let flags = reader.octet(),
            flags < 16, let multicast = reader.endpoint(if: flags & 2 != 0),
            let registeredAt = reader.endpoint(if: flags & 4 != 0), let root = reader.read(count: 32),
            let keyID = reader.read(UInt16.self), let generation = reader.read(UInt32.self),
            let relay = reader.read(count: Self.secretCount), let refresh = reader.read(count: Self.secretCount),
            let refreshing = flags & 8 == 0 ? [] : reader.read(count: Self.secretCount),
            let epoch = reader.read(UInt32.self), let certificates = reader.list(least: 4, { $0.run() }),
            let channels = reader.list(least: 60, { Channel(&$0) }), reader.isAtEnd
        else { return nil }
        self.init(
            id: id, suite: suite, group: group, isServer: flags & 1 != 0, multicast: multicast,
            registeredAt: registeredAt, root: root, keyID: keyID, generation: generation, relay: SecretBytes(relay),
            refresh: SecretBytes(refresh), refreshing: refreshing.isEmpty ? nil : SecretBytes(refreshing),
            certificates: certificates, channels: channels, epoch: epoch)
    }
}

extension KeptMember.Channel {
    fileprivate init?(_ reader: inout FormReader) {
        guard let list = reader.run(), let boot = reader.read(count: 16),
            let generation = reader.read(UInt32.self), let send = reader.read(UInt64.self),
            let receive = reader.read(UInt64.self),
            let boots = reader.list(least: 16, { $0.read(count: 16) }),
            let entries = ControllerEntry.decode(list, boots: list.prefix(4) + boot), entries.count == 1,
            zip(boots, boots.dropFirst()).allSatisfy({ $0.lexicographicallyPrecedes($1) })
        else { return nil }
        let reservation = CounterReservation(generation: generation, sendCeiling: send, receiveCeiling: receive)
        guard reservation.sendCeiling == send, reservation.receiveCeiling == receive else { return nil }
        self.init(controller: entries[0], reservation: reservation, usedBoots: Set(boots.compactMap { BootID($0) }))
    }
}

extension FormReader {
    /// An address if there is one; the outer nil is a failure.
    fileprivate mutating func endpoint(if isThere: Bool) -> SocketEndpoint?? {
        guard isThere else { return .some(nil) }
        return endpoint().map { .some($0) }
    }
}
