import NetworkTypes
import TestKit

@testable import SUPnP

/// Where hosts are, and what goes between them.
extension GroupWorld {
    var multicasts: [SocketEndpoint] { hasBothFamilies ? [Self.multicast, Self.multicast6] : [Self.multicast] }

    /// A host's address in a family. Hosts are numbered: controllers by one byte, members from 0x1_0000 on.
    static func address(_ host: UInt32, isIPv6: Bool) -> IPAddress {
        isIPv6
            ? .v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: UInt64(host)))
            : .v4(IPv4Address(rawValue: 0x0A00_0000 | host))
    }

    func addresses(_ host: UInt8, port: UInt16) -> [SocketEndpoint] {
        (hasBothFamilies ? [false, true] : [false]).map {
            SocketEndpoint(Self.address(UInt32(host), isIPv6: $0), port: port)
        }
    }

    func deliver(_ delivery: DatagramNetwork.Delivery) {
        if let node = keyManagers.last(where: { $0.isAlive && $0.addresses.contains(delivery.destination) }) {
            tell(node, .datagram(delivery.bytes, from: delivery.source))
        } else if let node = forwarders.first(where: { $0.addresses.contains(delivery.destination) }) {
            tell(node, .datagram(delivery.bytes, from: delivery.source))
        } else if let node = members.values.first(where: { $0.address == delivery.destination && $0.isAlive }) {
            tell(node, .datagram(delivery.bytes, from: delivery.source))
        } else {
            strangersHeard[delivery.destination, default: []].append(delivery.bytes)
        }
    }

    /// Sends from the address of the destination's family; a host that has none does not send.
    func transmit(_ bytes: [UInt8], fromOneOf sources: [SocketEndpoint], to address: SocketEndpoint) {
        guard let source = sources.first(where: { $0.isSameFamily(as: address) }) else { return }
        transmit(bytes, from: source, to: address)
    }

    /// Sends to the group, in each family.
    func multicast(_ bytes: [UInt8], from sources: [SocketEndpoint]) {
        for group in multicasts { transmit(bytes, fromOneOf: sources, to: group) }
    }

    func transmit(_ bytes: [UInt8], from source: SocketEndpoint, to address: SocketEndpoint) {
        if records { recorded.append(bytes) }
        network.send(bytes, from: source, to: address, now: now)
    }
}
