/// Reads devices out of elements and counts what it has read.
struct DescriptionReader {
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
            presentationURL: Self.optional("presentationURL", in: element),
            extensions: element.elements.filter { !Self.standard.contains($0.name) })
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
            // An embedded device without a name or type cannot be addressed; the others can.
            guard Self.optional("UDN", in: embedded) != nil, Self.optional("deviceType", in: embedded) != nil else {
                continue
            }
            device.devices.append(try self.device(embedded))
        }
        return device
    }

    private static let standard: Set<String> = [
        "deviceType", "friendlyName", "manufacturer", "manufacturerURL", "modelDescription", "modelName", "modelNumber",
        "modelURL", "serialNumber", "UDN", "UPC", "presentationURL", "iconList", "serviceList", "deviceList",
    ]

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
