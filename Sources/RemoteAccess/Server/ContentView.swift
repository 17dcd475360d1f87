import AccessPolicy
import UPnP

/// What of a ContentDirectory's answers a client may see that was permitted some containers only.
///
/// An object is where the containers above it say that it is: one that stands in a permitted container by reference
/// (`refID`) is in it, and the original elsewhere is not. Containers that lead to a permitted one are shown as
/// containers with nothing else in them, so that an app that begins at the root finds its way.
struct ContentView: Sendable {
    /// Containers that one answer may have looked up.
    static let mostLookups = 32

    let filter: ResultFilter
    /// Where an object lies.
    let ancestry: @Sendable (String) async -> Ancestry
    /// Decides about a request and runs it at the device.
    let run: @Sendable (ActionRequest) async throws -> ActionResponse

    /// Runs a Browse or Search, and leaves in its answer what may be seen.
    func answer(_ request: ActionRequest) async throws -> ActionResponse {
        switch request.action {
        case "Browse" where request["BrowseFlag"] == "BrowseDirectChildren":
            guard let object = request["ObjectID"], isPath(object) else { break }
            return try await browsePath(request, at: object)
        case "Search":
            guard let container = request["ContainerID"], !filter.containers.contains(container),
                case .known(let chain) = await ancestry(container), !chain.contains(where: filter.containers.contains)
            else { break }
            return try await searchBelow(request)
        default: break
        }
        return try await filtered(try await run(request))
    }

    /// The parent of the one object in the answer to BrowseMetadata.
    static func parent(in response: ActionResponse) -> String? {
        let objects = DIDLPage(response["Result"] ?? "").objects
        return objects.count == 1 ? objects[0].plainAttribute("parentID") : nil
    }

    private func isPath(_ object: String) -> Bool {
        filter.path.contains(object) && !filter.containers.contains(object)
    }

    // MARK: - Answers

    /// The answer without the objects that may not be seen; its numbers are of those that are left.
    func filtered(_ response: ActionResponse) async throws -> ActionResponse {
        guard let text = response["Result"] else { return response }
        var page = DIDLPage(text)
        let count = page.objects.count
        var lookups: [String: Bool] = [:]
        var kept: [XMLElement] = []
        for object in page.objects {
            if let shown = await shown(object, &lookups) { kept.append(shown) }
        }
        page.objects = kept
        let total = Int(response["TotalMatches"] ?? "") ?? count
        return response.with(page, total: max(kept.count, total - (count - kept.count)))
    }

    private func shown(_ object: XMLElement, _ lookups: inout [String: Bool]) async -> XMLElement? {
        var object = object
        guard let id = object.plainAttribute("id") else { return nil }
        if !filter.containers.contains(id) {
            if object.name == "container", filter.path.contains(id) {
                // How many children it has besides is nobody's business.
                object.attributes.removeAll { $0.name == "childCount" || $0.name == "childContainerCount" }
            } else {
                guard let parent = object.plainAttribute("parentID"), await isInside(parent, &lookups) else {
                    return nil
                }
            }
        }
        if let reference = object.plainAttribute("refID"), !(await isInside(reference, &lookups)) {
            object.attributes.removeAll { $0.name == "refID" }
        }
        return object
    }

    private func isInside(_ object: String, _ lookups: inout [String: Bool]) async -> Bool {
        if filter.containers.contains(object) { return true }
        if let known = lookups[object] { return known }
        guard lookups.count < Self.mostLookups else { return false }
        var inside = false
        if case .known(let chain) = await ancestry(object) {
            inside = chain.contains(where: filter.containers.contains)
        }
        lookups[object] = inside
        return inside
    }

    // MARK: - On the way to a permitted container

