package import TrustCore

/// Decides by the presets and device types that subjects were granted. What no grant covers is denied.
package struct PresetPolicy: Sendable {
    private let grants: [SubjectID: [Grant]]

    /// Takes the grants of the subjects that are not revoked.
    package init(grants: [Grant]) {
        self.grants = Dictionary(grouping: grants, by: \.subject)
    }

    /// Decides. Where several grants of a subject differ, one that permits is enough.
    package func decide(_ request: AccessRequest) -> Decision {
        if let forbidden = Self.forbidden(in: request) {
            return .deny("\(forbidden) is never given to anybody: it belongs to the home's border")
        }
        guard let grants = grants[request.subject], !grants.isEmpty else {
            return .deny("nothing was granted to this client")
        }
        var denial: Decision?
        for grant in grants {
            let decision = decide(request, by: grant)
            if decision.permitted { return decision }
            denial = denial ?? decision
        }
        return denial ?? .deny("nothing was granted to this client")
    }

    /// Why a scope is no use, as a sentence; nil when it is fine. For the one who grants.
    package static func problem(with scope: Grant.Scope) -> String? {
        switch scope {
        case .preset(let name):
            if Preset(rawValue: name) != nil { return nil }
            let names = Preset.allCases.map(\.rawValue).joined(separator: ", ")
            return "there is no preset \(name): choose one of \(names)"
        case .deviceTypes(let types):
            if types.isEmpty { return "a list of device types must have at least one" }
            if types.count > 32 { return "a list of device types may have at most 32" }
            for text in types {
                guard let type = TypeName(text), type.kind == .device else {
                    return "\(text) is not a device type, which looks like urn:schemas-upnp-org:device:MediaServer:1"
                }
                if ForbiddenTypes.contains(type) {
                    return "\(text) is never given to anybody: it belongs to the home's border"
                }
            }
            return nil
        }
    }

    /// The first type in the device, or the service asked for, that nobody is given.
    private static func forbidden(in request: AccessRequest) -> String? {
        let device = request.device
        let types = [device.deviceType] + device.embeddedTypes + device.serviceTypes
        return types.first(where: ForbiddenTypes.contains)
            ?? request.service.flatMap { ForbiddenTypes.contains($0) ? $0 : nil }
    }

    private func decide(_ request: AccessRequest, by grant: Grant) -> Decision {
        if case .neighbour(let address) = request.via, !grant.sharing {
            return .deny("the grant is for the client's own host and not for its neighbour \(address)")
        }
        guard let type = TypeName(request.device.deviceType), type.kind == .device else {
            return .deny("the device's type cannot be read")
        }
        switch grant.scope {
        case .preset(let name):
            guard let preset = Preset(rawValue: name) else {
                return .deny("the grant names the preset \(name), which this program does not know")
            }
            guard let rules = preset.rules else { return .permit("preset full") }
            return decide(request, type: type, preset: preset, rules: rules)
        case .deviceTypes(let types):
            return Self.decide(request, type: type, types: types)
        }
    }

    private static func decide(_ request: AccessRequest, type: TypeName, types: [String]) -> Decision {
        let granted = types.compactMap { TypeName($0) }
        if granted.contains(where: { $0.covers(type) }) { return .permit("the device type was granted") }
        if let near = granted.first(where: { $0.domain == type.domain && $0.name == type.name }) {
            return .deny("the grant covers versions of the device type up to \(near.version ?? 0)")
        }
        return .deny("the device type \(request.device.deviceType) was not granted")
    }

    private func decide(
        _ request: AccessRequest, type: TypeName, preset: Preset, rules: [DeviceRule]
    ) -> Decision {
        func rule(_ text: String) -> DeviceRule? {
            guard let type = TypeName(text), type.kind == .device else { return nil }
            return rules.first { type.isStandard($0.device) }
        }
        guard let root = rule(request.device.deviceType) else {
            return .deny("preset \(preset.rawValue) does not include \(request.device.deviceType)")
        }
        // A device is mirrored whole, so each of its parts has to be in the preset.
        var parts = [root]
        for embedded in request.device.embeddedTypes {
            guard let part = rule(embedded) else {
                return .deny("preset \(preset.rawValue) does not include the embedded \(embedded)")
            }
            parts.append(part)
        }
        switch request.operation {
        case .discover, .media:
            return .permit("preset \(preset.rawValue)")
        case .presentation:
            return parts.allSatisfy(\.presentation)
                ? .permit("preset \(preset.rawValue)")
                : .deny("preset \(preset.rawValue) does not include devices' own web pages")
        case .describe where request.service == nil:
            return .permit("preset \(preset.rawValue)")
        case .describe, .event, .control:
            return decideService(request, preset: preset, parts: parts)
        }
    }

    private func decideService(_ request: AccessRequest, preset: Preset, parts: [DeviceRule]) -> Decision {
        guard let service = request.service, let type = TypeName(service), type.kind == .service else {
            return .deny("the request names no service")
        }
        let rules = parts.compactMap { $0.rule(for: type) }
        guard !rules.isEmpty else { return .deny("preset \(preset.rawValue) does not include \(service)") }
        guard request.operation == .control else { return .permit("preset \(preset.rawValue)") }
        guard let action = request.action else { return .deny("the request names no action") }
        guard rules.contains(where: { $0.permits(action) }) else {
            return .deny("preset \(preset.rawValue) does not include \(action) of \(service)")
        }
        return .permit("preset \(preset.rawValue)")
    }
}
