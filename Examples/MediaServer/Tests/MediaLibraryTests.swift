import Foundation
import Testing
import UPnP

@testable import FolderMedia

/// A folder of media that is removed at the end.
func withFolder<Result>(
    _ files: [String], _ body: (URL) async throws -> Result
) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "media-\(UUID())", directoryHint: .isDirectory)
    defer { try? FileManager.default.removeItem(at: folder) }
    for file in files {
        let url = folder.appending(path: file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("content of \(file)".utf8).write(to: url)
    }
    return try await body(folder)
}

@Suite("A library over a folder")
struct MediaLibraryTests {
    @Test func `folders are containers, media are items, and the rest is left out`() async throws {
        try await withFolder(["a/one.mp3", "a/b/two.MKV", "three.jpg", "notes.txt", ".hidden/x.mp3"]) { folder in
            let library = try MediaLibrary(folder: folder.path)
            #expect(library.below("0").map(\.title) == ["a", "b", "two", "one", "three"])
            let two = try #require(library.below("0").first { $0.title == "two" })
            #expect(two.kind?.mediaType == "video/x-matroska")
            #expect(two.size == 22)
            #expect(library.entries[two.parentID]?.title == "b")
            #expect(library.entries["0"]?.children.count == 2)
        }
    }

    @Test func `ids are the same when the folder is read again`() async throws {
        try await withFolder(["a/one.mp3", "b.jpg"]) { folder in
            let library = try MediaLibrary(folder: folder.path)
            #expect(try MediaLibrary(folder: folder.path) == library)
            try Data().write(to: folder.appending(path: "c.png"))
            let later = try MediaLibrary(folder: folder.path)
            #expect(later != library)
            #expect(Set(library.entries.keys).isSubset(of: later.entries.keys))
        }
    }

    @Test func `a link that leads out of the folder is not followed`() async throws {
        try await withFolder(["secret.mp3"]) { outside in
            try await withFolder(["inside.mp3"]) { folder in
                let files = FileManager.default
                try files.createSymbolicLink(
                    at: folder.appending(path: "file.mp3"), withDestinationURL: outside.appending(path: "secret.mp3"))
                try files.createSymbolicLink(at: folder.appending(path: "folder"), withDestinationURL: outside)
                try files.createSymbolicLink(at: folder.appending(path: "loop"), withDestinationURL: folder)
                let library = try MediaLibrary(folder: folder.path)
                #expect(library.below("0").filter { $0.kind != nil }.map(\.title) == ["inside"])
            }
        }
    }

    @Test func `a folder that is not there is an error`() {
        #expect(throws: (any Error).self) { try MediaLibrary(folder: "/nowhere-\(UUID())") }
    }

    @Test func `an item says where its file and its picture are`() async throws {
        try await withFolder(["film.mp4", "song.mp3"]) { folder in
            let library = try MediaLibrary(folder: folder.path)
            let objects = library.below("0").map { library.object($0) { "http://192.0.2.1/\($1)/\($0.title)" } }
            #expect(objects[0].resources.map(\.uri) == ["http://192.0.2.1/file/film", "http://192.0.2.1/picture/film"])
            #expect(objects[0]["upnp:albumArtURI"] == "http://192.0.2.1/picture/film")
            #expect(objects[0].resources[0].size == 19)
            #expect(objects[1].resources.map(\.uri) == ["http://192.0.2.1/file/song"])
            #expect(objects[1].isDerived(from: "object.item.audioItem"))
        }
    }
}
