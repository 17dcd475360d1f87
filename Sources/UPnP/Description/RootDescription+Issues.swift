extension RootDescription {
    /// What in the description is against UDA 2.0 §2.3, in the order of the document; empty when nothing is.
    public var issues: [DescriptionIssue] {
        var check = DeviceCheck()
        if element.name == "root", element.namespaceURI != Self.namespace {
            check.add(.malformed, "root", "its namespace must be \(Self.namespace).")
        }
        if specVersion.major < 1 || specVersion.major > 2 {
            check.add(.malformed, "specVersion", "the version is 1.0, 1.1 or 2.0.")
        }
        if let configID, configID > 16_777_215 {
            check.add(.malformed, "configId", "the numbers of devices end at 16777215.")
        }
        if configID == nil, specVersion != SpecVersion(major: 1, minor: 0) {
            check.add(.missing, "configId", "required since version 1.1.")
        }
        if urlBase != nil, specVersion != SpecVersion(major: 1, minor: 0) {
            check.add(.deprecated, "URLBase", "not to be used since version 1.1.")
        }
        check.device(device, at: "device", isRoot: true)
        return check.issues
    }
}

/// Looks through a tree of devices.
private struct DeviceCheck {
    var issues: [DescriptionIssue] = []
    private var udns: Set<String> = []
    private var position = 0
    /// Control and event URLs, each of which belongs to one service.
    private var urls: Set<String> = []

    mutating func add(_ rule: DescriptionIssue.Rule, _ place: String, _ explanation: String) {
        issues.append(DescriptionIssue(rule, at: place, explanation))
    }

    mutating func device(_ device: DeviceDescription, at place: String, isRoot: Bool = false) {
        position += 1
        if !DescriptionForm.isType(device.deviceType, kind: "device") {
            add(.malformed, "\(place)/deviceType", "a type is urn:domain:device:Type:version.")
        }
        if !DescriptionForm.isUDN(device.udn) {
            add(.malformed, "\(place)/UDN", "a device's name is uuid: and a UUID.")
        }
        if !udns.insert(device.udn).inserted {
            add(.duplicate, "\(place)/UDN", "every device has a name of its own.")
        }
        texts(of: device, at: place)
        urls(of: device, at: place)
        icons(of: device, at: place)
        services(of: device, at: place)
        for embedded in device.devices { self.device(embedded, at: "device \(position + 1)") }
    }

    private mutating func texts(of device: DeviceDescription, at place: String) {
        let texts: [(name: String, text: String?, limit: Int, isRequired: Bool)] = [
            ("friendlyName", device.friendlyName, 63, true), ("manufacturer", device.manufacturer, 63, true),
            ("modelDescription", device.modelDescription, 127, false), ("modelName", device.modelName, 31, true),
            ("modelNumber", device.modelNumber, 31, false), ("serialNumber", device.serialNumber, 63, false),
        ]
        for (name, text, limit, isRequired) in texts {
            if isRequired, text?.isEmpty ?? true { add(.missing, "\(place)/\(name)", "required.") }
            if let text, text.count > limit {
                add(.tooLong, "\(place)/\(name)", "should have fewer than \(limit + 1) characters.")
            }
        }
        if let upc = device.upc, !DescriptionForm.isUPC(upc) {
            add(.malformed, "\(place)/UPC", "a product code has 12 digits.")
        }
    }

    private mutating func urls(of device: DeviceDescription, at place: String) {
        let urls = [
            ("manufacturerURL", device.manufacturerURL), ("modelURL", device.modelURL),
            ("presentationURL", device.presentationURL),
        ]
        for case (let name, let url?) in urls where !Self.isReference(url) {
            add(.unreachable, "\(place)/\(name)", "this is not a URL.")
        }
    }

    private mutating func icons(of device: DeviceDescription, at place: String) {
        for (index, icon) in device.icons.enumerated() {
            let place = "\(place)/icon \(index + 1)"
            if !icon.mimeType.hasPrefix("image/") {
                add(.malformed, "\(place)/mimetype", "the type of a picture is image/….")
            }
            if icon.width < 1 || icon.height < 1 || icon.depth < 1 {
                add(.missing, place, "width, height and depth are required.")
            }
            if icon.url.isEmpty || !Self.isReference(icon.url) {
                add(.unreachable, "\(place)/url", "this is not a URL.")
            }
        }
    }

    private mutating func services(of device: DeviceDescription, at place: String) {
        var identifiers: Set<String> = []
        for (index, service) in device.services.enumerated() {
            let place = "\(place)/service \(index + 1)"
            if !DescriptionForm.isType(service.serviceType, kind: "service") {
                add(.malformed, "\(place)/serviceType", "a type is urn:domain:service:Type:version.")
            }
            if service.serviceID.isEmpty {
                add(.missing, "\(place)/serviceId", "required; it tells services of one type apart.")
            } else if !DescriptionForm.isServiceID(service.serviceID) {
                add(.malformed, "\(place)/serviceId", "an identifier is urn:domain:serviceId:ID.")
            }
            if !service.serviceID.isEmpty, !identifiers.insert(service.serviceID).inserted {
                add(.duplicate, "\(place)/serviceId", "every service of a device has an identifier of its own.")
            }
            for (name, url) in [("SCPDURL", service.scpdURL), ("controlURL", service.controlURL)] {
                if url.isEmpty || !Self.isReference(url) { add(.unreachable, "\(place)/\(name)", "this is not a URL.") }
            }
            // An empty eventSubURL says that the service has no events.
            if !Self.isReference(service.eventSubURL) {
                add(.unreachable, "\(place)/eventSubURL", "this is not a URL.")
            }
            for (name, url) in [("controlURL", service.controlURL), ("eventSubURL", service.eventSubURL)]
            where !url.isEmpty && !urls.insert("\(name) \(url)").inserted {
                add(.duplicate, "\(place)/\(name)", "another service has this URL too.")
            }
        }
    }

    /// Whether a control point makes a URL of the text, wherever the description came from.
    private static func isReference(_ text: String) -> Bool {
        text.isEmpty || URLParts(text) != nil && HTTPURL("http://10.0.0.1/")?.resolving(text) != nil
    }
}
