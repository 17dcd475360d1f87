package import NetworkTypes

/// A controller as members are told of it: where it is, and which process (CONTROLLERS and BOOTS).
package struct ControllerEntry: Hashable, Sendable {
    /// Its number.
    package let id: ControllerID
    /// Its process.
    package let boot: BootID
    /// Where it receives unicast.
    package let address: SocketEndpoint
    /// The more, the more members choose it.
    package let weight: UInt8

    /// The most controllers of a group.
    package static let maximumCount = 16

    /// Describes a controller.
    package init(id: ControllerID, boot: BootID, address: SocketEndpoint, weight: UInt8 = 1) {
        self.id = id
        self.boot = boot
        self.address = address
        self.weight = weight
    }

    /// `u32 id ‖ u8 family (4 or 6) ‖ address ‖ u16 port ‖ u8 weight`.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: id.rawValue)
        switch address.address {
        case .v4(let v4):
            bytes.append(4)
            bytes.append(bigEndian: v4.rawValue)
        case .v6(let v6):
            bytes.append(6)
            bytes.append(bigEndian: v6.high)
            bytes.append(bigEndian: v6.low)
        }
        bytes.append(bigEndian: address.port)
        bytes.append(weight)
        return bytes
    }

    /// Reads both lists, which name the same controllers in the same order; nil for anything else.
    static func decode(_ list: [UInt8], boots: [UInt8]) -> [ControllerEntry]? {
        var reader = ByteReader(list)
        var bootReader = ByteReader(boots)
        var entries: [ControllerEntry] = []
        while reader.remaining > 0 {
            guard let number: UInt32 = reader.read(), let id = ControllerID(number),
                let address = address(&reader), let port: UInt16 = reader.read(), let weight: UInt8 = reader.read(),
                let bootOf: UInt32 = bootReader.read(), bootOf == number,
                let bootBytes = bootReader.read(count: 16), let boot = BootID(bootBytes),
                entries.count < maximumCount, !entries.contains(where: { $0.id == id })
            else { return nil }
            entries.append(
                ControllerEntry(id: id, boot: boot, address: SocketEndpoint(address, port: port), weight: weight))
        }
        return bootReader.remaining == 0 ? entries : nil
    }

    private static func address(_ reader: inout ByteReader) -> IPAddress? {
        guard let family: UInt8 = reader.read() else { return nil }
        switch family {
        case 4:
            guard let value: UInt32 = reader.read() else { return nil }
            return .v4(IPv4Address(rawValue: value))
        case 6:
            guard let high: UInt64 = reader.read(), let low: UInt64 = reader.read() else { return nil }
            return .v6(IPv6Address(high: high, low: low))
        default: return nil
        }
    }
}
