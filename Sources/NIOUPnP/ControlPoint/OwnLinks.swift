import NetworkTypes
import UPnP

/// The links that a control point works on, and which of them leads to an address.
struct OwnLinks: Sendable {
    /// What the links are called in errors.
    let name: String
    /// The own addresses on them at this moment.
    let current: @Sendable () throws -> [InterfaceAddress]

    init(name: String, current: @escaping @Sendable () throws -> [InterfaceAddress]) {
        self.name = name
        self.current = current
    }

    /// The links of the selected interfaces.
    ///
    /// - Parameter live: The links that are followed already; while there are none, interfaces are listed.
    init(
        _ selection: InterfaceSelection, families: AddressFamilies, live: @escaping @Sendable () -> [InterfaceAddress]
    ) {
        let name =
            switch selection {
            case .named(let names): names.joined(separator: ", ")
            case .privateNetworks: "a private network of this host"
            }
        self.init(name: name) {
            let links = live()
            guard links.isEmpty else { return links }
            let all = try NetworkInterface.all()
            // Nothing is discovered on loopback, but a device there can be named by its URL.
            let loopback = all.filter { $0.isLoopback && selection.includes($0) }.flatMap(\.addresses)
            return selection.links(of: all, families: families)
                + loopback.filter { families.includes($0.address) }
        }
    }

    /// The link that an `http` URL is reached over, and the endpoint to connect to.
    ///
    /// A link-local IPv6 address is on every interface's link, so that only `heard` tells which is meant.
    /// - Parameter heard: The link that heard the device, which is preferred.
    /// - Throws: ``ControlPointError`` for what is on no link of ours (upnp.md §4.2 rule 9).
    func link(
        to url: HTTPURL, heard: InterfaceAddress? = nil, named interface: String? = nil
    ) throws -> (link: InterfaceAddress, peer: SocketEndpoint) {
        guard url.scheme == "http", let address = url.ipAddress else {
            throw ControlPointError(.notAddressable, "\(url) is not an http URL with a literal address.")
        }
        let links = try current().filter {
            $0.isOnLink(address) && (interface == nil || $0.interface == interface)
        }
        let link: InterfaceAddress
        if let heard, let same = links.first(where: { $0 == heard }) ?? links.first(where: { $0.index == heard.index })
        {
            link = same
        } else if let first = links.first {
            guard Set(links.map(\.index)).count == 1 || !address.needsInterface else {
                let names = links.map(\.interface).joined(separator: ", ")
                throw ControlPointError(
                    .notAddressable,
                    "\(url) has a link-local address, which may be on any of \(names): name one interface."
                )
            }
            link = first
        } else {
            throw ControlPointError(.notAddressable, "\(url) is not on the link of \(name).")
        }
        return (link, SocketEndpoint(address, port: url.port, zone: link.index))
    }

    /// How an announced device is reached: its URL, the link, and the endpoint to connect to.
    ///
    /// A LOCATION counts when its host is the announcer's own address. An IPv6 host announces from one of its
    /// addresses and may mean another, which must be on-link at the same interface (UDA 2.0 annex A).
    /// - Throws: ``ControlPointError`` for every other LOCATION (upnp.md §4.2 rule 9).
    func way(
        to device: DiscoveredDevice
    ) throws -> (location: HTTPURL, link: InterfaceAddress, peer: SocketEndpoint) {
        guard let location = HTTPURL(device.location), location.scheme == "http", let address = location.ipAddress,
            address == address.unmapped, address.isUnicastHost || device.interface.address.isLoopback
        else {
            throw ControlPointError(
                .notAddressable,
                "\(device.source) announces “\(device.location)”, which is not an http URL with an address to reach."
            )
        }
        var link: InterfaceAddress?
        if address == device.source.unmapped, device.interface.isOnLink(address) {
            link = device.interface
        } else if case .v6 = address, case .v6 = device.interface.address {
            link = try current().first { $0.index == device.interface.index && $0.isOnLink(address) }
        }
        guard let link else {
            throw ControlPointError(
                .notAddressable, "\(device.source) announces \(location), which is not at its own address."
            )
        }
        return (location, link, SocketEndpoint(address, port: location.port, zone: link.index))
    }
}

extension IPAddress {
    /// Whether the address alone does not tell the interface: link-local IPv6.
    var needsInterface: Bool { if case .v6(let address) = self { address.isLinkLocal } else { false } }
}
