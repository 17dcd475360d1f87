import NIOUPnP
package import NetworkTypes
import UPnP

/// A group's controller as its announcement describes it. Everything in it is a hint: only a registration shows who
/// the controller is.
package struct FoundController: Hashable, Sendable {
    /// The root device's UDN.
    package let udn: String
    /// Where registrations go.
    package let keyManager: SocketEndpoint
    /// The group's identifier, 32 hexadecimal digits in lower case; empty if the controller does not say.
    package let groupID: String

    /// A controller at an address.
    package init(udn: String, keyManager: SocketEndpoint, groupID: String) {
        self.udn = udn
        self.keyManager = keyManager
        self.groupID = groupID
    }

    /// Reads the answer of `GetEndpoints`; nil when it names no port of a key manager. The host is the one that was
    /// asked, whatever the answer says.
    init?(_ values: [String: String], udn: String, at host: IPAddress, on link: InterfaceAddress) {
        guard let port = values["KeyManagerPort"].flatMap({ UInt16($0) }), port > 0 else { return nil }
        let group = values["GroupID"]?.lowercased() ?? ""
        let isIdentifier = group.utf8.count == 32 && group.allSatisfy(\.isHexDigit)
        self.init(
            udn: udn, keyManager: SocketEndpoint(host, port: port, zone: link.index),
            groupID: isIdentifier ? group : "")
    }
}

/// What is looked at to find a controller: where an announcement says that its description is.
struct ControllerAdvert: Hashable, Sendable {
    /// The root device's UDN.
    let udn: String
    /// Where its description is: at the announcer's own address.
    let location: HTTPURL
    /// The link that heard it.
    let link: InterfaceAddress
    /// The host in `location`.
    let host: IPAddress

    /// Takes what was heard; nil when it is no announcement of a controller that may be followed: its LOCATION is at
    /// the announcer's own address, or for IPv6 at a neighbour's on the same interface (UDA 2.0 annex A).
    init?(_ observation: SSDPObservation) {
        let announcement: SSDPAnnouncement
        switch observation.message {
        case .alive(let alive): announcement = alive
        case .response(let response): announcement = response
        case .byebye, .update, .search: return nil
        }
        let link = observation.interface
        guard SearchTarget(announcement.target) == ControllerFinder.target,
            let location = HTTPURL(announcement.location), location.scheme == "http", let host = location.ipAddress,
            host == host.unmapped
        else { return nil }
        if host != observation.source.address.unmapped {
            guard case .v6 = host, link.isOnLink(host) else { return nil }
        }
        udn = announcement.usn.udn
        self.location = location
        self.link = link
        self.host = host
    }
}
