import Foundation
import LatchkeyProgram
import Testing
import latchkey

@Suite struct CommandLineTests {
    private func run(_ arguments: String...) async -> (code: Int32, output: String, errors: String) {
        let transcript = Transcript()
        let code = await Entry.run(arguments, console: transcript.console())
        return (code, transcript.output, transcript.errors)
    }

    @Test(
        "bad usage ends with 2 and one sentence that names the mistake",
        arguments: [
            (["bogus"], "Unexpected argument 'bogus'"),
            (["gateway", "pair"], "Missing expected argument '--name <client>'"),
            (["gateway", "pair", "--name", "x"], "either --preset or --device-type"),
            (["gateway", "pair", "--name", "x", "--preset", "root"], "'root' is invalid"),
            (["gateway", "pair", "--name", "x", "--preset", "media", "--device-type", "urn:y"], "either --preset"),
            (["gateway", "pair", "--name", "x", "--preset", "media", "--expires", "soon"], "--expires is “soon”"),
            (["gateway", "pair", "--name", "x", "--device-type", "light"], "--device-type is “light”"),
            (["gateway", "run", "--listen", "home:1", "--state", "/nonexistent/x"], "--listen is “home:1”"),
            (["gateway", "run", "--minimum-tls", "1.1", "--state", "/nonexistent/x"], "--minimum-tls is “1.1”"),
            (["gateway", "run", "--max-sessions", "0", "--state", "/nonexistent/x"], "--max-sessions is 0"),
            (["gateway", "run", "--ssdp-group", "10.0.0.1", "--state", "/nonexistent/x"], "--ssdp-group is"),
            (["gateway", "run", "--log-level", "loud", "--state", "/nonexistent/x"], "--log-level is “loud”"),
            // A pin may begin with a hyphen, so a value that does is taken for one.
            (["gateway", "run", "--relay", "-pin@h", "--state", "/nonexistent/x"], "--relay holds “-pin@h”"),
            (["group", "enrol"], "Missing expected argument '<id>'"),
            (["group", "enrol", "x", "--role", "boss"], "'boss' is invalid"),
            (["group", "enrol", "x", "--count", "3"], "--count and --out go together"),
            (["group", "enrol", "x", "--count", "0", "--out", "f"], "--count is 0"),
            (
                ["gateway", "run", "--group-interface", "a/b", "--state", "/nonexistent/x"],
                "--group-interface holds “a/b”"
            ),
            (["away", "pair"], "Give the code as an argument"),
            (["away", "pair", "latchkey:x", "--file", "y"], "Give the code as an argument"),
            (["away", "run", "--allow", "10.0.0.1", "--state", "/nonexistent/x"], "add --share"),
            (["away", "run", "--share", "--allow", "tv", "--state", "/nonexistent/x"], "--allow holds “tv”"),
            (["vlan", "run", "--and", "eth0", "--state", "/nonexistent/x"], "--between is missing"),
            (["vlan", "run", "--between", "eth0", "--state", "/nonexistent/x"], "--and is missing"),
            (
                ["vlan", "run", "--between", "eth0", "--and", "eth0", "--state", "/nonexistent/x"],
                "--between and --and both name eth0"
            ),
            (
                ["vlan", "run", "--between", "a", "--and", "b", "--preset", "root", "--state", "/nonexistent/x"],
                "--preset: there is no preset root"
            ),
            (
                ["vlan", "run", "--between", "a", "--and", "b", "--allow", "tv", "--state", "/nonexistent/x"],
                "--allow holds “tv”"
            ),
            (
                ["vlan", "run", "--between", "a", "--and", "b", "--events-port", "0", "--state", "/nonexistent/x"],
                "--events-port is 0"
            ),
            (["upnp", "search", "--timeout", "0"], "--timeout is 1 to 120 seconds"),
            (["upnp", "invoke", "d", "s", "a", "novalue"], "“novalue” is not of the form name=value"),
            (["upnp", "subscribe", "d", "s", "--count", "0"], "--count is at least 1"),
            (["gateway", "clients", "--config", "/nonexistent/c"], "/nonexistent/c cannot be read"),
        ]
    )
    func badUsage(arguments: [String], mistake: String) async {
        let transcript = Transcript()
        let code = await Entry.run(arguments, console: transcript.console())
        #expect(code == 2)
        #expect(transcript.output.isEmpty)
        let first = transcript.errors.split(separator: "\n").first ?? ""
        #expect(first.hasPrefix("latchkey: "))
        #expect(first.contains(mistake))
    }

