import ArgumentParser
import FolderMedia
import NIOUPnP
import Support
import UPnP

/// A media server over a folder, for players and televisions on the same network.
@main
struct MediaServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-server", abstract: "Serves a folder's music, films and pictures to the network.",
        discussion: """
            Example: media-server ~/Music --name "Music at home"
            Small pictures are made with ffmpeg where it is installed. Ctrl-C ends it.
            """)

    @Argument(help: "The folder.") var folder: String
    @Option(help: "The name that players show.") var name = "Folder media"
    @Option(
        name: .customLong("interface"), help: "An interface to serve; may be repeated. All private networks without it."
    )
    var interfaces: [String] = []
    @Option(help: "Where the server's identity is kept, so that players know it again.") var identity =
        "media-server.udn"
    @Option(help: "Seconds between two looks at the folder, 1 or more.") var refresh = 30

    func validate() throws {
        guard refresh >= 1 else { throw ValidationError("--refresh takes a number of seconds, 1 or more") }
    }

    func run() async throws {
        let shelf = try Shelf(folder: folder, pictures: Pictures())
        let directory = ContentDirectory(shelf)
        let server = HostedDevice(
            type: "urn:schemas-upnp-org:device:MediaServer:1", name: name, manufacturer: "Latchkey examples",
            model: "Folder media server", udn: try HostedUDN.kept(in: identity)
        ) {
            directory.service
            ContentDirectory.connectionManager
            for resource in shelf.resources { resource }
        }
        let library = shelf.library
        let files = library.entries.values.count { $0.kind != nil }
        say("serving \(files) files of \(shelf.folder)\(library.isCut ? ", and leaving out the rest" : "")")
        let host = DeviceHost(
            server,
            configuration: DeviceHostConfiguration(
                interfaces: interfaces.isEmpty ? .privateNetworks : .named(interfaces)))
        let interval = refresh
        try await runUntilSignal {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await host.run() }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(interval))
                        // A folder that cannot be read for a moment, such as a disk that wakes up, ends nothing.
                        guard (try? shelf.refresh()) == true else { continue }
                        say("the folder has changed")
                        await directory.libraryChanged()
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}
