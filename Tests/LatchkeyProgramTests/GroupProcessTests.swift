import Foundation
import LatchkeyProgram
import NIOCore
import NIOPosix
import Testing

/// The whole program on a real network: a gateway, a remote client with a session, members of the group, all processes.
@Suite(
    "Revocation is one act",
    .enabled(
        if: ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"] != nil,
        "LATCHKEY_TEST_INTERFACE names no interface: run inside scripts/in-namespace"), .timeLimit(.minutes(2)))
struct GroupProcessTests {
    private static let interface = ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"] ?? ""

    /// A gateway's state folder, with ports that no other test uses.
    private struct Home {
        let folder: String
        let keyManagerPort: Int
        let listenPort: Int

        init(_ folder: String) async throws {
            self.folder = folder
            let ports = try await Self.ports(4)
            keyManagerPort = ports[0]
            listenPort = ports[3]
            try """
            {"group": {"keyManagerPort": \(ports[0]), "forwarderPort": \(ports[1]), "multicastPort": \(ports[2])}}
            """.write(toFile: "\(folder)/latchkey.json", atomically: true, encoding: .utf8)
        }

        private static func ports(_ count: Int) async throws -> [Int] {
            var channels: [any Channel] = []
            for _ in 0..<count {
                channels.append(
                    try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                        .bind(host: "0.0.0.0", port: 0).get())
            }
            defer { for channel in channels { channel.close(promise: nil) } }
            return channels.compactMap(\.localAddress?.port)
        }

