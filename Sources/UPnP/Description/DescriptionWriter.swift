/// Writes elements in the order of UDA 2.0 §2.3.
enum DescriptionWriter {
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
        return parent("device", children.compactMap { $0 } + device.extensions)
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
