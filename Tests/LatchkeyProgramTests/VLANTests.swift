import Foundation
import LatchkeyProgram
import Logging
import PolicyFile
import RemoteAccess
import SQLiteStore
import Testing
import TrustCore

private let house = """
    policy: 1
    rules:
      - name: lamp
        permit: everything
        who: vlan
        via: 198.51.100.20
        device: {type: BinaryLight}

    """

@Suite struct FollowedPolicyTests {
    /// A store and a file beside it.
    private func withPolicy(_ body: (FollowedPolicy, PolicyControlHandler, String) async throws -> Void) async throws {
        try await withFolder { folder in
            let store = try SQLiteGatewayStore(folder: folder)
            let policies = PolicyControlHandler(store: store)
            let file = folder + "/house.yaml"
            try house.write(toFile: file, atomically: true, encoding: .utf8)
            try await body(FollowedPolicy(path: file, policies: policies), policies, file)
            try store.close()
        }
    }

    private func versions(_ policies: PolicyControlHandler) async throws -> [PolicyReport] {
        guard case .history(let versions) = try await policies.handle(.history) else { return [] }
        return versions
    }

    @Test func `a file is a version of the policy when it differs from the one in force, and not again`() async throws {
        try await withPolicy { followed, policies, file in
            #expect(try await followed.read().version == 1)
            let again = try await followed.read()
            #expect(again.version == 1 && again.changes.isEmpty)
            let louder = house.replacingOccurrences(of: "198.51.100.20", with: "198.51.100.0/24")
            try louder.write(toFile: file, atomically: true, encoding: .utf8)
            let second = try await followed.read()
            #expect(second.version == 2 && second.changes.count == 1)
            #expect(try await versions(policies).map(\.author) == [FollowedPolicy.author, FollowedPolicy.author])
            // What somebody else put in force is replaced by what the file says.
            _ = try await policies.handle(.set(text: "policy: 1\nrules: []", expecting: nil, author: "anna"))
            #expect(try await followed.read().version == 4)
        }
    }

    @Test func `a file with faults is told by its lines and changes nothing`() async throws {
        try await withPolicy { followed, policies, file in
            _ = try await followed.read()
            for (text, fault) in [
                (house.replacingOccurrences(of: "permit", with: "permitt"), "\(file): line 4, column 5: "),
                (house.replacingOccurrences(of: "who: vlan", with: "who: 198.51.100.20"), "stands under via"),
                ("- 1", "is no policy"),
            ] {
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                let said = await sentence { _ = try await followed.read() }
                #expect(said.contains(fault), "\(said)")
            }
            try FileManager.default.removeItem(atPath: file)
            #expect(await sentence { _ = try await followed.read() } == "the file \(file) cannot be read")
            #expect(try await versions(policies).count == 1)
        }
    }
}

@Suite struct ConsentTests {
    @Test func `a consent is given to what asks for one, and the audit says to whom`() async throws {
        try await withFolder { folder in
            let store = try SQLiteGatewayStore(folder: folder)
            let asking = house.replacingOccurrences(of: "via: 198.51.100.20", with: "consent: first-use")
            _ = try await PolicyControlHandler(store: store).handle(.set(text: asking, expecting: 0, author: "anna"))
            let trust = try await GatewayTrust.load(
                from: store, policies: PolicySource(store: store, parse: { try PolicyText.parse($0) }), name: "Home",
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let subject = try await trust.localSubject(named: "vlan", scope: nil, orNew: .preset("rules-only"))
            for rule in ["lamps", "guest-pass", ""] {
                await #expect(throws: StoreError.self) {
                    try await trust.answer(rule: rule, subject: subject, consents: true, author: "anna")
                }
            }
            #expect(try await store.consents().isEmpty)
            try await trust.answer(rule: "lamp", subject: subject, consents: true, author: "anna")
            try await trust.answer(rule: "lamp", subject: subject, consents: false, author: "anna")
            var query = AuditQuery()
            query.client = "vlan"
            let told = try await store.auditEntries(query).map(\.event).filter { $0.rule == "lamp" }
            #expect(told.map(\.detail) == ["given by anna", "withdrawn"])
            try store.close()
        }
    }
}

/// Two interfaces of the namespace that tests run in; none elsewhere. Beside the suite, because its trait reads them.
private let testInterfaces =
    ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACES"]?.split(separator: " ").map(String.init) ?? []

