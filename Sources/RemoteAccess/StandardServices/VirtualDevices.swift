import AccessPolicy
import Crypto
import NIOUPnP
import NetworkTypes
package import UPnP

/// Why a virtual device cannot be made (RADAConfig:2 §2.4.3): 703, 704, 705.
package enum VirtualDeviceFailure: Error, Hashable, Sendable {
    case kind
    case udn(String)
    case description(String)
}

/// Devices that are made of the home's (RADAConfig:2 §2.3.5). They are part of the mirror and of nothing else: at home
/// their parts are there themselves.
///
/// A virtual device has a UDN of its own, and so has everything below it, because one UDN seen in two places
/// silences a mirror. Whoever is to use it must be permitted to use each part that it asks.
package enum VirtualDevices {
    /// How many there may be.
    package static let maximumCount = 32

    /// Whether the order can be done with what is at home.
    package static func check(
        _ order: VirtualDeviceDescription, udn: String, home: [KnownDevice]
    ) throws(VirtualDeviceFailure) {
        guard let kind = order.kind else { throw .kind }
        for part in order.parts where find(part.udn, home) == nil { throw .udn(part.udn) }
        let types = home.filter { device in order.parts.contains { same($0.udn, device.udn) } }.map(\.facts.deviceType)
        switch kind {
        case .merge:
            guard !order.rootDeviceType.isEmpty, types.allSatisfy({ isType($0, order.rootDeviceType) })
            else { throw .description("A MERGE has devices of the rootDeviceType and of no other.") }
        case .aggregate:
            guard order.parts.count >= 2, !order.rootDeviceType.isEmpty else {
                throw .description("An AGGREGATE has a rootDeviceType and at least two devices.")
            }
        case .filter:
            guard !order.parts.isEmpty, order.parts.allSatisfy({ !$0.allowedUSNs.isEmpty }) else {
                throw .description("A FILTER has at least one device, and an allowedUSN for each.")
            }
            guard order.parts.count == 1 || !order.rootDeviceType.isEmpty else {
                throw .description("A FILTER of several devices has a rootDeviceType.")
            }
        }
        // A MERGE of all devices of a type may begin without any.
        if kind == .merge, order.parts.isEmpty { return }
        guard make(order, udn: udn, home: home) != nil else { throw .description("Nothing would be left of it.") }
    }

    /// The device as it is with what is at home at the moment; nil while nothing of it is there.
    package static func make(_ order: VirtualDeviceDescription, udn: String, home: [KnownDevice]) -> KnownDevice? {
        guard let kind = order.kind else { return nil }
        let present = order.parts.compactMap { part in find(part.udn, home).map { (part, $0) } }
        let root: DeviceDescription
        let parts: [KnownDevice]
        switch kind {
        case .merge:
            // One of them answers for all: the first that is there, in the order of the list.
            let candidates =
                order.parts.isEmpty
                ? home.filter { $0.parts.isEmpty && isType($0.facts.deviceType, order.rootDeviceType) }
                    .sorted { $0.udn < $1.udn } : present.map(\.1)
            guard let member = candidates.first,
                var device = copy(member.device.description.device, of: member, below: udn, { _ in true })
            else { return nil }
            device.udn = udn
            (root, parts) = (device, [member])
        case .aggregate, .filter:
            let devices = present.compactMap { part, device in
                copy(device.device.description.device, of: device, below: udn) { usn in
                    kind == .aggregate || part.allowedUSNs.contains { same($0, usn) }
                }.map { ($0, device) }
            }
            guard let first = devices.first else { return nil }
            if kind == .filter, order.parts.count == 1 {
                var device = first.0
                device.udn = udn
                if !order.rootDeviceType.isEmpty { device.deviceType = order.rootDeviceType }
                root = device
            } else {
                root = DeviceDescription(
                    deviceType: order.rootDeviceType,
                    friendlyName: String(devices.map(\.0.friendlyName).joined(separator: " + ").prefix(63)),
                    manufacturer: "Latchkey", modelName: "Virtual device", udn: udn, devices: devices.map(\.0))
            }
            parts = devices.map(\.1)
        }
        guard let first = parts.first else { return nil }
        let device = RootDevice(
            udn: udn, location: first.device.location, description: RootDescription(device: root),
            base: first.device.location, interface: first.device.interface,
            maxAge: parts.map(\.device.maxAge).min() ?? 1_800, server: first.device.server)
        return KnownDevice(device, revision: 0, parts: parts)
    }

    /// A device with absolute URLs and UDNs of its own, and with what `keeps` keeps of it by USN; nil when that is
    /// nothing. What belongs to presentation stays away: a page would lead around the filter.
    private static func copy(
        _ device: DeviceDescription, of part: KnownDevice, below udn: String, _ keeps: (String) -> Bool
    ) -> DeviceDescription? {
        var result = device
        result.udn = derived(device.udn, below: udn)
        result.presentationURL = nil
        result.icons = device.icons.compactMap { icon in
            var icon = icon
            guard let url = part.device.resolve(icon.url) else { return nil }
            icon.url = url.description
            return icon
        }
        result.services = device.services.compactMap { service in
            guard keeps("\(device.udn)::\(service.serviceType)"),
                let control = part.device.resolve(service.controlURL), let scpd = part.device.resolve(service.scpdURL)
            else { return nil }
            var service = service
            service.controlURL = control.description
            service.scpdURL = scpd.description
            service.eventSubURL = part.device.resolve(service.eventSubURL)?.description ?? ""
            return service
        }
        result.devices = device.devices.compactMap { copy($0, of: part, below: udn, keeps) }
        let names = [device.udn, "\(device.udn)::\(device.deviceType)", "\(device.udn)::upnp:rootdevice"]
        let isKept = names.contains(where: keeps)
        return isKept || !result.services.isEmpty || !result.devices.isEmpty ? result : nil
    }

    /// A UDN that follows from the virtual device's and the part's: the same at each start.
    static func derived(_ part: String, below udn: String) -> String {
        var bytes = Array(SHA256.hash(data: Array("\(udn.lowercased())\n\(part.lowercased())".utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "uuid:" + [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
    }

    private static func find(_ udn: String, _ home: [KnownDevice]) -> KnownDevice? {
        home.first { $0.parts.isEmpty && same($0.udn, udn) }
    }

    private static func same(_ one: String, _ other: String) -> Bool { one.lowercased() == other.lowercased() }

    /// Whether a device of type `own` is of type `wanted`, in that version or a later one.
    private static func isType(_ own: String, _ wanted: String) -> Bool {
        guard case .type(let name, let version) = SearchTarget(own),
            case .type(let wantedName, let least) = SearchTarget(wanted)
        else { return own == wanted }
        return name == wantedName && version >= least
    }
}
