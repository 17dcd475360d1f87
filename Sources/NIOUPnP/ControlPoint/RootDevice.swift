public import NetworkTypes
public import UPnP

/// A root device that was discovered and whose description was read.
public struct RootDevice: Sendable, Hashable {
    /// The root's unique device name, `uuid:…`.
    public var udn: String
    /// Where the description was fetched: on-link, at the announcer's own address.
    public var location: HTTPURL
    /// The description.
    public var description: RootDescription
    /// What the description's relative URLs are resolved against.
    public var base: HTTPURL
    /// The interface that the device was heard on.
    public var interface: InterfaceAddress
    /// BOOTID.UPNP.ORG, when it was announced.
    public var bootID: UInt32?
    /// CONFIGID.UPNP.ORG, when it was announced.
    public var configID: UInt32?

    /// Makes a device of its parts.
    public init(
        udn: String, location: HTTPURL, description: RootDescription, base: HTTPURL, interface: InterfaceAddress,
        bootID: UInt32? = nil, configID: UInt32? = nil
    ) {
        self.udn = udn
        self.location = location
        self.description = description
        self.base = base
        self.interface = interface
        self.bootID = bootID
        self.configID = configID
    }
}

/// What a control point's picture of the network went through.
public enum DeviceChange: Sendable, Hashable {
    /// A device came, and its description was read.
    case appeared(RootDevice)
    /// Its address, its description or its BOOTID changed.
    case changed(RootDevice)
    /// It said byebye, or was not heard for its max-age.
    case disappeared(udn: String, reason: String)
}
