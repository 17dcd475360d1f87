/// The version of the UPnP device architecture that a description claims.
public struct SpecVersion: Hashable, Sendable {
    /// 1 or 2.
    public var major: Int
    /// 0 or 1.
    public var minor: Int

    /// Makes a version.
    public init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }
}

/// A device description document (UDA 2.0 §2.3).
///
/// Read leniently: namespaces are not compared, optional and even required texts may be missing, unknown
/// elements are ignored. Written strictly.
public struct RootDescription: Hashable, Sendable {
    /// The namespace of device descriptions.
    public static let namespace = "urn:schemas-upnp-org:device-1-0"

    /// The version claimed; 1.0 when there is none.
    public var specVersion: SpecVersion
    /// The configuration number, 0 to 16777215 for a device that follows the standard.
    public var configID: Int?
    /// What URLs are relative to, in place of the document's own URL; only UDA 1.0 devices have it.
    public var urlBase: String?
    /// The root device.
    public var device: DeviceDescription
    /// The document as read, with all vendors' elements, for a translator to rewrite and serialise.
    ///
    /// For a description that was not read it is the document that ``serialized()`` wrote at `init`; it does
    /// not follow later changes to the other properties.
    public let element: XMLElement

    /// Makes a description for a device of our own.
    public init(
        specVersion: SpecVersion = SpecVersion(major: 1, minor: 1), configID: Int? = nil, urlBase: String? = nil,
        device: DeviceDescription
    ) {
        self.specVersion = specVersion
        self.configID = configID
        self.urlBase = urlBase
        self.device = device
        element = DescriptionWriter.root(specVersion, configID: configID, urlBase: urlBase, device: device)
    }

    /// Parses a document.
    public init(
        parsing bytes: some Sequence<UInt8>, limits: DescriptionLimits = DescriptionLimits()
    ) throws(DescriptionError) {
        let element: XMLElement
        do { element = try XMLElement(parsing: bytes, limits: limits.xml) } catch { throw .xml(error) }
        try self.init(element, limits: limits)
    }

    /// Reads a document that is parsed already.
    public init(_ element: XMLElement, limits: DescriptionLimits = DescriptionLimits()) throws(DescriptionError) {
        guard element.name == "root" else { throw .unexpectedRoot(element.name) }
        guard let device = element.first("device") else { throw .missing("device") }
        var reader = DescriptionReader(limits: limits)
        let version = element.first("specVersion")
        specVersion = SpecVersion(
            major: version?.first("major").flatMap { Int($0.trimmedText) } ?? 1,
            minor: version?.first("minor").flatMap { Int($0.trimmedText) } ?? 0)
        configID = element.attribute("configId").flatMap { Int(XMLText.trimmed($0)) }
        urlBase = DescriptionReader.optional("URLBase", in: element)
        self.device = try reader.device(device)
        self.element = element
    }

    /// What the description's URLs are relative to: `URLBase`, or else where the document came from.
    ///
    /// The result is as hostile as the document is: check its host before connecting.
    public func base(from location: HTTPURL) -> HTTPURL {
        urlBase.flatMap { location.resolving($0) } ?? location
    }

    /// The document, written strictly from the properties; elements that we do not know are not in it.
    public func serialized() -> String {
        DescriptionWriter.root(specVersion, configID: configID, urlBase: urlBase, device: device).serialized()
    }
}

/// Reads devices out of elements and counts what it has read.
private struct DescriptionReader {
    let limits: DescriptionLimits
    private var devices = 0
    private var services = 0
    private var icons = 0

    init(limits: DescriptionLimits) { self.limits = limits }

    static func optional(_ name: String, in element: XMLElement) -> String? {
        guard let text = element.first(name)?.trimmedText, !text.isEmpty else { return nil }
        return text
    }

    private static func required(_ name: String, in element: XMLElement) -> String {
        optional(name, in: element) ?? ""
    }

