import NetworkTypes

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
/// Read leniently: namespaces are not compared, optional and even required texts may be missing, elements
/// beyond the standard are kept but not needed, markup that is only slightly wrong is repaired. Written
/// strictly; ``issues`` tells what is still against the standard.
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
    /// The document as read, if it is kept.
    private var document: XMLElement?

    /// The document as read, with all vendors' elements, for a translator to rewrite and serialise.
    ///
    /// For a description that was not read, and for one ``withoutDocument()``, it is made of the other
    /// properties.
    public var element: XMLElement {
        document ?? DescriptionWriter.root(specVersion, configID: configID, urlBase: urlBase, device: device)
    }

    /// The same description without the document that it was read from, which takes several times its memory.
    public func withoutDocument() -> RootDescription {
        var description = self
        description.document = nil
        return description
    }

    /// Makes a description for a device of our own.
    public init(
        specVersion: SpecVersion = SpecVersion(major: 1, minor: 1), configID: Int? = nil, urlBase: String? = nil,
        device: DeviceDescription
    ) {
        self.specVersion = specVersion
        self.configID = configID
        self.urlBase = urlBase
        self.device = device
    }

    /// Parses a document.
    public init(
        parsing bytes: some Sequence<UInt8>, limits: DescriptionLimits = DescriptionLimits()
    ) throws(DescriptionError) {
        let element: XMLElement
        do { element = try XMLElement(repairing: bytes, limits: limits.xml) } catch { throw .xml(error) }
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
        configID = element.attribute("configId").flatMap { Int(XMLText.trimmed($0)) }.flatMap { $0 < 0 ? nil : $0 }
        urlBase = DescriptionReader.optional("URLBase", in: element)
        self.device = try reader.device(device)
        document = element
    }

    /// What the description's URLs are relative to: `URLBase`, or else where the document came from.
    ///
    /// A `URLBase` whose host cannot be the device is ignored: a name, or an address of no other host such as
    /// `localhost` and `0.0.0.0`, both seen in gateways. The result is as hostile as the document is: check its
    /// host before connecting.
    public func base(from location: HTTPURL) -> HTTPURL {
        guard let urlBase, let base = location.resolving(URLRepair.repaired(urlBase)), let address = base.ipAddress,
            address.isUnicastHost || address == location.ipAddress
        else { return location }
        return base
    }

    /// Resolves a URL of the description; nil when it is empty or none of ours.
    ///
    /// Lenient: white space around it is dropped, and characters that a URL cannot hold are percent-encoded.
    public func url(_ reference: String, from location: HTTPURL) -> HTTPURL? {
        let reference = URLRepair.repaired(reference)
        return reference.isEmpty ? nil : base(from: location).resolving(reference)
    }

    /// The document, written strictly from the properties.
    public func serialized() -> String {
        DescriptionWriter.root(specVersion, configID: configID, urlBase: urlBase, device: device).serialized()
    }
}

extension RootDescription {
    /// Whether both say the same, in what they were read from too.
    public static func == (left: RootDescription, right: RootDescription) -> Bool {
        left.specVersion == right.specVersion && left.configID == right.configID && left.urlBase == right.urlBase
            && left.device == right.device
            && (left.document == right.document || left.element == right.element)
    }

    /// By what every description has.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(configID)
        hasher.combine(urlBase)
        hasher.combine(device)
    }
}