        func gateway() async throws -> Child {
            let child = try Child([
                "gateway", "run", "--state", folder, "--interface", interface, "--listen", "127.0.0.1:\(listenPort)",
                "--address", "127.0.0.1:\(listenPort)", "--ssdp-port", "\(keyManagerPort ^ 1)", "--json",
            ])
            _ = try await child.line("ready") { $0.contains(#""event":"ready""#) }
            return child
        }

        func ask(_ arguments: String...) async throws -> [String] {
            try await Child.output(arguments + ["--state", folder, "--json"])
        }

        /// Enrols a server, and runs it.
        func member(_ id: String, owner: String) async throws -> Child {
            let lines = try await ask(
                "group", "enrol", id, "--role", "server", "--owner", owner, "--insecure-test-derivation")
            let code = try #require(GroupProcessTests.field("code", lines.first))
            let file = "\(folder)/\(id).code"
            try code.write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            let address = try #require(
                try await ask("group", "status").first.flatMap { status in
                    status.split(separator: "\"").first { $0.hasSuffix(":\(keyManagerPort)") && !$0.hasPrefix("[") }
                })
            let child = try Child([
                "member", "run", "--id", id, "--password-file", file, "--offer", "urn:example:\(id):1", "--answer", "x",
                "--interface", interface, "--controller", String(address), "--insecure-test-derivation", "--json",
            ])
            _ = try await child.line("ready") { $0.contains(#""event":"ready""#) }
            return child
        }
    }

    /// A field of a line of JSON, as text.
    static func field(_ name: String, _ line: String?) -> String? {
        guard let line, let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            return nil
        }
        return object[name].map { "\($0)" }
    }

    @Test("a subject's session and its group member end together, and the last member has the next epoch in time")
    func oneAct() async throws {
        try await withFolder { folder in
            try await withFolder { awayFolder in
                let home = try await Home(folder)
                let gateway = try await home.gateway()
                let pairing = try await home.ask("gateway", "pair", "--name", "anna", "--preset", "media")
                let code = try #require(Self.field("code", pairing.first))
                _ = try await Child.output(["away", "pair", code, "--state", awayFolder])
                let session = try Child(["away", "bench-sessions", "--count", "1", "--state", awayFolder])
                try await session.wait(for: "ready")
                // The first enrolment makes the group, while the gateway runs.
                _ = try await home.ask("group", "enrol", "first", "--insecure-test-derivation")
                _ = try await gateway.line("group-serving") { $0.contains("group-serving") }
                let lamp = try await home.member("lamp", owner: "anna")
                let witness = try await home.member("witness", owner: "somebody")
                let clients = try await home.ask("gateway", "clients")
                #expect(clients.contains { $0.contains(#""name":"anna""#) && $0.contains(#""groupDevices":["lamp"]"#) })

                let start = ContinuousClock.now
                async let sessionEnd = session.exitCode()
                let report = try #require(try await home.ask("gateway", "revoke", "anna").first)
                let committed = ContinuousClock.now - start
                let epoch = try #require(Self.field("epoch", report))
                #expect(Self.field("sessionsEnded", report) == "1", "\(report)")
                #expect(Self.field("membersEvicted", report) == "1", "\(report)")
                _ = try await witness.line("epoch \(epoch)") {
                    $0.contains(#""event":"epoch""#) && Self.field("epoch", $0) == epoch
                }
                let converged = ContinuousClock.now - start
                _ = try await lamp.line("evicted") { $0.contains(#""event":"evicted""#) }
                #expect(await sessionEnd != 0)
                let ended = ContinuousClock.now - start
                print("revocation: committed \(committed), last member \(converged), session and member ended \(ended)")
                #expect(committed < .seconds(1), "with a process started for the command")
                #expect(converged < .milliseconds(1_300))
                let again = await sentence { _ = try await home.ask("gateway", "revoke", "anna") }
                #expect(again.contains("was revoked already"))
                kill(gateway.pid, SIGTERM)
                #expect(await gateway.exitCode() == 0)
            }
        }
    }

    @Test("a revocation while the gateway lies dead strikes the devices off, and they are evicted when it starts")
    func offline() async throws {
        try await withFolder { folder in
            let home = try await Home(folder)
            _ = try await home.ask("group", "enrol", "first", "--insecure-test-derivation")
            let first = try await home.gateway()
            _ = try await first.line("group-serving") { $0.contains("group-serving") }
            let lamp = try await home.member("lamp", owner: "anna")
            let witness = try await home.member("witness", owner: "somebody")
            kill(first.pid, SIGKILL)
            _ = await first.exitCode()
            let report = try #require(try await home.ask("gateway", "revoke", "anna").first)
            #expect(Self.field("membersPending", report) == "1", "\(report)")
            #expect(Self.field("membersEvicted", report) == "0", "\(report)")
            let eviction = try #require(try await home.ask("group", "evict", "first").first)
            #expect(Self.field("pending", eviction) == "0", "\(eviction)")
            let epoch = try #require(Self.field("epoch", report).flatMap { Int($0) })

            let second = try await home.gateway()
            _ = try await lamp.line("evicted") { $0.contains(#""event":"evicted""#) }
            _ = try await witness.line("epoch") { line in
                line.contains(#""event":"epoch""#) && Self.field("epoch", line).flatMap { Int($0) } ?? 0 > epoch
            }
            let members = try await home.ask("group", "members")
            #expect(members.map { Self.field("id", $0) } == ["witness"])
            #expect(Self.field("member", members.first) == "65537", "it has not registered again")
            kill(second.pid, SIGTERM)
            #expect(await second.exitCode() == 0)
        }
    }

    @Test("a port that is taken is told, and the gateway runs without the group")
    func takenPort() async throws {
        try await withFolder { folder in
            let home = try await Home(folder)
            let other = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "::", port: home.keyManagerPort).get()
            _ = try await home.ask("group", "enrol", "first", "--insecure-test-derivation")
            let gateway = try await home.gateway()
            let line = try await gateway.line("group-failed") { $0.contains("group-failed") }
            #expect(line.contains("in use"), "\(line)")
            #expect(try await home.ask("gateway", "sessions").isEmpty)
            try await other.close()
            // It is tried again.
            _ = try await gateway.line("group-serving") { $0.contains("group-serving") }
            kill(gateway.pid, SIGTERM)
            #expect(await gateway.exitCode() == 0)
        }
    }
}
