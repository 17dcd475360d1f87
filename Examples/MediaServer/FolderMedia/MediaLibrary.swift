import Foundation
import UPnP

/// A folder's media at one moment, as containers and items.
///
/// Ids are made of the path below the folder, so that they are the same after a restart. What begins with a dot,
/// and links that lead out of the folder, are left out.
public struct MediaLibrary: Sendable, Equatable {
    /// A folder or a file.
    public struct Entry: Sendable, Equatable {
        /// The id; `0` is the folder itself.
        public var id: String
        /// The id of the folder that it is in.
        public var parentID: String
        /// The name without its ending.
        public var title: String
        /// The name's ending with its dot, such as `.mp3`; empty for a folder.
        public var suffix: String
        /// The absolute path.
        public var path: String
        /// What it is; nil for a folder.
        public var kind: MediaKind?
        /// Bytes of a file.
        public var size: UInt64
        /// When it was last written, seconds since 1970.
        public var modified: Int
        /// The ids of what is in a folder, by name.
        public var children: [String]
    }

    /// The most entries that are served; what is beyond is left out, and ``isCut`` says so.
    public static let maximumEntries = 100_000
    /// How deep folders may nest.
    public static let maximumDepth = 32

    /// By id.
    public private(set) var entries: [String: Entry] = [:]
    /// Whether there was more than is served.
    public private(set) var isCut = false

    /// Reads a folder with all that is below it.
    ///
    /// - Throws: when the folder itself cannot be read; what cannot be read below it is left out.
    public init(folder: String) throws {
        let root = URL(filePath: folder, directoryHint: .isDirectory).resolvingSymlinksInPath()
        _ = try FileManager.default.contentsOfDirectory(atPath: root.path)
        entries["0"] = Entry(
            id: "0", parentID: "-1", title: root.lastPathComponent, suffix: "", path: root.path, kind: nil, size: 0,
            modified: 0, children: [])
        read(root, id: "0", below: root.path + "/", relative: "", depth: 1)
    }

    private mutating func read(_ folder: URL, id: String, below root: String, relative: String, depth: Int) {
        guard depth <= Self.maximumDepth else { return isCut = true }
        let keys: Set<URLResourceKey> = [.isDirectoryKey, .isRegularFileKey, .fileSizeKey, .contentModificationDateKey]
        let found =
            (try? FileManager.default.contentsOfDirectory(
                at: folder, includingPropertiesForKeys: Array(keys), options: .skipsHiddenFiles)) ?? []
        var children: [String] = []
        for url in found.sorted(by: { $0.lastPathComponent < $1.lastPathComponent }) {
            guard entries.count < Self.maximumEntries else {
                isCut = true
                break
            }
            let target = url.resolvingSymlinksInPath()
            guard target.path.hasPrefix(root), let facts = try? target.resourceValues(forKeys: keys) else { continue }
            let name = url.lastPathComponent
            let path = relative + "/" + name
            let childID = Self.id(of: path)
            guard entries[childID] == nil else { continue }
            let isFolder = facts.isDirectory ?? false
            let kind = isFolder ? nil : MediaKind(fileName: name)
            guard isFolder || kind != nil && facts.isRegularFile ?? false else { continue }
            let suffix = isFolder ? "" : "." + url.pathExtension
            entries[childID] = Entry(
                id: childID, parentID: id, title: isFolder ? name : String(name.dropLast(suffix.count)),
                suffix: suffix, path: target.path, kind: kind, size: UInt64(max(0, facts.fileSize ?? 0)),
                modified: Int(facts.contentModificationDate?.timeIntervalSince1970 ?? 0), children: [])
            children.append(childID)
            if isFolder { read(target, id: childID, below: root, relative: path, depth: depth + 1) }
        }
        entries[id]?.children = children
    }

    /// 64 bits of the path (FNV-1a): short, and the same at each start.
    private static func id(of path: String) -> String {
        let hash = path.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return String(hash, radix: 36)
    }

    /// Every entry below a folder, folders before what is in them, each folder's by name.
    public func below(_ id: String) -> [Entry] {
        var result: [Entry] = []
        var waiting = (entries[id]?.children ?? []).reversed().map { $0 }
        while let next = waiting.popLast() {
            guard let entry = entries[next] else { continue }
            result.append(entry)
            waiting += entry.children.reversed()
        }
        return result
    }

    /// An entry as ContentDirectory describes it.
    /// - Parameter url: The URL of an entry's file or of its picture, as the asker reaches it.
    public func object(_ entry: Entry, url: (Entry, Rendition) -> String?) -> DIDLObject {
        guard let kind = entry.kind else {
            return DIDLObject(
                .container, id: entry.id, parentID: entry.parentID, title: entry.title,
                objectClass: "object.container.storageFolder", childCount: entry.children.count, isSearchable: true)
        }
        var item = DIDLObject(
            .item, id: entry.id, parentID: entry.parentID, title: entry.title, objectClass: kind.objectClass)
        item.properties.append(DIDLProperty("dc:date", Self.date(entry.modified)))
        if let url = url(entry, .file) {
            // DLNA.ORG_OP=01: ranges of bytes are served, so that a player can seek.
            let info = ProtocolInfo(mediaType: kind.mediaType, additionalInfo: "DLNA.ORG_OP=01;DLNA.ORG_CI=0")
            item.resources.append(DIDLResource(url, info, size: entry.size))
        }
        if kind.hasPicture, let url = url(entry, .picture) {
            item.properties.append(
                DIDLProperty("upnp:albumArtURI", url, attributes: [DIDLAttribute("dlna:profileID", "JPEG_TN")]))
            let info = ProtocolInfo(mediaType: "image/jpeg", additionalInfo: "DLNA.ORG_PN=JPEG_TN;DLNA.ORG_CI=1")
            item.resources.append(DIDLResource(url, info))
        }
        return item
    }

    /// Which of an entry's contents.
    public enum Rendition: Sendable {
        /// The file.
        case file
        /// A small picture of it.
        case picture
    }

    /// `2026-11-22`, in UTC.
    private static func date(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(
            Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day())
    }
}
