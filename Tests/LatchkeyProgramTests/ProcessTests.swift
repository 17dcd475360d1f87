import Foundation
import LatchkeyProgram
import Synchronization
import Testing

/// The program itself as a process, on loopback: a gateway without UPnP, which pairs and answers commands.
@Suite struct ProcessTests {
    private func gateway(_ folder: String, _ more: String...) throws -> Child {
        try Child(["gateway", "run", "--state", folder, "--interface", "lo", "--listen", "127.0.0.1:0"] + more)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a gateway without multicast says so, is ready, pairs, and ends cleanly on SIGTERM`() async throws {
        try await withFolder { folder in
            let gateway = try gateway(folder, "--address", "home.example.org:4433", "--name", "Test")
            try await gateway.wait(for: "ready")

            let second = try self.gateway(folder)
            #expect(await second.exitCode() == 1)
            #expect(second.errorText.contains("another latchkey gateway runs with this state folder"))

            let pair = try Child(
                ["gateway", "pair", "--state", folder, "--name", "tv", "--preset", "media", "--json"])
            #expect(await pair.exitCode() == 0)
            var printed: [String] = []
            for await line in pair.lines { printed.append(line) }
            let code = try #require(printed.first)
            #expect(printed.count == 1)
            #expect(code.contains(#""code":"latchkey:"#))

            let sessions = try Child(["gateway", "sessions", "--state", folder])
            #expect(await sessions.exitCode() == 0)

            kill(gateway.pid, SIGTERM)
            #expect(await gateway.exitCode() == 0)
            #expect(!FileManager.default.fileExists(atPath: folder + "/gateway.sock"))
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a gateway that was killed starts again on the same folder`() async throws {
        try await withFolder { folder in
            let first = try gateway(folder)
            try await first.wait(for: "ready")
            kill(first.pid, SIGKILL)
            _ = await first.exitCode()
            #expect(FileManager.default.fileExists(atPath: folder + "/gateway.sock"))
            let second = try gateway(folder)
            try await second.wait(for: "ready")
            kill(second.pid, SIGINT)
            #expect(await second.exitCode() == 0)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `an address that is not this host's is refused in a sentence`() async throws {
        try await withFolder { folder in
            let gateway = try Child(
                ["gateway", "run", "--state", folder, "--interface", "lo", "--listen", "203.0.113.77:1"])
            #expect(await gateway.exitCode() == 1)
            let reason = "latchkey: clients cannot be served on 203.0.113.77:1: Cannot assign requested address\n"
            #expect(gateway.errorText.hasSuffix(reason))
        }
    }
}
