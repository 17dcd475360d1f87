package import NetworkTypes
package import SUPnP

/// Something that happened at a group's controller.
package enum GroupControllerEvent: Hashable, Sendable {
    /// No chosen interface has an address at the moment; the controller waits for one.
    case noLinks
    /// Devices are registered at these addresses.
    case serving([SocketEndpoint])
    /// These addresses cannot be had: their ports are taken. Others are served, and these are tried again.
    case notBound([SocketEndpoint])
    /// The chosen interfaces have other addresses now.
    case moved([SocketEndpoint])
    /// The controller serves, and is not announced; with the reason.
    case notAnnounced(String)
    /// A device is a member, with this number.
    case joined(DeviceID, member: UInt32)
    /// A member is none any more.
    case departed(DeviceID, member: UInt32)
    /// The group is in this epoch; how many members it has, and how many of them are servers, which hold the keys.
    case epoch(UInt32, members: Int, servers: Int)
    /// A device did not prove that it knows its code.
    case unproven(DeviceID, from: SocketEndpoint)
}

/// How a controller and its group are.
package struct GroupControllerStatus: Hashable, Sendable {
    /// The group's last epoch.
    package let epoch: UInt32
    /// How many members there are.
    package let members: Int
    /// How many of them are servers.
    package let servers: Int
    /// How many devices are enrolled.
    package let devices: Int
    /// The services on offer: how many there are, each counted once for each server.
    package let offers: Int
    /// Where devices are registered.
    package let addresses: [SocketEndpoint]
}
