import Foundation
import HTTPTypes
import NIOCore
import NIOUPnP
import Synchronization
import UPnP

/// The library of the moment, and what serves its files and pictures.
public final class Shelf: Sendable {
    /// The folder.
    public let folder: String
    private let pictures: Pictures
    private let current: Mutex<MediaLibrary>

    /// Reads the folder for the first time.
    public init(folder: String, pictures: Pictures) throws {
        self.folder = folder
        self.pictures = pictures
        self.current = Mutex(try MediaLibrary(folder: folder))
    }

    /// What is served at the moment.
    public var library: MediaLibrary { current.withLock { $0 } }

    /// Reads the folder again; whether anything is other than before.
    public func refresh() throws -> Bool {
        let new = try MediaLibrary(folder: folder)
        return current.withLock { library in
            defer { library = new }
            return library != new
        }
    }

    /// The resources that hold the files and the pictures: everything below their names.
    public var resources: [HostedResource] {
        [
            HostedResource(name: "file/") { [self] exchange in
                guard let entry = entry(exchange), let kind = entry.kind else {
                    return try await exchange.respond(.notFound)
                }
                try await exchange.respond(file: entry.path, type: kind.mediaType, headers: Self.dlna(exchange, kind))
            },
            HostedResource(name: "picture/") { [self] exchange in
                guard let entry = entry(exchange), entry.kind?.hasPicture == true,
                    let picture = await pictures.picture(of: entry)
                else { return try await exchange.respond(.notFound) }
                try await exchange.respond(
                    .ok, headers: [.contentType: "image/jpeg"], body: ByteBuffer(bytes: picture))
            },
        ]
    }

    func url(of entry: MediaLibrary.Entry, _ rendition: MediaLibrary.Rendition, _ call: ActionInvocation) -> String? {
        switch rendition {
        case .file: call.resourceURL("file/").map { "\($0)\(entry.id)\(entry.suffix)" }
        case .picture:
            pictures.isAvailable ? call.resourceURL("picture/").map { "\($0)\(entry.id).jpg" } : nil
        }
    }

    /// The entry that the last part of the path names: an id, and the ending that players like to see. No part
    /// of a path on this host ever stands in a URL.
    private func entry(_ exchange: HTTPServerExchange) -> MediaLibrary.Entry? {
        let path = exchange.request.path?.prefix { $0 != "?" } ?? ""
        let name = path.split(separator: "/").last ?? ""
        return library.entries[String(name.prefix { $0 != "." })]
    }

    /// What DLNA players ask for before they stream and seek.
    private static func dlna(_ exchange: HTTPServerExchange, _ kind: MediaKind) -> HTTPFields {
        guard let mode = HTTPField.Name("transferMode.dlna.org"),
            let features = HTTPField.Name("contentFeatures.dlna.org")
        else { return [:] }
        let usual = kind.mediaType.hasPrefix("image/") ? "Interactive" : "Streaming"
        return [
            mode: exchange.request.headerFields[mode] ?? usual, features: "DLNA.ORG_OP=01;DLNA.ORG_CI=0",
        ]
    }
}
