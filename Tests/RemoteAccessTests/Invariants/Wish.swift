import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import UPnP

@testable import RemoteAccess

/// One thing that somebody may want of a device.
struct Wish: Hashable, Sendable, CustomStringConvertible {
    enum Kind: Hashable, Sendable {
        case action(String)
        case events
        case media
    }

    let udn: String
    /// Empty for content.
    let service: String
    let kind: Kind

    var description: String { "\(kind) of \(service) of \(udn)" }

    /// The rule that permits this and nothing else.
    func rule(_ number: Int) -> PolicyRule {
        var rule = PolicyRule(name: "wish-\(number)", device: DeviceSelector(udn: [udn]))
        switch kind {
        case .action(let name): rule.operations = [.action(name)]
        case .events: rule.operations = [.events]
        case .media: rule.operations = [.media]
        }
        rule.service = kind == .media ? [] : [TypeSelector(service: service)].compactMap(\.self)
        return rule
    }
}

/// A device at home with all that there is to want of it.
struct Target: Sendable {
    let device: KnownDevice
    /// By the type of each service.
    let descriptions: [String: SCPD]
    let media: HTTPURL?

    var udn: String { device.udn }

    var wishes: [Wish] {
        let ofServices = device.services.flatMap { service -> [Wish] in
            let actions = descriptions[service.serviceType]?.actions.map(\.name) ?? []
            return actions.map { Wish(udn: udn, service: service.serviceType, kind: .action($0)) }
                + (service.eventSubURL == nil ? [] : [Wish(udn: udn, service: service.serviceType, kind: .events)])
        }
        return ofServices + (media == nil ? [] : [Wish(udn: udn, service: "", kind: .media)])
    }

    /// A call with arguments that the device takes; a URL among them is one that the client was issued.
    func request(_ action: String, of service: String, issued: String) -> ActionRequest {
        let values = [
            "newTargetValue": "1", "URI": issued, "InstanceID": "0", "Channel": "Master", "DesiredVolume": "30",
            "DesiredMute": "0", "ObjectID": "0", "ContainerID": "0", "BrowseFlag": "BrowseMetadata",
            "SearchCriteria": "*", "Filter": "*", "StartingIndex": "0", "RequestedCount": "1", "SortCriteria": "",
        ]
        let arguments = descriptions[service]?.actions.first { $0.name == action }?.arguments ?? []
        return ActionRequest(
            serviceType: service, action: action,
            arguments: arguments.filter { $0.direction == .in }.map { ActionArgument($0.name, values[$0.name] ?? "") })
    }
}

extension Burglar {
    /// Everything of the home, read while everything is permitted.
    func explore(_ street: Street) async throws -> [Target] {
        var targets: [Target] = []
        for device in street.server.homeDevices {
            var descriptions: [String: SCPD] = [:]
            for service in device.services {
                guard let url = service.scpdURL else { continue }
                let (_, body) = try await ask(.get, try path(.serviceDescription, url, of: device.udn))
                descriptions[service.serviceType] = try SCPD(parsing: body.readableBytesView)
            }
            let tells = descriptions.values.contains { $0.actions.contains { $0.name == "Locate" } }
            let media = tells ? try home(of: await located("Locate", of: device)) : nil
            targets.append(Target(device: device, descriptions: descriptions, media: media))
        }
        return targets
    }
}