    /// The containers in `object` that lead to permitted ones, each asked for by itself: exact numbers, whatever
    /// else is in it.
    private func browsePath(_ request: ActionRequest, at object: String) async throws -> ActionResponse {
        var children: [String] = []
        for container in filter.containers {
            guard case .known(let chain) = await ancestry(container), let index = chain.firstIndex(of: object),
                index > 0, !children.contains(chain[index - 1])
            else { continue }
            children.append(chain[index - 1])
        }
        let (start, count) = try Self.range(of: request)
        var page: DIDLPage?
        var answer: ActionResponse?
        for child in children.dropFirst(start).prefix(count) {
            let response = try await run(
                request.with([
                    "ObjectID": child, "BrowseFlag": "BrowseMetadata", "StartingIndex": "0", "RequestedCount": "1",
                ]))
            let part = DIDLPage(try await filtered(response)["Result"] ?? "")
            if page == nil { page = part } else { page?.objects += part.objects }
            answer = answer ?? response
        }
        let empty = ActionResponse(
            to: request,
            arguments: ["Result", "NumberReturned", "TotalMatches", "UpdateID"].map { ActionArgument($0, "0") })
        return (answer ?? empty).with(page ?? DIDLPage(""), total: children.count)
    }

    /// A search above the permitted containers is one in each of them, one after the other.
    private func searchBelow(_ request: ActionRequest) async throws -> ActionResponse {
        var containers: [String] = []
        for container in filter.containers {
            // One that lies in another is searched with it.
            guard case .known(let chain) = await ancestry(container),
                !chain.dropFirst().contains(where: filter.containers.contains)
            else { continue }
            containers.append(container)
        }
        var (start, count) = try Self.range(of: request)
        var page: DIDLPage?
        var answer: ActionResponse?
        var total = 0
        for container in containers {
            let asked = count == .max ? 0 : max(count, 1)
            let response = try await filtered(
                try await run(
                    request.with([
                        "ContainerID": container, "StartingIndex": String(start), "RequestedCount": String(asked),
                    ])))
            let matches = Int(response["TotalMatches"] ?? "") ?? 0
            total += matches
            start = max(0, start - matches)
            answer = answer ?? response
            guard count > 0 else { continue }
            let part = DIDLPage(response["Result"] ?? "")
            if count != .max { count = max(0, count - part.objects.count) }
            if page == nil { page = part } else { page?.objects += part.objects }
        }
        guard let answer else { throw UPnPFault(.init(rawValue: 710), description: "There is no such container.") }
        return answer.with(page ?? DIDLPage(""), total: total)
    }

    private static func range(of request: ActionRequest) throws(UPnPFault) -> (start: Int, count: Int) {
        guard let start = Int(request["StartingIndex"] ?? "0"), let count = Int(request["RequestedCount"] ?? "0"),
            start >= 0, count >= 0
        else { throw UPnPFault(.argumentValueInvalid) }
        return (start, count == 0 ? .max : count)
    }
}

/// The objects in a `Result`.
private struct DIDLPage {
    private var root: XMLElement
    var objects: [XMLElement]

    /// Reads a `Result`; what is no DIDL-Lite has no objects.
    init(_ text: String) {
        let fragment = XMLFragment(text, limits: TranslationLimits().xml)?.root.elements ?? []
        root =
            fragment.count == 1 && fragment[0].name == "DIDL-Lite"
            ? fragment[0]
            : XMLElement(
                "DIDL-Lite", namespaceURI: "urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/")
        objects = root.elements.filter { ["item", "container"].contains($0.name) }
            // ContentDirectory:1 §7: objects are not nested.
            .filter { object in !object.elements.contains { ["item", "container"].contains($0.name) } }
    }

    func serialized() -> String {
        var root = root
        root.children = objects.map { .element($0) }
        return root.serialized(declaration: false)
    }
}

extension XMLElement {
    /// The value of the one attribute of that name without a namespace; nil when there are others of the name.
    fileprivate func plainAttribute(_ name: String) -> String? {
        let found = attributes.filter { $0.name == name }
        return found.count == 1 && found[0].prefix == nil ? found[0].value : nil
    }
}

extension ActionRequest {
    fileprivate func with(_ values: [String: String]) -> ActionRequest {
        var request = self
        for index in request.arguments.indices {
            if let value = values[request.arguments[index].name] { request.arguments[index].value = value }
        }
        return request
    }
}

extension ActionResponse {
    fileprivate func with(_ page: DIDLPage, total: Int) -> ActionResponse {
        var response = self
        let values = [
            "Result": page.serialized(), "NumberReturned": String(page.objects.count), "TotalMatches": String(total),
        ]
        for index in response.arguments.indices {
            if let value = values[response.arguments[index].name] { response.arguments[index].value = value }
        }
        return response
    }
}
