import FolderMedia
import Foundation
import NIOUPnP
import Testing
import UPnP

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The network that a test may use: an interface of a namespace made for it.
let testInterface = ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"]

@Suite("A media server on a network", .timeLimit(.minutes(1)))
struct MediaServerTests {
    @Test(.enabled(if: testInterface != nil, "needs LATCHKEY_TEST_INTERFACE: run it through scripts/in-namespace"))
    func `a control point finds the server, browses, searches and fetches`() async throws {
        let interface = try #require(testInterface)
        try await withFolder(["music/Blue Moon.mp3", "music/Red Sun.mp3", "photo.jpg"]) { folder in
            let shelf = try Shelf(folder: folder.path, pictures: Pictures())
            let server = HostedDevice(
                type: "urn:schemas-upnp-org:device:MediaServer:1", name: "Test", manufacturer: "Test", model: "Test"
            ) {
                ContentDirectory(shelf).service
                ContentDirectory.connectionManager
                for resource in shelf.resources { resource }
            }
            let host = DeviceHost(server, configuration: DeviceHostConfiguration(interfaces: .named([interface])))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await host.run() }
                try await use(server.udn, on: interface)
                group.cancelAll()
            }
        }
    }

    private func use(_ udn: String, on interface: String) async throws {
        var configuration = ControlPointConfiguration(interfaces: .named([interface]))
        // Foundation's URLSession, which fetches the song below, takes no address of IPv6.
        configuration.families = .ipv4
        try await withControlPoint(configuration) { controlPoint in
            var found: DeviceProxy?
            for try await device in controlPoint.search(.device(udn: udn)) { found = device; break }
            let directory = try #require(found).service("ContentDirectory")

            let root = try await browse(directory, "0")
            #expect(root.map(\.title) == ["music", "photo"])
            let songs = try await browse(directory, try #require(root.first).id)
            #expect(songs.map(\.title) == ["Blue Moon", "Red Sun"])

            let answer = try await directory.invoke(
                "Search",
                [
                    "ContainerID": "0", "SearchCriteria": #"dc:title contains "sun""#, "Filter": "*",
                    "StartingIndex": 0, "RequestedCount": 10, "SortCriteria": "",
                ])
            let match = try DIDLLite(parsing: try #require(answer["Result"]?.text)).objects
            #expect(match.map(\.title) == ["Red Sun"])

            let uri = try #require(match.first?.resources.first.flatMap { HTTPURL($0.uri) })
            let (content, _) = try await URLSession.shared.data(from: try #require(URL(string: "\(uri)")))
            #expect(String(decoding: content, as: UTF8.self) == "content of music/Red Sun.mp3")
        }
    }

    private func browse(_ directory: ServiceProxy, _ id: String) async throws -> [DIDLObject] {
        let answer = try await directory.invoke(
            "Browse",
            [
                "ObjectID": .string(id), "BrowseFlag": "BrowseDirectChildren", "Filter": "*", "StartingIndex": 0,
                "RequestedCount": 0, "SortCriteria": "+dc:title",
            ])
        return try DIDLLite(parsing: try #require(answer["Result"]?.text)).objects
    }
}
