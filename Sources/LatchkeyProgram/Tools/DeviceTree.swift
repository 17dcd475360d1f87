import NIOUPnP
package import UPnP

/// A device with its services, actions and embedded devices, ready to be printed.
package struct DeviceTree: Encodable, Hashable, Sendable {
    package var name: String
    package var type: String
    package var udn: String
    package var manufacturer: String
    package var model: String
    package var location: String?
    package var services: [Service]
    package var devices: [DeviceTree]

    package struct Service: Encodable, Hashable, Sendable {
        package var type: String
        package var id: String
        package var scpdURL: String
        package var controlURL: String
        package var eventSubURL: String
        package var actions: [Action]
        /// The variables that subscribers hear of.
        package var evented: [String]
        /// Why actions and variables are not known; nil when they are.
        package var error: String?
    }

    package struct Action: Encodable, Hashable, Sendable {
        package var name: String
        /// `Name: type` of each, in order.
        package var arguments: [String]
        package var results: [String]
    }

    /// Builds the tree. `scpds` holds what each service description URL gave, or the sentence why it gave nothing.
    package init(
        _ device: DeviceDescription, base: HTTPURL, location: HTTPURL?,
        scpds: [HTTPURL: Result<SCPD, ProgramError>]
    ) {
        self.name = device.friendlyName
        self.type = device.deviceType
        self.udn = device.udn
        self.manufacturer = device.manufacturer
        self.model = [device.modelName, device.modelNumber ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        self.location = location?.description
        self.services = device.services.map { service in
            func resolved(_ reference: String) -> String {
                reference.isEmpty ? "" : base.resolving(reference)?.description ?? reference
            }
            let url = base.resolving(service.scpdURL)
            var shown = Service(
                type: service.serviceType, id: service.serviceID, scpdURL: resolved(service.scpdURL),
                controlURL: resolved(service.controlURL), eventSubURL: resolved(service.eventSubURL),
                actions: [], evented: [], error: nil
            )
            switch url.flatMap({ scpds[$0] }) {
            case .success(let scpd):
                shown.actions = scpd.actions.map { action in
                    Action(
                        name: action.name,
                        arguments: action.inArguments.map { ActionCall.signature($0, scpd) },
                        results: action.outArguments.map { ActionCall.signature($0, scpd) }
                    )
                }
                shown.evented = scpd.eventedVariables.map(\.name)
            case .failure(let error): shown.error = error.message
            case nil: shown.error = "its description has no usable URL"
            }
            return shown
        }
        self.devices = device.devices.map { DeviceTree($0, base: base, location: nil, scpds: scpds) }
    }

    /// The lines to print, indented by two spaces a level.
    package var lines: [String] {
        var lines = [name, "  \(udn)", "  \(type)"]
        let maker = [manufacturer, model].filter { !$0.isEmpty }.joined(separator: ", ")
        if !maker.isEmpty { lines.append("  \(maker)") }
        if let location { lines.append("  \(location)") }
        for service in services {
            lines.append("  service \(service.type)")
            lines.append("    \(service.id)")
            if let error = service.error { lines.append("    (\(error))") }
            for action in service.actions {
                let arguments = action.arguments.joined(separator: ", ")
                let results = action.results.joined(separator: ", ")
                lines.append("    \(action.name)(\(arguments))" + (results.isEmpty ? "" : " → \(results)"))
            }
            if !service.evented.isEmpty { lines.append("    events: \(service.evented.joined(separator: ", "))") }
        }
        for device in devices { lines += ["  embedded device:"] + device.lines.map { "    \($0)" } }
        return lines
    }
}