    mutating func device(_ element: XMLElement) throws(DescriptionError) -> DeviceDescription {
        devices += 1
        guard devices <= limits.devices else { throw .tooMany("devices", limit: limits.devices) }
        guard let udn = Self.optional("UDN", in: element) else { throw .missing("UDN") }
        guard let deviceType = Self.optional("deviceType", in: element) else { throw .missing("deviceType") }
        var device = DeviceDescription(
            deviceType: deviceType,
            friendlyName: Self.required("friendlyName", in: element),
            manufacturer: Self.required("manufacturer", in: element),
            manufacturerURL: Self.optional("manufacturerURL", in: element),
            modelDescription: Self.optional("modelDescription", in: element),
            modelName: Self.required("modelName", in: element),
            modelNumber: Self.optional("modelNumber", in: element),
            modelURL: Self.optional("modelURL", in: element),
            serialNumber: Self.optional("serialNumber", in: element),
            udn: udn,
            upc: Self.optional("UPC", in: element),
            presentationURL: Self.optional("presentationURL", in: element))
        for icon in element.first("iconList")?.all("icon") ?? [] {
            icons += 1
            guard icons <= limits.icons else { throw .tooMany("icons", limit: limits.icons) }
            device.icons.append(Self.icon(icon))
        }
        for service in element.first("serviceList")?.all("service") ?? [] {
            services += 1
            guard services <= limits.services else { throw .tooMany("services", limit: limits.services) }
            // A service without a type cannot be addressed; the others can.
            if let service = Self.service(service) { device.services.append(service) }
        }
        for embedded in element.first("deviceList")?.all("device") ?? [] {
            device.devices.append(try self.device(embedded))
        }
        return device
    }

    private static func icon(_ element: XMLElement) -> IconDescription {
        IconDescription(
            mimeType: required("mimetype", in: element),
            width: max(0, Int(required("width", in: element)) ?? 0),
            height: max(0, Int(required("height", in: element)) ?? 0),
            depth: max(0, Int(required("depth", in: element)) ?? 0),
            url: required("url", in: element))
    }

    private static func service(_ element: XMLElement) -> ServiceDescription? {
        optional("serviceType", in: element).map { type in
            ServiceDescription(
                serviceType: type,
                serviceID: required("serviceId", in: element),
                scpdURL: required("SCPDURL", in: element),
                controlURL: required("controlURL", in: element),
                eventSubURL: required("eventSubURL", in: element))
        }
    }
}

/// Writes elements in the order of UDA 2.0 §2.3.
private enum DescriptionWriter {
    static func root(
        _ version: SpecVersion, configID: Int?, urlBase: String?, device: DeviceDescription
    ) -> XMLElement {
        var root = XMLElement(
            "root", namespaceURI: RootDescription.namespace,
            namespaceDeclarations: [XMLNamespaceDeclaration(uri: RootDescription.namespace)])
        if let configID { root.attributes = [XMLAttribute("configId", value: String(configID))] }
        root.children = [
            .element(
                parent(
                    "specVersion",
                    [leaf("major", String(version.major)), leaf("minor", String(version.minor))].compactMap { $0 }))
        ]
        if let base = leaf("URLBase", urlBase) { root.children.append(.element(base)) }
        root.children.append(.element(element(device)))
        return root
    }

    private static func leaf(_ name: String, _ text: String?) -> XMLElement? {
        text.map { XMLElement(name, namespaceURI: RootDescription.namespace, text: $0) }
    }

    private static func parent(_ name: String, _ children: [XMLElement]) -> XMLElement {
        XMLElement(name, namespaceURI: RootDescription.namespace, children: children.map(XMLNode.element))
    }

    private static func list(_ name: String, _ children: [XMLElement]) -> XMLElement? {
        children.isEmpty ? nil : parent(name, children)
    }

    private static func element(_ device: DeviceDescription) -> XMLElement {
        let children: [XMLElement?] = [
            leaf("deviceType", device.deviceType),
            leaf("friendlyName", device.friendlyName),
            leaf("manufacturer", device.manufacturer),
            leaf("manufacturerURL", device.manufacturerURL),
            leaf("modelDescription", device.modelDescription),
            leaf("modelName", device.modelName),
            leaf("modelNumber", device.modelNumber),
            leaf("modelURL", device.modelURL),
            leaf("serialNumber", device.serialNumber),
            leaf("UDN", device.udn),
            leaf("UPC", device.upc),
            list("iconList", device.icons.map(element)),
            list("serviceList", device.services.map(element)),
            list("deviceList", device.devices.map(element)),
            leaf("presentationURL", device.presentationURL),
        ]
        return parent("device", children.compactMap { $0 })
    }

    private static func element(_ icon: IconDescription) -> XMLElement {
        let children = [
            leaf("mimetype", icon.mimeType), leaf("width", String(icon.width)), leaf("height", String(icon.height)),
            leaf("depth", String(icon.depth)), leaf("url", icon.url),
        ]
        return parent("icon", children.compactMap { $0 })
    }

    private static func element(_ service: ServiceDescription) -> XMLElement {
        let children = [
            leaf("serviceType", service.serviceType), leaf("serviceId", service.serviceID),
            leaf("SCPDURL", service.scpdURL), leaf("controlURL", service.controlURL),
            leaf("eventSubURL", service.eventSubURL),
        ]
        return parent("service", children.compactMap { $0 })
    }
}