@Suite(
    .serialized, .timeLimit(.minutes(2)),
    .enabled(if: testInterfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct VLANProcessTests {
    private func vlan(_ folder: String, between: String, and: String, _ more: String...) throws -> Child {
        try Child(["vlan", "run", "--state", folder, "--between", between, "--and", and] + more)
    }

    @Test(
        arguments: [
            ("nope0", "there is no network interface nope0"),
            ("far0", "the network interface far0 has no IPv4 address"),
            ("lo", "the network interface lo is the loopback interface"),
        ])
    func `an interface that UPnP cannot be spoken on is named with the reason`(name: String, reason: String)
        async throws
    {
        try await withFolder { folder in
            for (between, and) in [(name, testInterfaces[0]), (testInterfaces[0], name)] {
                let child = try vlan(folder + "/state", between: between, and: and)
                #expect(await child.exitCode() == 1)
                #expect(child.errorText.hasPrefix("latchkey: \(reason)"))
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/state"))
        }
    }

    @Test func `a policy's file that is none ends it before it has begun, with the fault's line`() async throws {
        try await withFolder { folder in
            let file = folder + "/house.yaml"
            try "policy: 1\nrulez: []\n".write(toFile: file, atomically: true, encoding: .utf8)
            for (path, said) in [(file, "\(file): line 2, column 1: "), (file + "x", "\(file)x cannot be read")] {
                let child = try vlan(
                    folder + "/state", between: testInterfaces[1], and: testInterfaces[0], "--policy", path)
                #expect(await child.exitCode() == 1)
                let text = child.errorText
                #expect(text.contains(said), "\(text)")
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/state"))
        }
    }

    @Test func `a policy's file is read again by a command and by SIGHUP, and a broken one changes nothing`()
        async throws
    {
        try await withFolder { folder in
            let file = folder + "/house.yaml"
            try house.write(toFile: file, atomically: true, encoding: .utf8)
            let port = "\(UInt16.random(in: 20_000...39_999))"
            let running = try vlan(
                folder, between: testInterfaces[1], and: testInterfaces[0], "--policy", file, "--both-ways",
                "--ssdp-port", port)
            try await running.wait(for: "ready")
            let clients = try await Child.output(["gateway", "clients", "--state", folder, "--json"]).joined()
            #expect(clients.contains(#""name":"vlan-back""#) && clients.contains(#""rules-only""#))

            try (house + "  - {}\n").write(toFile: file, atomically: true, encoding: .utf8)
            let broken = try Child(["vlan", "reload", "--state", folder])
            #expect(await broken.exitCode() == 1)
            #expect(broken.errorText.contains("\(file): line 8, column 5: "))
            kill(running.pid, SIGHUP)
            _ = try await running.line("policy-refused") { $0.hasPrefix("the policy in force stays: ") }

            let other = house.replacingOccurrences(of: "name: lamp", with: "name: lamps")
            try other.write(toFile: file, atomically: true, encoding: .utf8)
            let reloaded = try await Child.output(["vlan", "reload", "--state", folder])
            #expect(reloaded.first == "version 2 is in force")
            try house.write(toFile: file, atomically: true, encoding: .utf8)
            kill(running.pid, SIGHUP)
            _ = try await running.line("policy-read") { $0 == "\(file) was read; version 3 of the policy is in force" }
            #expect(try await Child.output(["policy", "show", "--state", folder]).first == "policy: 1")
            // The first version too: a log that began with the second would not say where rights came from.
            let audited = try await Child.output(["audit", "search", "--state", folder, "--json"])
            #expect(audited.filter { $0.contains(#""what":"policy-changed""#) }.count == 3)

            kill(running.pid, SIGTERM)
            #expect(await running.exitCode() == 0)
        }
    }

    @Test func `without a file there is none to read again, and the sentence says what to do`() async throws {
        try await withFolder { folder in
            let running = try vlan(
                folder, between: testInterfaces[1], and: testInterfaces[0], "--ssdp-port",
                "\(UInt16.random(in: 20_000...39_999))")
            try await running.wait(for: "ready")
            let reload = try Child(["vlan", "reload", "--state", folder])
            #expect(await reload.exitCode() == 1)
            #expect(reload.errorText.contains("start with --policy FILE"))
            // Questions about rights are answered by it where no gateway runs.
            #expect(
                try await Child.output(["gateway", "consent", "list", "--state", folder]) == [
                    "nobody waits for a consent"
                ])
            kill(running.pid, SIGTERM)
            #expect(await running.exitCode() == 0)
        }
    }
}
