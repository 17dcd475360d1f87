public import NIOCore
import UPnP

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
    /// The maker's page.
    public var manufacturerURL: String?
    /// The model's page.
    public var modelURL: String?
    /// The serial number.
    public var serialNumber: String?
    /// The universal product code.
    public var upc: String?
    /// The language of the texts above, such as `en`; nil where it does not matter.
    public var language: String?
    /// The texts in other languages, by their tags, such as `de`: who asks for one with `Accept-Language` is
    /// described the device in it (UDA 2.0 §2.11). Embedded devices without it keep theirs.
    public var translations: [String: HostedTexts] = [:]
    /// The page for people.
    public var presentation = HostedPresentation.page
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

/// The texts of a device in one language; what is nil stays as it is.
public struct HostedTexts: Hashable, Sendable {
    /// The name for people.
    public var friendlyName: String?
    /// Who made it.
    public var manufacturer: String?
    /// The model's name.
    public var modelName: String?
    /// The model in a sentence.
    public var modelDescription: String?

    /// Makes texts.
    public init(
        friendlyName: String? = nil, manufacturer: String? = nil, modelName: String? = nil,
        modelDescription: String? = nil
    ) {
        self.friendlyName = friendlyName
        self.manufacturer = manufacturer
        self.modelName = modelName
        self.modelDescription = modelDescription
    }
}

/// What is at a device's presentation URL (UDA 2.0 §5).
public enum HostedPresentation: Sendable {
    /// A page that shows the device, its services and their present state, and changes nothing. Embedded devices
    /// are on the page of their root device.
    case page
    /// Nothing.
    case none
    /// A page elsewhere.
    case url(String)
    /// A page of one's own, for GET and HEAD.
    ///
    /// Requests with an `Origin` are refused before they come here, and the path is random; a page must change
    /// nothing, all the same.
    case own(@Sendable (HTTPServerExchange) async throws -> Void)
}

extension HostedDevice {
    /// Whether the device itself has the service DeviceProtection; what is embedded in it is then protected with it.
    var isProtected: Bool {
        services.contains {
            guard case .type(let name, _) = SearchTarget($0.serviceType) else { return false }
            return name == "urn:schemas-upnp-org:service:DeviceProtection"
        }
    }

    /// The languages of this device and those embedded in it, besides its own, in the order of their tags.
    var languages: [String] {
        var all = Set(translations.keys)
        for device in devices { all.formUnion(device.languages) }
        if let language { all.remove(language) }
        return all.sorted()
    }

    /// The device in a language, without what has a URL.
    func description(in language: String?) -> DeviceDescription {
        let texts = language.flatMap { translations[$0] }
        return DeviceDescription(
            deviceType: deviceType, friendlyName: texts?.friendlyName ?? friendlyName,
            manufacturer: texts?.manufacturer ?? manufacturer, manufacturerURL: manufacturerURL,
            modelDescription: texts?.modelDescription ?? modelDescription, modelName: texts?.modelName ?? modelName,
            modelNumber: modelNumber, modelURL: modelURL, serialNumber: serialNumber, udn: udn, upc: upc
        )
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
    /// The last part of its path, such as `snapshot.jpg`; unique within its root device. With a slash at its end,
    /// such as `photos/`, everything below it belongs to the resource.
    public var name: String
    /// Answers GET and HEAD.
    public var handler: @Sendable (HTTPServerExchange) async throws -> Void

    /// Makes a resource.
    public init(name: String, handler: @escaping @Sendable (HTTPServerExchange) async throws -> Void) {
        self.name = name
        self.handler = handler
    }
}
