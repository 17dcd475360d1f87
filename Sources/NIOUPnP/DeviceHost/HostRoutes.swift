import NIOCore
import NetworkTypes
public import UPnP

/// Which path leads to what: built once a boot with random paths, so that a page in somebody's browser
/// cannot guess a control URL (upnp.md §4.2 rule 12).
struct HostRoutes: Sendable {
    enum Route: Sendable {
        case document(ByteBuffer)
        case icon(HostedIcon)
        case control(HostedService, root: Int)
        case events(HostedService)
        case resource(HostedResource)
    }

    /// A root device and where its description is.
    struct Root: Sendable {
        let description: DeviceDescription
        let path: String
        let configID: UInt32
        /// Paths of the resources, by name.
        let resources: [String: String]
    }

    private(set) var routes: [String: Route] = [:]
    private(set) var roots: [Root] = []
    private(set) var services: [HostedService] = []

    init(_ devices: [HostedDevice], using generator: inout some RandomNumberGenerator) {
        for device in devices {
            var builder = Builder(root: roots.count, token: Self.token(&generator))
            let description = builder.add(device, using: &generator)
            let configID = builder.fingerprint(description)
            let document = RootDescription(
                specVersion: SpecVersion(major: 2, minor: 0), configID: Int(configID), device: description
            )
            let path = "\(builder.token)/description.xml"
            builder.routes[path] = .document(ByteBuffer(string: document.serialized()))
            for service in builder.services {
                var scpd = service.service.scpd
                scpd.configID = Int(configID)
                builder.routes[service.scpdPath] = .document(ByteBuffer(string: scpd.serialized()))
            }
            routes.merge(builder.routes) { first, _ in first }
            roots.append(
                Root(description: description, path: path, configID: configID, resources: builder.resources)
            )
            services += builder.services.map(\.service)
        }
    }

    fileprivate static func token(_ generator: inout some RandomNumberGenerator) -> String {
        "/" + generator.uuid().filter { $0 != "-" }
    }

    private struct Builder {
        let root: Int
        let token: String
        var routes: [String: Route] = [:]
        var resources: [String: String] = [:]
        var services: [(service: HostedService, scpdPath: String)] = []

        mutating func add(
            _ device: HostedDevice, using generator: inout some RandomNumberGenerator
        ) -> DeviceDescription {
            var description = DeviceDescription(
                deviceType: device.deviceType, friendlyName: device.friendlyName, manufacturer: device.manufacturer,
                modelDescription: device.modelDescription, modelName: device.modelName,
                modelNumber: device.modelNumber, udn: device.udn
            )
            for service in device.services {
                let token = HostRoutes.token(&generator)
                let evented = !service.scpd.eventedVariables.isEmpty
                routes["\(token)/control"] = .control(service, root: root)
                if evented { routes["\(token)/event"] = .events(service) }
                services.append((service, "\(token)/scpd.xml"))
                description.services.append(
                    ServiceDescription(
                        serviceType: service.serviceType, serviceID: service.serviceID, scpdURL: "\(token)/scpd.xml",
                        controlURL: "\(token)/control", eventSubURL: evented ? "\(token)/event" : ""
                    )
                )
            }
            for icon in device.icons {
                let path = "\(token)/icon\(routes.count)"
                routes[path] = .icon(icon)
                description.icons.append(
                    IconDescription(
                        mimeType: icon.mimeType, width: icon.width, height: icon.height, depth: icon.depth, url: path
                    )
                )
            }
            for resource in device.resources {
                let path = "\(HostRoutes.token(&generator))/\(resource.name)"
                routes[path] = .resource(resource)
                resources[resource.name] = path
            }
            for embedded in device.devices { description.devices.append(add(embedded, using: &generator)) }
            return description
        }

        /// A number of 24 bits that changes with any of the documents (UDA 2.0 §2.1, FNV-1a folded).
        func fingerprint(_ description: DeviceDescription) -> UInt32 {
            var hash: UInt32 = 0x811C_9DC5
            let documents =
                [RootDescription(device: description).serialized()] + services.map { $0.service.scpd.serialized() }
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
