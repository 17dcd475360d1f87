/// What policy needs to know of a device.
///
/// Its types and names are taken apart when it is made, once for all decisions about the device.
package struct DeviceFacts: Hashable, Sendable {
    /// The unique device name of the root device.
    package let udn: String
    /// The friendly name of the root device.
    package let name: String
    /// The type of the root device, as its description has it.
    package let deviceType: String
    /// The types of its embedded devices, at every depth.
    package let embeddedTypes: [String]
    /// The types of all its services, those of embedded devices too.
    package let serviceTypes: [String]

    let forms: DeviceForms

    /// Makes facts.
    package init(
        udn: String, name: String = "", deviceType: String, embeddedTypes: [String] = [], serviceTypes: [String] = []
    ) {
        self.udn = udn
        self.name = name
        self.deviceType = deviceType
        self.embeddedTypes = embeddedTypes
        self.serviceTypes = serviceTypes
        self.forms = DeviceForms(
            udn: udn, name: name, deviceType: deviceType, embeddedTypes: embeddedTypes, serviceTypes: serviceTypes)
    }

    /// Whether the texts are the same; the rest follows from them.
    package static func == (left: DeviceFacts, right: DeviceFacts) -> Bool {
        left.udn == right.udn && left.name == right.name && left.deviceType == right.deviceType
            && left.embeddedTypes == right.embeddedTypes && left.serviceTypes == right.serviceTypes
    }

    /// Hashes the texts.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(udn)
        hasher.combine(name)
        hasher.combine(deviceType)
        hasher.combine(embeddedTypes)
        hasher.combine(serviceTypes)
    }
}

/// A device's texts as rules look at them.
final class DeviceForms: Sendable {
    /// The UDN in lower case without `uuid:`.
    let udn: String
    /// The friendly name in lower case, as much of it as counts.
    let name: [Unicode.Scalar]
    /// The root's type and those of embedded devices that can be read; empty when the root's cannot be, for such a
    /// device is nobody's.
    let types: [TypeName]
    /// The types of embedded devices, as written and as read.
    let embedded: [(text: String, type: TypeName?)]
    /// Each type of service once.
    let services: [ServiceForm]
    /// The first type in it that keeps the whole device from being given to anybody.
    let forbidden: String?

    init(udn: String, name: String, deviceType: String, embeddedTypes: [String], serviceTypes: [String]) {
        self.udn = Self.foldedUDN(udn)
        self.name = NamePattern.fold(name)
        let root = TypeName(deviceType)
        let embedded = embeddedTypes.map { (text: $0, type: TypeName($0)) }
        self.embedded = embedded
        self.types =
            root.map { root in root.kind == .device ? [root] + embedded.compactMap(\.type) : [] } ?? []
        var seen: Set<String> = []
        self.services = serviceTypes.filter { seen.insert($0).inserted }.map(ServiceForm.init)
        self.forbidden =
            root.map(ForbiddenTypes.contains) ?? false
            ? deviceType
            : embedded.first { $0.type.map(ForbiddenTypes.contains) ?? false }?.text
                ?? serviceTypes.first(where: ForbiddenTypes.forbidsDevice)
    }

    /// A service type as a request has it: most often one of the device's own.
    func service(_ text: String) -> ServiceForm { services.first { $0.text == text } ?? ServiceForm(text) }

    static func foldedUDN(_ udn: String) -> String {
        let udn = udn.lowercased()
        return udn.hasPrefix("uuid:") ? String(udn.dropFirst(5)) : udn
    }
}

/// A service type as written and as read.
final class ServiceForm: Sendable {
    let text: String
    /// Nil for what is no type.
    let type: TypeName?
    /// Whether nobody is given it.
    let isForbidden: Bool

    init(_ text: String) {
        self.text = text
        self.type = TypeName(text)
        self.isForbidden = type.map(ForbiddenTypes.contains) ?? false
    }
}
