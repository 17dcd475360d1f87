import Foundation
import NIOUPnP
import NetworkTypes
import SUPnP
import Testing

@testable import Groups

@Suite("latchkey member run", .needsTestInterface, .timeLimit(.minutes(2)))
struct MemberRunTests {
    static let light = "urn:example:service:Light:1"

    @Test("A server answers by a command, a client asks and leaves, and SIGTERM is a farewell")
    func serverAndClient() async throws {
        try await withController { controller in
            let lamp = try CodeFile(try controller.enrol("lamp", roles: .server))
            let phone = try CodeFile(try controller.enrol("phone", roles: .client, allows: ["urn:example:*"]))
            let server = try RunningProgram(
                controller.arguments(
                    "--id", "lamp", "--password-file", lamp.path, "--offer", Self.light, "--answer-command",
                    "read what; echo \"$what on $LATCHKEY_SERVICE\""))
            #expect(try await server.event("registered")["id"] == "lamp")
            #expect(try await server.event("epoch")["epoch"] == "1")
            try await server.event("offers-known")
            let client = try RunningProgram(
                controller.arguments(
                    "--id", "phone", "--password-file", phone.path, "--stdin", "--window", "700ms"),
                input: "\(Self.light) state\nurn:example:service:Nobody:1 x\nurn:other:service:Light:1 x\n")
            #expect(try await client.event("registered")["id"] == "phone")
            #expect(try await client.event("accepted")["request"] == "1")
            let answer = try await client.event("answer")
            #expect(answer["payload"] == "state on \(Self.light)")
            #expect(answer["server"] == "1")
            #expect(answer["last"] == "true")
            let completed = try await client.event("completed")
            #expect(completed["answers"] == "1")
            #expect(completed["reason"] == "window-over")
            #expect(try await client.event("refused")["reason"] == "no-server")
            #expect(try await client.event("refused")["reason"] == "not-allowed")
            #expect(await client.exitCode() == 0)
            #expect(client.transcript.contains(#""event":"left""#))
            let request = try await server.event("request")
            #expect(request["payload"] == "state")
            #expect(request["service"] == Self.light)
            server.signal(SIGTERM)
            try await server.event("left")
            #expect(await server.exitCode() == 0)
        }
    }

    @Test(
        "Commands that leave something behind, or last too long, keep no request from its answer and no program from its end"
    )
    func commandsThatStay() async throws {
        try await withController { controller in
            let lamp = try CodeFile(try controller.enrol("lamp", roles: .server))
            let server = try RunningProgram(
                controller.arguments(
                    "--id", "lamp", "--password-file", lamp.path, "--offer", Self.light, "--answer-command",
                    "read what; sleep 600 & if [ \"$what\" = stay ]; then sleep 600; fi; echo \"$what\""))
            try await server.event("offers-known")
            let asker = try controller.enrol("asker", roles: .client, allows: ["*"])
            try await withGroup(controller.member("asker", code: asker)) { member in
                // More than there are places for commands.
                for number in 1...6 {
                    let answers = try await member.request(
                        Self.light, "\(number)", window: .seconds(20), maximumAnswers: 1
                    ).collect().answers
                    #expect(answers.map(\.text) == ["\(number)"])
                }
                try await member.announce(Self.light, "stay")
            }
            while try await server.event("request")["payload"] != "stay" {}
            server.signal(SIGTERM)
            try await server.event("left")
            #expect(await server.exitCode() == 0)
        }
    }

    @Test(
        "A line that asks nobody ends it with an error and its sentence, not by a signal, also with lines behind it that nobody reads any more"
    )
    func wrongLine() async throws {
        try await withController { controller in
            let phone = try CodeFile(try controller.enrol("phone", roles: .client, allows: ["urn:example:*"]))
            let client = try RunningProgram(
                controller.arguments("--id", "phone", "--password-file", phone.path, "--stdin"),
                input: "\u{FC} x\n\(Self.light) y\n\(Self.light) z\n")
            let code = await client.exitCode()
            #expect((1...2).contains(code), "exit code \(code)")
            #expect(client.transcript.contains("visible ASCII"))
        }
    }

    @Test("A wrong code ends it with exit code 1 and a sentence, and so does being struck off")
    func noMember() async throws {
        try await withController { controller in
            _ = try controller.enrol("lamp", roles: .server)
            let wrong = try CodeFile(SetupCode("00000-00000"))
            let program = try RunningProgram(
                controller.arguments("--id", "lamp", "--password-file", wrong.path, "--offer", Self.light))
            try await program.event("registration-failed")
            #expect(await program.exitCode() == 1)
            #expect(program.transcript.contains("no controller on this network knows this device"))
            let code = try CodeFile(try controller.enrol("clock", roles: .server))
            let member = try RunningProgram(
                controller.arguments("--id", "clock", "--password-file", code.path, "--offer", Self.light))
            try await member.event("registered")
            try controller.strikeOff("clock")
            try await member.event("evicted")
            #expect(await member.exitCode() == 1)
            #expect(member.transcript.contains("evicted from the group and may not return"))
        }
    }

    @Test("A roster runs many members in one process, and is ready when all are registered")
    func roster() async throws {
        try await withController { controller in
            var lines = "# displays\n"
            for number in 1...12 {
                let code = try controller.enrol("display-\(number)", roles: .server)
                lines += "display-\(number) \(code.exposedText)\n"
            }
            let file = try CodeFile(text: lines)
            let program = try RunningProgram(
                controller.arguments("--roster", file.path, "--offer", Self.light, "--answer", "here"))
            try await program.event("ready")
            let asker = try controller.enrol("asker", roles: .client, allows: ["*"])
            try await withGroup(controller.member("asker", code: asker)) { member in
                while try await member.request(Self.light, "who", window: .seconds(1), maximumAnswers: 12)
                    .collect().answers.count < 12
                {}
            }
            program.signal(SIGTERM)
            #expect(await program.exitCode() == 0)
        }
    }
}

/// A file with a code, for its owner alone; removed with this.
final class CodeFile: Sendable {
    let path: String

    convenience init(_ code: SetupCode?) throws { try self.init(text: (code?.exposedText ?? "") + "\n") }

    init(text: String) throws {
        path = NSTemporaryDirectory() + "lkg-" + String(UInt64.random(in: .min ... .max), radix: 36)
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw TestFailure("no file \(path)") }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension TestController {
    /// What makes `latchkey member run` look on this network.
    func arguments(_ more: String...) -> [String] {
        [
            "member", "run", "--json", "--interface", TestNetwork.name, "--family", "ipv4", "--ssdp-port",
            "\(ssdp.group.port)",
        ]
            + ["--insecure-test-derivation"] + more
    }
}
