import NIOCore
import NetworkTypes
public import UPnP

/// Which path leads to what: built once with random paths, so that a page in somebody's browser cannot guess a
/// control URL (upnp.md §4.2 rule 12).
struct HostRoutes: Sendable {
    enum Route: Sendable {
        case document(HostedDocument)
        case icon(HostedIcon)
        case control(HostedService, root: Int, udn: String)
        case events(HostedService)
        case resource(HostedResource)
        case presentation(root: Int)
    }

    /// A root device and where its description is.
    struct Root: Sendable {
        let device: HostedDevice
        let description: DeviceDescription
        let path: String
        let configID: UInt32
        /// Paths of the resources, by name.
        let resources: [String: String]
    }

    private var routes: [String: Route] = [:]
    private(set) var roots: [Root] = []
    /// The services, with the UDNs of their devices.
    private(set) var services: [(service: HostedService, udn: String)] = []

    /// What a path, without its query, leads to.
    func route(_ path: Substring) -> Route? {
        if let route = routes[String(path)] { return route }
        // `/token/name/…`: what is below a resource whose name ends with a slash is its own affair.
        var slashes = 0
        guard
            let end = path.firstIndex(where: {
                if $0 == "/" { slashes += 1 }; return slashes == 3
            })
        else { return nil }
        return routes[String(path[...end])]
    }

    /// - Parameter token: A part of a path that nobody can guess, for what it leads to; the same for the same.
    init(_ devices: [HostedDevice], token: (String) -> String) {
        for device in devices {
            var builder = Builder(root: roots.count)
            let texts = device.languages.isEmpty ? [nil] : [device.language] + device.languages
            let descriptions = texts.map { builder.add(device, language: $0, token: token) }
            let configID = builder.fingerprint(descriptions)
            let path = "\(token(device.udn))/description.xml"
            builder.routes[path] = .document(
                HostedDocument(
                    editions: zip(texts, descriptions).map { language, description in
                        let document = RootDescription(
                            specVersion: SpecVersion(major: 2, minor: 0), configID: Int(configID), device: description
                        )
                        return HostedDocument.Edition(language: language ?? device.language, document.serialized())
                    }))
            for service in builder.services {
                var scpd = service.service.scpd
                scpd.configID = Int(configID)
                builder.routes[service.scpdPath] = .document(HostedDocument(scpd.serialized()))
            }
            routes.merge(builder.routes) { first, _ in first }
            roots.append(
                Root(
                    device: device, description: descriptions[descriptions.startIndex], path: path,
                    configID: configID, resources: builder.resources
                )
            )
            services += builder.services.map { ($0.service, $0.udn) }
        }
    }

    /// With paths that are others at each start.
    init(_ devices: [HostedDevice], using generator: inout some RandomNumberGenerator) {
        var tokens: [String: String] = [:]
        self.init(devices) { name in
            if let token = tokens[name] { return token }
            let token = Self.token(&generator)
            tokens[name] = token
            return token
        }
    }

    static func token(_ generator: inout some RandomNumberGenerator) -> String {
        "/" + generator.uuid().filter { $0 != "-" }
    }

    private struct Builder {
        let root: Int
        var routes: [String: Route] = [:]
        var resources: [String: String] = [:]
        var services: [(service: HostedService, udn: String, scpdPath: String)] = []

        init(root: Int) { self.root = root }

        /// Adds what is behind a device, and describes it in a language; the same paths each time.
        mutating func add(
            _ device: HostedDevice, language: String?, isRoot: Bool = true, token: (String) -> String
        ) -> DeviceDescription {
            var description = device.description(in: language)
            for service in device.services {
                let token = token("\(device.udn) \(service.serviceID)")
                let evented = !service.scpd.eventedVariables.isEmpty
                routes["\(token)/control"] = .control(service, root: root, udn: device.udn)
                if evented { routes["\(token)/event"] = .events(service) }
                if !services.contains(where: { $0.service === service }) {
                    services.append((service, device.udn, "\(token)/scpd.xml"))
                }
                description.services.append(
                    ServiceDescription(
                        serviceType: service.serviceType, serviceID: service.serviceID, scpdURL: "\(token)/scpd.xml",
                        controlURL: "\(token)/control", eventSubURL: evented ? "\(token)/event" : ""
                    )
                )
            }
            let own = token(device.udn)
            for (number, icon) in device.icons.enumerated() {
                let path = "\(own)/icon\(number)"
                routes[path] = .icon(icon)
                description.icons.append(
                    IconDescription(
                        mimeType: icon.mimeType, width: icon.width, height: icon.height, depth: icon.depth, url: path
                    )
                )
            }
            for resource in device.resources {
                let path = "\(token("\(device.udn) \(resource.name)"))/\(resource.name)"
                routes[path] = .resource(resource)
                resources[resource.name] = path
            }
            description.presentationURL = presentation(of: device, isRoot: isRoot, token: token)
            for embedded in device.devices {
                description.devices.append(add(embedded, language: language, isRoot: false, token: token))
            }
            return description
        }

        /// The page of a root device shows those that are embedded in it, too.
        private mutating func presentation(
            of device: HostedDevice, isRoot: Bool, token: (String) -> String
        ) -> String? {
            switch device.presentation {
            case .none: return nil
            case .url(let url): return url
            case .page:
                guard isRoot else { return nil }
                let path = "\(token("\(device.udn) presentation"))/index.html"
                routes[path] = .presentation(root: root)
                return path
            case .own(let handler):
                let path = "\(token("\(device.udn) presentation"))/index.html"
                routes[path] = .resource(HostedResource(name: "index.html", handler: handler))
                return path
            }
        }

        /// A number of 24 bits that changes with any of the documents (UDA 2.0 §2.1, FNV-1a folded).
        func fingerprint(_ descriptions: [DeviceDescription]) -> UInt32 {
            var hash: UInt32 = 0x811C_9DC5
            let documents =
                descriptions.map { RootDescription(device: $0).serialized() }
                + services.map { $0.service.scpd.serialized() }
            for byte in documents.lazy.flatMap(\.utf8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
            return hash >> 24 ^ hash & 0xFF_FFFF
        }
    }
}

extension AdvertisedDevice {
    /// The device as its description has it, with its embedded devices.
    public init(_ device: DeviceDescription) {
        self.init(
            udn: device.udn, deviceType: device.deviceType, serviceTypes: device.services.map(\.serviceType),
            embedded: device.devices.map { AdvertisedDevice($0) }
        )
    }
}