    @Test(
        "every command's help has an example and ends with 0",
        arguments: [
            "gateway run", "gateway pair", "gateway clients", "gateway sessions", "gateway devices", "gateway revoke",
            "gateway rotate-key", "gateway status", "away pair", "away run", "away devices", "away status",
            "vlan run", "vlan devices", "vlan status", "vlan reload", "policy show", "policy check", "policy edit",
            "policy set", "policy diff", "policy explain", "policy history", "policy rollback",
            "gateway consent list", "gateway consent allow", "gateway consent refuse", "audit show", "audit export",
            "audit search",
            "audit verify", "group enrol", "group devices", "group members", "group allow", "group evict",
            "group status",
            "upnp search", "upnp watch", "upnp describe", "upnp invoke", "upnp subscribe",
        ]
    )
    func help(command: String) async {
        let transcript = Transcript()
        let words = command.split(separator: " ").map(String.init)
        let code = await Entry.run(words + ["--help"], console: transcript.console())
        #expect(code == 0)
        #expect(transcript.errors.isEmpty)
        #expect(transcript.output.contains("latchkey \(command)"))
        #expect(transcript.output.contains("Example: latchkey \(command)"))
        #expect(transcript.output.contains("--json"))
    }

    @Test func `each fault of a policy is a line of its own, and an object for programs`() async throws {
        try await withFolder { folder in
            let file = folder + "/house.yaml"
            try "policy: 1\nrules:\n  - {name: a, permitt: [X]}\n  - {}\n".write(
                toFile: file, atomically: true, encoding: .utf8)
            let text = await run("policy", "check", file)
            #expect(text.code == 1 && text.output.isEmpty)
            let lines = text.errors.split(separator: "\n")
            #expect(lines.first == "latchkey: \(file) is no policy:")
            #expect(lines.count > 2 && lines.dropFirst().allSatisfy { $0.hasPrefix("  \(file): line ") })
            let json = await run("policy", "check", file, "--json")
            #expect(json.code == 1)
            #expect(json.output.split(separator: "\n").count == lines.count - 1)
            #expect(json.output.hasPrefix(#"{"column":"#) && json.output.contains(#""line":4"#))
        }
    }

    @Test func `asking a gateway that does not run ends with 1 and says how to start it`() async throws {
        try await withFolder { folder in
            for words in [["gateway", "sessions"], ["gateway", "devices"], ["gateway", "status"]] {
                let transcript = Transcript()
                let code = await Entry.run(words + ["--state", folder], console: transcript.console())
                #expect(code == 1)
                #expect(
                    transcript.errors.hasPrefix("latchkey: the gateway is not running with the state folder \(folder)"))
            }
            let away = await run("away", "devices", "--state", folder)
            #expect(away.code == 1)
            #expect(away.errors.contains("the away client is not running"))
        }
    }

    @Test func `a pairing code is found in a file among other lines, and a large file is refused`() async throws {
        try await withFolder { folder in
            let path = folder + "/code"
            try "Here it is:\n  latchkey:ABC  \nbye\n".write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try PairingCodeSource.file(path).read() == "latchkey:ABC")
            try String(repeating: "x", count: 5000).write(toFile: path, atomically: true, encoding: .utf8)
            #expect(await sentence { _ = try PairingCodeSource.file(path).read() }.contains("holds more than"))
            try "nothing".write(toFile: path, atomically: true, encoding: .utf8)
            #expect(await sentence { _ = try PairingCodeSource.file(path).read() }.contains("holds no pairing code"))
        }
    }
}
