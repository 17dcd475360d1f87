public import NIOCore

/// A device that a `DeviceHost` hosts: what its description says, and what stands behind it.
public struct HostedDevice: Sendable {
    /// `uuid:…`; random and kept for the device's life.
    public var udn: String
    /// Such as `urn:schemas-upnp-org:device:DimmableLight:1`.
    public var deviceType: String
    /// The name for people.
    public var friendlyName: String
    /// Who made it.
    public var manufacturer: String
    /// The model's name.
    public var modelName: String
    /// The model in a sentence.
    public var modelDescription: String?
    /// The model's number.
    public var modelNumber: String?
    /// What the device can do.
    public var services: [HostedService]
    /// Pictures of the device.
    public var icons: [HostedIcon]
    /// Further things to fetch from the device; actions name their URLs.
    public var resources: [HostedResource]
    /// Devices inside this one.
    public var devices: [HostedDevice]

    /// Makes a device.
    public init(
        udn: String, deviceType: String, friendlyName: String, manufacturer: String, modelName: String,
        modelDescription: String? = nil, modelNumber: String? = nil, services: [HostedService] = [],
        icons: [HostedIcon] = [], resources: [HostedResource] = [], devices: [HostedDevice] = []
    ) {
        self.udn = udn
        self.deviceType = deviceType
        self.friendlyName = friendlyName
        self.manufacturer = manufacturer
        self.modelName = modelName
        self.modelDescription = modelDescription
        self.modelNumber = modelNumber
        self.services = services
        self.icons = icons
        self.resources = resources
        self.devices = devices
    }
}

/// A picture of a hosted device.
public struct HostedIcon: Sendable {
    /// The media type, such as `image/png`.
    public var mimeType: String
    /// In pixels.
    public var width: Int
    /// In pixels.
    public var height: Int
    /// Bits per pixel.
    public var depth: Int
    /// The picture.
    public var bytes: ByteBuffer

    /// Makes an icon.
    public init(mimeType: String, width: Int, height: Int, depth: Int, bytes: ByteBuffer) {
        self.mimeType = mimeType
        self.width = width
        self.height = height
        self.depth = depth
        self.bytes = bytes
    }
}

/// Something to fetch from a hosted device, at a URL that nobody can guess.
public struct HostedResource: Sendable {
    /// The last part of its path, such as `snapshot.jpg`; unique within its root device.
    public var name: String
    /// Answers GET and HEAD.
    public var handler: @Sendable (HTTPServerExchange) async throws -> Void

    /// Makes a resource.
    public init(name: String, handler: @escaping @Sendable (HTTPServerExchange) async throws -> Void) {
        self.name = name
        self.handler = handler
    }
}
