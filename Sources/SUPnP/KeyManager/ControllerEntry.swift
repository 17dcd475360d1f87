package import NetworkTypes

/// A controller as members are told of it: where it is, and which process (CONTROLLERS and BOOTS).
package struct ControllerEntry: Hashable, Sendable {
    /// Its number.
    package let id: ControllerID
    /// Its process.
    package let boot: BootID
    /// Where it receives unicast, one for each link and family: 1 to ``maximumAddresses``, no two the same. They have no
    /// zones, which mean something on one host alone.
    package let addresses: [SocketEndpoint]
    /// The more, the more members choose it.
    package let weight: UInt8

    /// The most controllers of a group.
    package static let maximumCount = 16
    /// The most addresses of a controller.
    package static let maximumAddresses = 8
    /// The most addresses of all controllers of a group together.
    package static let maximumAddressesInAll = 32

    /// Describes a controller with one address.
    package init(id: ControllerID, boot: BootID, address: SocketEndpoint, weight: UInt8 = 1) {
        self.id = id
        self.boot = boot
        addresses = [SocketEndpoint(address.address, port: address.port)]
        self.weight = weight
    }

    /// Describes a controller. Of the addresses, the first ``maximumAddresses`` that differ count; nil without any.
    package init?(id: ControllerID, boot: BootID, addresses: [SocketEndpoint], weight: UInt8 = 1) {
        var distinct: [SocketEndpoint] = []
        for address in addresses.lazy.map({ SocketEndpoint($0.address, port: $0.port) })
        where !distinct.contains(address) && distinct.count < Self.maximumAddresses { distinct.append(address) }
        guard !distinct.isEmpty else { return nil }
        self.init(id: id, boot: boot, distinct: distinct, weight: weight)
    }

    private init(id: ControllerID, boot: BootID, distinct: [SocketEndpoint], weight: UInt8) {
        self.id = id
        self.boot = boot
        addresses = distinct
        self.weight = weight
    }

    /// The same controller at some of its addresses: those that `indices` name.
    func at(_ indices: some Sequence<Int>) -> ControllerEntry {
        ControllerEntry(id: id, boot: boot, distinct: indices.map { addresses[$0] }, weight: weight)
    }

    /// The same process at the addresses that another list said it had.
    func at(addressesOf other: ControllerEntry) -> ControllerEntry {
        ControllerEntry(id: id, boot: boot, distinct: other.addresses, weight: weight)
    }
}

/// CONTROLLERS and BOOTS.
extension ControllerEntry {
    /// `u32 id ‖ u8 family (4 or 6) ‖ address ‖ u16 port ‖ u8 weight`, for each of its addresses.
    package var encoded: [UInt8] {
        addresses.flatMap { id.rawValue.octets + EndpointCodec.encoded($0) + [weight] }
    }

    /// `u32 id ‖ boot`, once.
    package var encodedBoot: [UInt8] { id.rawValue.octets + boot.bytes }

    /// Bytes of ``encoded``.
    var encodedSize: Int { addresses.indices.reduce(0) { $0 + encodedSize(of: $1) } }

    /// Bytes that one of the addresses takes in ``encoded``.
    func encodedSize(of index: Int) -> Int { 4 + EndpointCodec.encodedSize(addresses[index]) + 1 }

    /// Reads both lists, which name the same controllers in the same order: CONTROLLERS each as often as it has
    /// addresses, one after the other, BOOTS once. Nil for anything else.
    package static func decode(_ list: [UInt8], boots: [UInt8]) -> [ControllerEntry]? {
        var reader = ByteReader(list)
        var bootReader = ByteReader(boots)
        var entries: [ControllerEntry] = []
        var total = 0
        while reader.remaining > 0 {
            guard let number: UInt32 = reader.read(), let id = ControllerID(number),
                let address = EndpointCodec.read(&reader), let weight: UInt8 = reader.read(),
                total < maximumAddressesInAll
            else { return nil }
            total += 1
            if let last = entries.last, last.id == id {
                guard last.weight == weight, last.addresses.count < maximumAddresses,
                    !last.addresses.contains(address)
                else { return nil }
                entries[entries.count - 1] = ControllerEntry(
                    id: id, boot: last.boot, distinct: last.addresses + [address], weight: weight)
                continue
            }
            guard entries.count < maximumCount, !entries.contains(where: { $0.id == id }),
                let bootOf: UInt32 = bootReader.read(), bootOf == number,
                let bootBytes = bootReader.read(count: 16), let boot = BootID(bootBytes)
            else { return nil }
            entries.append(ControllerEntry(id: id, boot: boot, distinct: [address], weight: weight))
        }
        return bootReader.remaining == 0 ? entries : nil
    }
}

/// An address with its port, as CONTROLLERS and MCAST have it: `u8 family (4 or 6) ‖ address ‖ u16 port`.
enum EndpointCodec {
    static func encoded(_ endpoint: SocketEndpoint) -> [UInt8] {
        let octets: [UInt8] =
            switch endpoint.address {
            case .v4(let v4): [4] + v4.rawValue.octets
            case .v6(let v6): [6] + v6.high.octets + v6.low.octets
            }
        return octets + endpoint.port.octets
    }

    static func encodedSize(_ endpoint: SocketEndpoint) -> Int {
        switch endpoint.address {
        case .v4: 7
        case .v6: 19
        }
    }

    static func read(_ reader: inout ByteReader) -> SocketEndpoint? {
        guard let family: UInt8 = reader.read() else { return nil }
        switch family {
        case 4:
            guard let value: UInt32 = reader.read(), let port: UInt16 = reader.read() else { return nil }
            return SocketEndpoint(.v4(IPv4Address(rawValue: value)), port: port)
        case 6:
            guard let high: UInt64 = reader.read(), let low: UInt64 = reader.read(), let port: UInt16 = reader.read()
            else { return nil }
            return SocketEndpoint(.v6(IPv6Address(high: high, low: low)), port: port)
        default: return nil
        }
    }

    /// Reads the value of MCAST.
    static func decode(_ bytes: [UInt8]) -> SocketEndpoint? {
        var reader = ByteReader(bytes)
        let endpoint = read(&reader)
        return reader.remaining == 0 ? endpoint : nil
    }
}
