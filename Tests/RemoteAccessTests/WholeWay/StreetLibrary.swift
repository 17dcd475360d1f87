import NIOUPnP
import UPnP

extension Street {
    /// A renderer of which nothing but the volume matters.
    var speaker: HostedDevice {
        let volume = StateVariable(
            name: "Volume", dataType: .ui2, allowedRange: AllowedValueRange(minimum: "0", maximum: "100"))
        func text(_ name: String) -> StateVariable { StateVariable(name: name, dataType: .string) }
        let channel = ArgumentDescription(name: "Channel", direction: .in, relatedStateVariable: "A_ARG_TYPE_Channel")
        let scpd = SCPD(
            actions: [
                ActionDescription(
                    name: "SetVolume",
                    arguments: [
                        ArgumentDescription(name: "InstanceID", direction: .in, relatedStateVariable: "A_ARG_TYPE_ID"),
                        channel,
                        ArgumentDescription(name: "DesiredVolume", direction: .in, relatedStateVariable: "Volume"),
                    ]),
                ActionDescription(
                    name: "SetMute",
                    arguments: [
                        channel,
                        ArgumentDescription(name: "DesiredMute", direction: .in, relatedStateVariable: "Mute"),
                    ]),
            ],
            stateVariables: [
                volume, text("A_ARG_TYPE_ID"), text("A_ARG_TYPE_Channel"),
                StateVariable(name: "Mute", dataType: .boolean),
            ])
        let service = HostedService(
            serviceType: "urn:schemas-upnp-org:service:RenderingControl:1",
            serviceID: "urn:upnp-org:serviceId:RenderingControl", scpd: scpd,
            actions: [
                "SetVolume": { [acts] call in
                    acts.note("volume \(call["DesiredVolume"]?.text ?? "")")
                    return []
                },
                "SetMute": { [acts] _ in
                    acts.note("mute")
                    return []
                },
            ])
        return HostedDevice(
            udn: "uuid:00000000-0000-4000-8000-000000000004", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1",
            friendlyName: "Speaker", manufacturer: "test", modelName: "test", services: [service])
    }

    /// A media server of four containers: `0` over `music` and `family`, `music` over `jazz`; `family` has a picture by
    /// reference to one in `music`, and the other way round.
    var library: HostedDevice {
        func text(_ name: String) -> StateVariable { StateVariable(name: name, dataType: .string) }
        func input(_ name: String) -> ArgumentDescription {
            ArgumentDescription(name: name, direction: .in, relatedStateVariable: "A_ARG_TYPE_Text")
        }
        let output = ["Result", "NumberReturned", "TotalMatches", "UpdateID"].map {
            ArgumentDescription(name: $0, direction: .out, relatedStateVariable: "A_ARG_TYPE_Text")
        }
        func action(_ name: String, _ inputs: [String]) -> ActionDescription {
            ActionDescription(name: name, arguments: inputs.map(input) + output)
        }
        let rest = ["Filter", "StartingIndex", "RequestedCount", "SortCriteria"]
        let scpd = SCPD(
            actions: [
                action("Browse", ["ObjectID", "BrowseFlag"] + rest),
                action("Search", ["ContainerID", "SearchCriteria"] + rest),
            ], stateVariables: [text("A_ARG_TYPE_Text")])
        let service = HostedService(
            serviceType: "urn:schemas-upnp-org:service:ContentDirectory:1",
            serviceID: "urn:upnp-org:serviceId:ContentDirectory", scpd: scpd,
            actions: [
                "Browse": { [acts] call in
                    let id = call["ObjectID"]?.text ?? ""
                    acts.note("browse \(id) \(call["BrowseFlag"]?.text ?? "")")
                    let isMetadata = call["BrowseFlag"]?.text == "BrowseMetadata"
                    let found = Shelves.all.filter { isMetadata ? $0.id == id : $0.parent == id }
                    guard Shelves.all.contains(where: { $0.id == id }) else {
                        throw UPnPFault(UPnPErrorCode(rawValue: 701))
                    }
                    return Shelves.answer(found, call)
                },
                "Search": { call in
                    let id = call["ContainerID"]?.text ?? ""
                    return Shelves.answer(
                        Shelves.all.filter { !$0.isContainer && Shelves.chain($0).contains(id) }, call)
                },
            ])
        return HostedDevice(
            udn: "uuid:00000000-0000-4000-8000-000000000005", deviceType: "urn:schemas-upnp-org:device:MediaServer:1",
            friendlyName: "Library", manufacturer: "test", modelName: "test", services: [service],
            resources: [resource("song"), resource("picture")])
    }
}

/// What is in the library.
private enum Shelves {
    struct Entry {
        let id: String
        let parent: String
        let isContainer: Bool
        var reference: String?
    }

    static let all = [
        Entry(id: "0", parent: "-1", isContainer: true), Entry(id: "music", parent: "0", isContainer: true),
        Entry(id: "family", parent: "0", isContainer: true), Entry(id: "jazz", parent: "music", isContainer: true),
        Entry(id: "song", parent: "jazz", isContainer: false),
        Entry(id: "picture", parent: "family", isContainer: false),
        Entry(id: "cover", parent: "music", isContainer: false, reference: "picture"),
        Entry(id: "anthem", parent: "family", isContainer: false, reference: "song"),
    ]

    static func chain(_ entry: Entry) -> [String] {
        guard let parent = all.first(where: { $0.id == entry.parent }) else { return [entry.id] }
        return [entry.id] + chain(parent)
    }

    static func answer(_ found: [Entry], _ call: ActionInvocation) -> [ActionArgument] {
        let start = Int(call["StartingIndex"]?.text ?? "") ?? 0
        let count = Int(call["RequestedCount"]?.text ?? "") ?? 0
        let page = found.dropFirst(start).prefix(count == 0 ? .max : count)
        let objects = page.map { entry -> String in
            let tag = entry.isContainer ? "container" : "item"
            let reference = entry.reference.map { " refID=\"\($0)\"" } ?? ""
            let url = call.resourceURL(entry.reference ?? entry.id)?.description ?? ""
            let res = entry.isContainer ? "" : "<res protocolInfo=\"http-get:*:audio/mpeg:*\">\(url)</res>"
            return
                "<\(tag) id=\"\(entry.id)\" parentID=\"\(entry.parent)\"\(reference) childCount=\"9\" restricted=\"1\">"
                + "<dc:title>\(entry.id)</dc:title>\(res)</\(tag)>"
        }
        let didl =
            "<DIDL-Lite xmlns=\"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/\" "
            + "xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\(objects.joined())</DIDL-Lite>"
        return [
            ActionArgument("Result", didl), ActionArgument("NumberReturned", "\(page.count)"),
            ActionArgument("TotalMatches", "\(found.count)"), ActionArgument("UpdateID", "1"),
        ]
    }
}
