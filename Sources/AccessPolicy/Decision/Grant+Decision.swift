package import TrustCore

/// A grant with its texts taken apart.
struct CompiledGrant: Sendable {
    let grant: Grant
    private let preset: Preset?
    /// Its rule's name in decisions.
    private let rule: String
    private let permission: String
    private let types: [TypeName]
    private let pass: CompiledPass?

    init(_ grant: Grant) {
        self.grant = grant
        pass = grant.pass.map(CompiledPass.init)
        switch grant.scope {
        case .preset(let name):
            preset = Preset(rawValue: name)
            (rule, permission, types) = ("grant:\(name)", "preset \(name)", [])
        case .deviceTypes(let texts):
            preset = nil
            (rule, permission) = ("grant:device-types", "the device type was granted")
            types = texts.compactMap { TypeName($0) }
        }
    }

    /// Decides about a request of the grant's own subject, of a device whose type can be read.
    func decide(_ facts: RequestFacts) -> Decision {
        if case .neighbour(let address) = facts.request.via, !grant.sharing {
            return .deny("the grant is for the client's own host and not for its neighbour \(address)")
        }
        if let refusal = pass?.refusal(of: facts) { return refusal }
        switch grant.scope {
        case .preset(let name):
            guard let preset else {
                return .deny("the grant names the preset \(name), which this program does not know")
            }
            if let refusal = preset.refusal(of: facts) { return .deny(refusal, rule: rule) }
            return .permit(permission, rule: rule)
        case .deviceTypes: return decideByType(facts)
        }
    }

    private func decideByType(_ facts: RequestFacts) -> Decision {
        guard let type = facts.device.types.first else { return .deny("the device's type cannot be read") }
        if types.contains(where: { $0.covers(type) }) { return .permit(permission, rule: rule) }
        if let near = types.first(where: { $0.domain == type.domain && $0.name == type.name }) {
            return .deny("the grant covers versions of the device type up to \(near.version ?? 0)", rule: rule)
        }
        return .deny("the device type \(facts.request.device.deviceType) was not granted", rule: rule)
    }
}

extension Preset {
    /// Why the preset does not give what is asked for; nil when it does.
    func refusal(of facts: RequestFacts) -> String? {
        guard let type = facts.device.types.first else { return "the device's type cannot be read" }
        guard let rules else { return nil }
        func rule(_ type: TypeName) -> DeviceRule? {
            guard type.kind == .device, type.isStandard else { return nil }
            return rules.first { $0.device == type.name }
        }
        guard let root = rule(type) else {
            return "preset \(rawValue) does not include \(facts.request.device.deviceType)"
        }
        // A device is mirrored whole, so each of its parts has to be in the preset.
        var parts = [root]
        for embedded in facts.device.embedded {
            guard let part = embedded.type.flatMap(rule) else {
                return "preset \(rawValue) does not include the embedded \(embedded.text)"
            }
            parts.append(part)
        }
        switch facts.operation {
        case .discover, .media: return nil
        case .presentation:
            return parts.allSatisfy(\.presentation)
                ? nil : "preset \(rawValue) does not include devices' own web pages"
        case .describe where facts.service == nil: return nil
        case .describe, .event, .control: return refusal(ofServiceIn: facts, parts: parts)
        }
    }

    private func refusal(ofServiceIn facts: RequestFacts, parts: [DeviceRule]) -> String? {
        guard let service = facts.service, let type = service.type, type.kind == .service else {
            return "the request names no service"
        }
        var isIncluded = false
        for part in parts {
            guard let rule = part.rule(for: type) else { continue }
            isIncluded = true
            if facts.operation == .event || (facts.operation == .describe && facts.action == nil) { return nil }
            guard let action = facts.action else { return "the request names no action" }
            if rule.permits(action) { return nil }
        }
        guard isIncluded else { return "preset \(rawValue) does not include \(service.text)" }
        return "preset \(rawValue) does not include \(facts.action ?? "") of \(service.text)"
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
