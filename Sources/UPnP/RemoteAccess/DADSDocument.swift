/// A document of the namespace `urn:schemas-upnp-org:ra:dads`: what RADAConfig and RADASync say in their arguments
/// (RADAConfig:2 §2.3, RADASync:2 §2.3). One child in each.
package enum DADSDocument: Hashable, Sendable {
    /// The argument of EditFilter.
    case filterList([RADAFilter])
    /// The variable SystemInfo.
    case systemInfo(RADASystemInfo)
    /// What AddRemoteDevices and RemoveRemoteDevices carry.
    case deviceInfoList([RADADeviceInfo])
    /// What CreateVirtualDevice makes.
    case virtualDevice(VirtualDeviceDescription)
    /// What GetVirtualDevices lists.
    case virtualDeviceList([ListedVirtualDevice])

    /// The namespace.
    package static let namespace = "urn:schemas-upnp-org:ra:dads"

    /// Reads a document. Lenient where the conformance documents are: see `RADAText`; unknown attributes and
    /// elements are passed over.
    package init(parsing bytes: some Sequence<UInt8>) throws(RemoteAccessDocumentError) {
        let root: XMLElement
        do throws(XMLError) {
            root = try XMLElement(parsing: bytes, limits: RemoteAccessDocumentLimits.xml)
        } catch { throw .xml(error) }
        guard root.name == "dads" else { throw .otherDocument(root.name) }
        guard root.elements.count == 1, let child = root.elements.first else { throw .missing("one child of dads") }
        switch child.name {
        case "filterList":
            self = .filterList(
                try Self.list(child, "filter", at: RemoteAccessDocumentLimits.networks) {
                    (element) throws(RemoteAccessDocumentError) in try RADAFilter(element)
                })
        case "systemInfo": self = .systemInfo(try RADASystemInfo(child))
        case "deviceInfoList": self = .deviceInfoList(try Self.devices(child))
        case "virtualDevice": self = .virtualDevice(try VirtualDeviceDescription(child))
        case "virtualDeviceList":
            self = .virtualDeviceList(
                try Self.list(child, "virtualDevice", at: RemoteAccessDocumentLimits.devices) {
                    (element) throws(RemoteAccessDocumentError) in try ListedVirtualDevice(element)
                })
        default: throw .otherDocument(child.name)
        }
    }

    /// The document, as it travels (escaped) in an argument.
    package func serialized() -> String {
        let child =
            switch self {
            case .filterList(let filters): Self.element("filterList", [], filters.map(\.element))
            case .systemInfo(let info): info.element
            case .deviceInfoList(let devices): Self.element("deviceInfoList", [], devices.map(\.element))
            case .virtualDevice(let device): device.element
            case .virtualDeviceList(let devices): Self.element("virtualDeviceList", [], devices.map(\.element))
            }
        return Self.element("dads", [], [child]).serialized(declaration: false)
    }

    static func element(
        _ name: String, _ attributes: [XMLAttribute] = [], _ children: [XMLElement] = []
    ) -> XMLElement {
        XMLElement(name, namespaceURI: namespace, attributes: attributes, children: children.map { .element($0) })
    }

    static func element(_ name: String, text: String) -> XMLElement {
        XMLElement(name, namespaceURI: namespace, text: text)
    }

    static func devices(_ element: XMLElement) throws(RemoteAccessDocumentError) -> [RADADeviceInfo] {
        try list(element, "deviceInfo", at: RemoteAccessDocumentLimits.devices) {
            (element) throws(RemoteAccessDocumentError) in try RADADeviceInfo(element)
        }
    }

    static func list<Value>(
        _ element: XMLElement, _ name: String, at most: Int,
        _ read: (XMLElement) throws(RemoteAccessDocumentError) -> Value
    ) throws(RemoteAccessDocumentError) -> [Value] {
        let children = element.all(name)
        guard children.count <= most else { throw .tooMuch(name) }
        var values: [Value] = []
        for child in children { values.append(try read(child)) }
        return values
    }
}

/// Who may see a device that is, or is not, in a list (RADAConfig:2 §2.7.2).
package enum RADAControlMode: String, Hashable, Sendable, CaseIterable {
    /// Only what is listed.
    case allowList
    /// Everything but what is listed.
    case denyList
}

/// `filter`: a change of the filters of one RADA.
package struct RADAFilter: Hashable, Sendable {
    /// `updateType`.
    package enum Update: String, Hashable, Sendable, CaseIterable {
        case add
        case edit
        case delete
    }

    /// The RADA that it is for: the own one for export, a remote one for import.
    package var target: String
    package var controlMode: RADAControlMode
    package var update: Update
    /// The root devices; none where `target` is a remote RADA.
    package var devices: [RADADeviceInfo]

    /// Makes a filter.
    package init(target: String, controlMode: RADAControlMode, update: Update, devices: [RADADeviceInfo] = []) {
        self.target = target
        self.controlMode = controlMode
        self.update = update
        self.devices = devices
    }

    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let target = element.attribute("target").flatMap(RADAText.uuid) else { throw .missing("filter@target") }
        guard let mode = element.attribute("controlMode").flatMap({ RADAControlMode(rawValue: XMLText.trimmed($0)) })
        else { throw .invalid("filter@controlMode") }
        guard let update = element.attribute("updateType").flatMap({ Update(rawValue: XMLText.trimmed($0)) })
        else { throw .invalid("filter@updateType") }
        self.target = target
        self.controlMode = mode
        self.update = update
        self.devices = try DADSDocument.devices(element)
    }

    var element: XMLElement {
        DADSDocument.element(
            "filter",
            [
                XMLAttribute("target", value: target), XMLAttribute("controlMode", value: controlMode.rawValue),
                XMLAttribute("updateType", value: update.rawValue),
            ], devices.map(\.element))
    }
}
