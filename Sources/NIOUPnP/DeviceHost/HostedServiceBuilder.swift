import UPnP

/// Puts a service together of ``HostedVariable`` and ``HostedAction``.
@resultBuilder
public enum HostedServiceBuilder {
    /// A part of a service.
    public struct Part: Sendable {
        var stores: [VariableStore] = []
        var actions: [HostedAction] = []
    }

    /// A variable; needed only for one that no action has an argument of.
    public static func buildExpression<Value>(_ variable: HostedVariable<Value>) -> Part {
        Part(stores: [variable.store])
    }
    /// An action, and with it the variables that its arguments name.
    public static func buildExpression(_ action: HostedAction) -> Part {
        Part(stores: action.stores, actions: [action])
    }
    /// Several parts.
    public static func buildBlock(_ parts: Part...) -> Part { buildArray(parts) }
    /// Parts of a loop.
    public static func buildArray(_ parts: [Part]) -> Part {
        Part(stores: parts.flatMap(\.stores), actions: parts.flatMap(\.actions))
    }
    /// Parts under a condition.
    public static func buildOptional(_ part: Part?) -> Part { part ?? Part() }
    /// The one alternative.
    public static func buildEither(first part: Part) -> Part { part }
    /// The other alternative.
    public static func buildEither(second part: Part) -> Part { part }
}

extension HostedService {
    /// Makes a service of typed variables and actions; its description follows from them.
    ///
    /// ```swift
    /// let status = HostedVariable("Status", false, evented: true)
    /// let power = HostedService("urn:schemas-upnp-org:service:SwitchPower:1") {
    ///     HostedAction("SetTarget", in: status.argument("newTargetValue")) { on in await status.set(on) }
    ///     HostedAction("GetStatus", out: status.argument("ResultStatus")) { status.value }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - serviceType: The type with its version.
    ///   - id: Unique within its device; made of the type when left out, so needed for a second service of a type.
    public convenience init(
        _ serviceType: String, id: String? = nil, @HostedServiceBuilder _ content: () -> HostedServiceBuilder.Part
    ) {
        let content = content()
        var stores: [VariableStore] = []
        for store in content.stores where !stores.contains(where: { $0 === store }) {
            let known = stores.first { $0.declaration.name == store.declaration.name }
            // Two arguments of the same name and type, each with a type of its own, say the same.
            guard known?.declaration != store.declaration else { continue }
            precondition(known == nil, "\(serviceType) has two different variables \(store.declaration.name)")
            stores.append(store)
        }
        let names = content.actions.map(\.description.name)
        precondition(Set(names).count == names.count, "\(serviceType) has two actions of one name: \(names)")
        self.init(
            serviceType: serviceType, serviceID: id ?? Self.serviceID(of: serviceType), stores: stores,
            actionDescriptions: content.actions.map(\.description),
            actions: Dictionary(content.actions.map { ($0.description.name, $0.run) }) { first, _ in first }
        )
    }

    /// `urn:schemas-upnp-org:service:SwitchPower:1` is `urn:upnp-org:serviceId:SwitchPower` (UDA 2.0 §2.3).
    private static func serviceID(of type: String) -> String {
        let parts = type.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[2] == "service" else { return "urn:upnp-org:serviceId:\(type)" }
        let domain = parts[1] == "schemas-upnp-org" ? "upnp-org" : parts[1]
        return "urn:\(domain):serviceId:\(parts[3])"
    }
}

/// Puts a device together of its services, icons, resources and embedded devices.
@resultBuilder
public enum HostedDeviceBuilder {
    /// A part of a device.
    public struct Part: Sendable {
        var services: [HostedService] = []
        var icons: [HostedIcon] = []
        var resources: [HostedResource] = []
        var devices: [HostedDevice] = []
    }

    /// A service.
    public static func buildExpression(_ service: HostedService) -> Part { Part(services: [service]) }
    /// A picture.
    public static func buildExpression(_ icon: HostedIcon) -> Part { Part(icons: [icon]) }
    /// Something to fetch.
    public static func buildExpression(_ resource: HostedResource) -> Part { Part(resources: [resource]) }
    /// An embedded device.
    public static func buildExpression(_ device: HostedDevice) -> Part { Part(devices: [device]) }
    /// Several parts.
    public static func buildBlock(_ parts: Part...) -> Part { buildArray(parts) }
    /// Parts of a loop.
    public static func buildArray(_ parts: [Part]) -> Part {
        Part(
            services: parts.flatMap(\.services), icons: parts.flatMap(\.icons),
            resources: parts.flatMap(\.resources), devices: parts.flatMap(\.devices)
        )
    }
    /// Parts under a condition.
    public static func buildOptional(_ part: Part?) -> Part { part ?? Part() }
    /// The one alternative.
    public static func buildEither(first part: Part) -> Part { part }
    /// The other alternative.
    public static func buildEither(second part: Part) -> Part { part }
}

extension HostedDevice {
    /// Makes a device of its services, icons, resources and embedded devices.
    ///
    /// - Parameter udn: Who the device is, to control points, for ever: keep it, or have it kept by
    ///   ``HostedUDN/kept(in:)``. Left out it is random, and the device a new one at each start.
    public init(
        type: String, name: String, manufacturer: String, model: String, udn: String = HostedUDN.random(),
        @HostedDeviceBuilder _ content: () -> HostedDeviceBuilder.Part
    ) {
        let content = content()
        self.init(
            udn: udn, deviceType: type, friendlyName: name, manufacturer: manufacturer, modelName: model,
            services: content.services, icons: content.icons, resources: content.resources, devices: content.devices
        )
    }
}
