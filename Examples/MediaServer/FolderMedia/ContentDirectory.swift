import NIOUPnP
import UPnP

/// The services of a media server over a folder: ContentDirectory:1 and ConnectionManager:1.
public final class ContentDirectory: Sendable {
    /// The most objects of one answer; who wants more asks again (ContentDirectory:1 §2.7.4).
    public static let pageSize = 1000
    /// What can be searched for.
    public static let searchable = "@id,@parentID,@refID,dc:title,dc:date,upnp:class,res,res@size,res@protocolInfo"
    /// What can be sorted by.
    public static let sortable = "dc:title,dc:date,upnp:class,res@size"

    private let shelf: Shelf
    private let updateID = HostedVariable<UInt32>("SystemUpdateID", 0, evented: true)

    /// Serves what is on the shelf.
    public init(_ shelf: Shelf) { self.shelf = shelf }

    /// Tells subscribers that there is something new.
    public func libraryChanged() async { await updateID.set(updateID.value &+ 1) }

    /// ContentDirectory:1.
    public var service: HostedService {
        let objectID = HostedArgumentType<String>("ObjectID", maximumLength: 1024)
        let filter = HostedArgumentType<String>("Filter", maximumLength: 4096)
        let sort = HostedArgumentType<String>("SortCriteria", maximumLength: 1024)
        let search = HostedArgumentType<String>("SearchCriteria", maximumLength: 8192)
        let index = HostedArgumentType<UInt32>("Index")
        let count = HostedArgumentType<UInt32>("Count")
        let result = HostedArgumentType<String>("Result")
        let update = HostedArgumentType<UInt32>("UpdateID")
        let flag = HostedArgumentType<BrowseFlag>("BrowseFlag")
        let searchCapabilities = HostedVariable("SearchCapabilities", Self.searchable)
        let sortCapabilities = HostedVariable("SortCapabilities", Self.sortable)
        return HostedService("urn:schemas-upnp-org:service:ContentDirectory:1") {
            HostedAction("GetSearchCapabilities", out: searchCapabilities.argument("SearchCaps")) { Self.searchable }
            HostedAction("GetSortCapabilities", out: sortCapabilities.argument("SortCaps")) { Self.sortable }
            HostedAction("GetSystemUpdateID", out: updateID.argument("Id")) { self.updateID.value }
            HostedAction(
                "Browse", in: objectID.argument("ObjectID"), flag.argument("BrowseFlag"), filter.argument("Filter"),
                index.argument("StartingIndex"), count.argument("RequestedCount"), sort.argument("SortCriteria"),
                out: result.argument("Result"), count.argument("NumberReturned"), count.argument("TotalMatches"),
                update.argument("UpdateID")
            ) { (call: ActionInvocation, id, flag, filter, start, count, order) in
                let objects = try await self.browse(id, flag, call)
                return try self.page(objects, order, filter, start, count)
            }
            HostedAction(
                "Search", in: objectID.argument("ContainerID"), search.argument("SearchCriteria"),
                filter.argument("Filter"), index.argument("StartingIndex"), count.argument("RequestedCount"),
                sort.argument("SortCriteria"), out: result.argument("Result"), count.argument("NumberReturned"),
                count.argument("TotalMatches"), update.argument("UpdateID")
            ) { (call: ActionInvocation, id, criteria, filter, start, count, order) in
                let objects = try await self.search(id, criteria, call)
                return try self.page(objects, order, filter, start, count)
            }
        }
    }

    /// ConnectionManager:1, as a server without connections of its own has it.
    public static var connectionManager: HostedService {
        let source = HostedVariable(
            "SourceProtocolInfo", MediaKind.mediaTypes.map { "\(ProtocolInfo(mediaType: $0))" }.joined(separator: ","),
            evented: true)
        let sink = HostedVariable("SinkProtocolInfo", "", evented: true)
        let current = HostedVariable("CurrentConnectionIDs", "0", evented: true)
        let connection = HostedArgumentType<Int32>("ConnectionID")
        let status = HostedArgumentType<String>(
            "ConnectionStatus",
            allowedValues: ["OK", "ContentFormatMismatch", "InsufficientBandwidth", "UnreliableChannel", "Unknown"])
        let direction = HostedArgumentType<String>("Direction", allowedValues: ["Input", "Output"])
        let manager = HostedArgumentType<String>("ConnectionManager")
        let protocolInfo = HostedArgumentType<String>("ProtocolInfo")
        return HostedService("urn:schemas-upnp-org:service:ConnectionManager:1") {
            HostedAction("GetProtocolInfo", out: source.argument("Source"), sink.argument("Sink")) {
                (source.value, sink.value)
            }
            HostedAction("GetCurrentConnectionIDs", out: current.argument("ConnectionIDs")) { current.value }
            HostedAction(
                "GetCurrentConnectionInfo", in: connection.argument("ConnectionID"),
                out: HostedArgumentType<Int32>("RcsID").argument("RcsID"),
                HostedArgumentType<Int32>("AVTransportID").argument("AVTransportID"),
                protocolInfo.argument("ProtocolInfo"), manager.argument("PeerConnectionManager"),
                connection.argument("PeerConnectionID"), direction.argument("Direction"), status.argument("Status")
            ) { id in
                guard id == 0 else {
                    throw UPnPFault(.init(rawValue: 706), description: "Invalid connection reference")
                }
                return (-1, -1, "", "", -1, "Output", "OK")
            }
        }
    }

    enum BrowseFlag: String, CaseIterable, UPnPConvertible {
        case metadata = "BrowseMetadata"
        case children = "BrowseDirectChildren"
    }

    private func browse(_ id: String, _ flag: BrowseFlag, _ call: ActionInvocation) async throws -> [DIDLObject] {
        let library = shelf.library
        guard let entry = library.entries[id] else {
            throw UPnPFault(.init(rawValue: 701), description: "No such object")
        }
        let entries = flag == .metadata ? [entry] : entry.children.compactMap { library.entries[$0] }
        if flag == .children, entry.kind != nil {
            throw UPnPFault(.init(rawValue: 710), description: "No such container")
        }
        return entries.map { library.object($0) { shelf.url(of: $0, $1, call) } }
    }

    private func search(_ id: String, _ text: String, _ call: ActionInvocation) async throws -> [DIDLObject] {
        let library = shelf.library
        guard let entry = library.entries[id], entry.kind == nil else {
            throw UPnPFault(.init(rawValue: 710), description: "No such container")
        }
        let criteria: SearchCriteria
        do { criteria = try SearchCriteria(text) } catch {
            throw UPnPFault(.init(rawValue: 708), description: "\(error)")
        }
        return library.below(id).map { library.object($0) { shelf.url(of: $0, $1, call) } }.filter(criteria.matches)
    }

    private func page(
        _ objects: [DIDLObject], _ order: String, _ filter: String, _ start: UInt32, _ count: UInt32
    ) throws -> (String, UInt32, UInt32, UInt32) {
        guard let order = SortCriteria(order) else {
            throw UPnPFault(.init(rawValue: 709), description: "Unsupported or invalid sort criteria")
        }
        // A count of zero asks for everything (ContentDirectory:1 §2.7.4.2).
        let wanted = count == 0 ? Self.pageSize : min(Int(count), Self.pageSize)
        let page = order.sorted(objects).dropFirst(Int(start)).prefix(wanted)
        return (
            DIDLLite(Array(page)).serialized(filter: PropertyFilter(filter)), UInt32(page.count),
            UInt32(objects.count), updateID.value
        )
    }
}
