/// A device in a description, with its services and embedded devices (UDA 2.0 §2.3).
///
/// Texts and URLs are as written, without white space around them. What a device left out is empty
/// where the standard requires it and nil where it does not.
public struct DeviceDescription: Hashable, Sendable {
    /// Such as `urn:schemas-upnp-org:device:MediaServer:1`.
    public var deviceType: String
    /// The name for people.
    public var friendlyName: String
    /// Who made it.
    public var manufacturer: String
    /// The maker's page.
    public var manufacturerURL: String?
    /// The model in a sentence.
    public var modelDescription: String?
    /// The model's name.
    public var modelName: String
    /// The model's number.
    public var modelNumber: String?
    /// The model's page.
    public var modelURL: String?
    /// The serial number.
    public var serialNumber: String?
    /// The unique device name, `uuid:…`.
    public var udn: String
    /// The universal product code.
    public var upc: String?
    /// Pictures of the device.
    public var icons: [IconDescription]
    /// The device's own services.
    public var services: [ServiceDescription]
    /// The devices embedded in this one.
    public var devices: [DeviceDescription]
    /// The device's page for people.
    public var presentationURL: String?
    /// What the description says beyond the standard, as written: elements of DLNA, of makers, of other
    /// standards. Written after all others.
    public var extensions: [XMLElement]

    /// Makes a description.
    public init(
        deviceType: String, friendlyName: String, manufacturer: String, manufacturerURL: String? = nil,
        modelDescription: String? = nil, modelName: String, modelNumber: String? = nil, modelURL: String? = nil,
        serialNumber: String? = nil, udn: String, upc: String? = nil, icons: [IconDescription] = [],
        services: [ServiceDescription] = [], devices: [DeviceDescription] = [], presentationURL: String? = nil,
        extensions: [XMLElement] = []
    ) {
        self.deviceType = deviceType
        self.friendlyName = friendlyName
        self.manufacturer = manufacturer
        self.manufacturerURL = manufacturerURL
        self.modelDescription = modelDescription
        self.modelName = modelName
        self.modelNumber = modelNumber
        self.modelURL = modelURL
        self.serialNumber = serialNumber
        self.udn = udn
        self.upc = upc
        self.icons = icons
        self.services = services
        self.devices = devices
        self.presentationURL = presentationURL
        self.extensions = extensions
    }

    /// The texts of extensions of that local name, in whatever namespace, without white space around them.
    public func extensionTexts(_ localName: String) -> [String] {
        extensions.filter { $0.name == localName }.map(\.trimmedText)
    }

    /// The classes of DLNA that the device claims, such as `DMS-1.50`: its `X_DLNADOC` elements.
    public var dlnaClasses: [String] {
        extensionTexts("X_DLNADOC").flatMap { $0.split(separator: ",").map(XMLText.trimmed) }.filter { !$0.isEmpty }
    }

    /// This device and all that are embedded in it, itself first, depth first.
    public var allDevices: [DeviceDescription] { [self] + devices.flatMap(\.allDevices) }
}

/// A service of a device; its URLs are as written, to be resolved against ``RootDescription/base(from:)``.
public struct ServiceDescription: Hashable, Sendable {
    /// Such as `urn:schemas-upnp-org:service:AVTransport:1`.
    public var serviceType: String
    /// Such as `urn:upnp-org:serviceId:AVTransport`; what tells two services of one type apart.
    public var serviceID: String
    /// Where the service's description is.
    public var scpdURL: String
    /// Where actions are posted to.
    public var controlURL: String
    /// Where subscriptions are made; empty when the service has no events.
    public var eventSubURL: String

    /// Makes a service.
    public init(serviceType: String, serviceID: String, scpdURL: String, controlURL: String, eventSubURL: String) {
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.scpdURL = scpdURL
        self.controlURL = controlURL
        self.eventSubURL = eventSubURL
    }
}

/// A picture of a device.
public struct IconDescription: Hashable, Sendable {
    /// The media type, such as `image/png`.
    public var mimeType: String
    /// In pixels; 0 when not told.
    public var width: Int
    /// In pixels; 0 when not told.
    public var height: Int
    /// Bits per pixel; 0 when not told.
    public var depth: Int
    /// Where the picture is, as written.
    public var url: String

    /// Makes an icon.
    public init(mimeType: String, width: Int, height: Int, depth: Int, url: String) {
        self.mimeType = mimeType
        self.width = width
        self.height = height
        self.depth = depth
        self.url = url
    }
}
