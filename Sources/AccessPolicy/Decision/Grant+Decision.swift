package import TrustCore

extension Grant {
    /// Decides about a request of the grant's own subject.
    func decide(_ request: AccessRequest) -> Decision {
        if case .neighbour(let address) = request.via, !sharing {
            return .deny("the grant is for the client's own host and not for its neighbour \(address)")
        }
        guard let type = TypeName(request.device.deviceType), type.kind == .device else {
            return .deny("the device's type cannot be read")
        }
        if let refusal = pass?.refusal(of: request) { return refusal }
        switch scope {
        case .preset(let name):
            guard let preset = Preset(rawValue: name) else {
                return .deny("the grant names the preset \(name), which this program does not know")
            }
            if let refusal = preset.refusal(of: request) { return .deny(refusal, rule: "grant:\(name)") }
            return .permit("preset \(name)", rule: "grant:\(name)")
        case .deviceTypes(let types):
            return Self.decide(request, type: type, types: types)
        }
    }

    private static func decide(_ request: AccessRequest, type: TypeName, types: [String]) -> Decision {
        let granted = types.compactMap { TypeName($0) }
        if granted.contains(where: { $0.covers(type) }) {
            return .permit("the device type was granted", rule: "grant:device-types")
        }
        if let near = granted.first(where: { $0.domain == type.domain && $0.name == type.name }) {
            return .deny(
                "the grant covers versions of the device type up to \(near.version ?? 0)", rule: "grant:device-types")
        }
        return .deny("the device type \(request.device.deviceType) was not granted", rule: "grant:device-types")
    }
}

extension Preset {
    /// Why the preset does not give what is asked for; nil when it does.
    func refusal(of request: AccessRequest) -> String? {
        guard let type = TypeName(request.device.deviceType), type.kind == .device else {
            return "the device's type cannot be read"
        }
        guard let rules else { return nil }
        func rule(_ text: String) -> DeviceRule? {
            guard let type = TypeName(text), type.kind == .device else { return nil }
            return rules.first { type.isStandard($0.device) }
        }
        guard let root = rule(request.device.deviceType) else {
            return "preset \(rawValue) does not include \(request.device.deviceType)"
        }
        // A device is mirrored whole, so each of its parts has to be in the preset.
        var parts = [root]
        for embedded in request.device.embeddedTypes {
            guard let part = rule(embedded) else {
                return "preset \(rawValue) does not include the embedded \(embedded)"
            }
            parts.append(part)
        }
        switch request.operation {
        case .discover, .media: return nil
        case .presentation:
            return parts.allSatisfy(\.presentation)
                ? nil : "preset \(rawValue) does not include devices' own web pages"
        case .describe where request.service == nil: return nil
        case .describe, .event, .control: return refusal(ofServiceIn: request, parts: parts)
        }
    }

    private func refusal(ofServiceIn request: AccessRequest, parts: [DeviceRule]) -> String? {
        guard let service = request.service, let type = TypeName(service), type.kind == .service else {
            return "the request names no service"
        }
        let rules = parts.compactMap { $0.rule(for: type) }
        guard !rules.isEmpty else { return "preset \(rawValue) does not include \(service)" }
        if request.operation == .event || (request.operation == .describe && request.action == nil) { return nil }
        guard let action = request.action else { return "the request names no action" }
        guard rules.contains(where: { $0.permits(action) }) else {
            return "preset \(rawValue) does not include \(action) of \(service)"
        }
        return nil
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
}
