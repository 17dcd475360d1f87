import Foundation
import Testing

@testable import LatchkeyProgram

@Suite("TURN servers whose credentials end: a file that is read for each path")
struct TURNServersTests {
    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Settings of an away client with a server that is named, and a file of this folder.
    private func settings(_ file: String, in folder: String) throws -> TraversalSettings {
        let settings = try Settings.load(
            commandLine: CommandLineValues(), configurationFile: nil,
            environment: [
                "LATCHKEY_STATE": folder, "LATCHKEY_AWAY_TURN": "name:word@192.0.2.1", "LATCHKEY_AWAY_TURN_FILE": file,
            ])
        return try TraversalSettings(
            settings, stun: .awaySTUN, turn: .awayTURN, turnFile: .awayTURNFile, direct: .awayDirect)
    }

    @Test func `new credentials count for the next path, before the servers that are named`() async throws {
        try await withFolder { folder in
            let file = folder + "/turn"
            try write("# fetched\n\n1700000000:home:old@192.0.2.9:3478/tcp\n", to: file)
            let servers = try settings(file, in: folder).turnServers
            #expect(servers.isConfigured && servers.current.map(\.password) == ["old", "word"])
            try write("1800000000:home:n:e@w@192.0.2.9:3478/tcp", to: file)
            #expect(servers.current.map(\.password) == ["n:e@w", "word"])
            #expect(servers.current.map(\.username) == ["1800000000:home", "name"])
            try write("", to: file)
            #expect(servers.current.map(\.host) == ["192.0.2.1"])
        }
    }

    @Test func `while the file is gone, half written or too large, what it held before counts`() async throws {
        try await withFolder { folder in
            let file = folder + "/turn"
            try write("a:b@192.0.2.9", to: file)
            let servers = try settings(file, in: folder).turnServers
            for text in ["a:b@192.0.2.8\n1700000000:ho", String(repeating: "#", count: TURNServers.largest + 1)] {
                try write(text, to: file)
                #expect(servers.current.map(\.host) == ["192.0.2.9", "192.0.2.1"])
            }
            try FileManager.default.removeItem(atPath: file)
            #expect(servers.current.map(\.host) == ["192.0.2.9", "192.0.2.1"])
        }
    }

    @Test func `a name with the time at which it ends is one name`() {
        let server = TraversalServer(turn: "1764288000:home:a:b@c@turn.example.org/tcp")
        #expect(server?.username == "1764288000:home" && server?.password == "a:b@c" && server?.transport == .tcp)
        #expect(TraversalServer(turn: "1764288000:word@turn.example.org")?.username == "1764288000")
        #expect(TraversalServer(turn: "home:1764288000:word@turn.example.org")?.password == "1764288000:word")
    }

    @Test func `no more servers count than may be asked`() async throws {
        try await withFolder { folder in
            try write(String(repeating: "a:b@192.0.2.9\n", count: 9), to: folder + "/turn")
            #expect(try settings(folder + "/turn", in: folder).turnServers.current.count == TURNServers.most)
        }
    }

    @Test func `a file that cannot be used at the start is told by its line, and not by what stands there`()
        async throws
    {
        try await withFolder { folder in
            let file = folder + "/turn"
            try write("a:b@192.0.2.9\nsecret", to: file)
            let error = #expect(throws: ProgramError.self) { try settings(file, in: folder) }
            let said = error.map { "\($0)" } ?? ""
            #expect(said.contains("away.turnFile has in line 2") && !said.contains("secret"), "\(said)")
            #expect(throws: ProgramError.self) { try settings(folder + "/none", in: folder) }
        }
    }
}
