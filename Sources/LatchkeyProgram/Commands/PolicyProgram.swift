import AccessPolicy
import Foundation
import PolicyFile

/// `latchkey policy …`, beyond its arguments.
package enum PolicyProgram {
    /// Sends a request to the running gateway, else to its store, and prints the answer.
    package static func ask(_ request: PolicyControlRequest, _ invocation: Invocation) async throws {
        try show(try await reply(to: request, invocation), invocation)
    }

    /// Puts the text of a file in force; `-` for standard input.
    package static func set(_ path: String, author: String, _ invocation: Invocation) async throws {
        let text = try read(path)
        _ = try parse(text, of: path)
        try await ask(.set(text: text, expecting: nil, author: author), invocation)
    }

    /// Says whether a file is a policy, and everything that is wrong with it.
    package static func check(_ path: String, _ invocation: Invocation) throws {
        let text = try read(path)
        if invocation.json, let faults = faults(in: text) { try faults.forEach { try invocation.console.json($0) } }
        let document = try parse(text, of: path)
        if invocation.json {
            try invocation.console.json(PolicyCheckReport(rules: document.rules.count, groups: document.groups.count))
        } else {
            invocation.console.line("\(path) is a policy of \(document.rules.count) rules")
        }
    }

    /// Says what changes from the policy in force to a file, or from one file to another.
    package static func diff(_ path: String, against other: String?, _ invocation: Invocation) async throws {
        let new = try parse(try read(other ?? path), of: other ?? path)
        let old: PolicyDocument
        if other == nil {
            let text = try await inForce(invocation).text ?? ""
            old = text.isEmpty ? PolicyDocument() : try parse(text, of: "the policy in force")
        } else {
            old = try parse(try read(path), of: path)
        }
        let sentences = PolicyDifference.sentences(from: old, to: new)
        if invocation.json { return try sentences.forEach { try invocation.console.json(["change": $0]) } }
        if sentences.isEmpty { invocation.console.line("they mean the same") }
        sentences.forEach(invocation.console.line)
    }

    /// Opens the policy in force in an editor, checks what comes out of it, and puts it in force. What is no policy is
    /// kept in its file and not put in force.
    package static func edit(author: String, _ invocation: Invocation) async throws {
        let current = try await inForce(invocation)
        let text = current.text.flatMap { $0.isEmpty ? nil : $0 } ?? template
        let path = FileManager.default.temporaryDirectory.appending(
            path: "latchkey-policy-\(UUID().uuidString.lowercased()).yaml"
        ).path
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw ProgramError.failure("the file \(path) cannot be written") }
        try openEditor(on: path, invocation.environment)
        let edited = try read(path)
        if edited == text {
            remove(path)
            return invocation.console.line("nothing was changed")
        }
        do {
            _ = try parse(edited, of: path)
            let reply = try await reply(
                to: .set(text: edited, expecting: current.version, author: author), invocation)
            remove(path)
            try show(reply, invocation)
        } catch let error as ProgramError {
            throw ProgramError.failure("\(error.message)\nwhat you wrote is kept in \(path)")
        }
    }

    private static let template = """
        # Who may do what. See docs/specs/policy.md; “latchkey policy check FILE” checks without storing.
        policy: 1
        rules: []
        #  - name: quiet-evenings
        #    permit: [SetVolume]
        #    who: [alice]
        #    device: {type: MediaRenderer}
        #    arguments: {DesiredVolume: {max: 40}}

        """

    private static func openEditor(on path: String, _ environment: [String: String]) throws {
        let editor = environment["VISUAL"] ?? environment["EDITOR"] ?? "vi"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // As git does: the editor may be a command line, and the file's name is an argument of its own.
        process.arguments = ["-c", "\(editor) \"$@\"", editor, path]
        do {
            try process.run()
        } catch {
            throw ProgramError.failure("the editor “\(editor)” cannot be started; name another in EDITOR")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ProgramError.failure("the editor “\(editor)” failed; nothing was stored, the file is \(path)")
        }
    }

    private static func remove(_ path: String) {
        // A copy that stays behind does no harm, and the policy is stored.
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func inForce(_ invocation: Invocation) async throws -> PolicyReport {
        guard case .shown(let report) = try await reply(to: .show(version: nil), invocation) else {
            throw ProgramError.failure("the gateway did not answer with its policy")
        }
        return report
    }

    private static func reply(
        to request: PolicyControlRequest, _ invocation: Invocation
    ) async throws -> PolicyControlReply {
        guard case .policy(let reply) = try await GatewayProgram.reply(to: .policy(request), invocation) else {
            throw ProgramError.failure("the gateway answered something else")
        }
        return reply
    }

    static func read(_ path: String) throws -> String {
        let limit = PolicyStoreLimits.textBytes
        let handle: FileHandle? = path == "-" ? .standardInput : FileHandle(forReadingAtPath: path)
        guard let handle else { throw ProgramError.failure("the file \(path) cannot be read") }
        let data = try handle.read(upToCount: limit + 1) ?? Data()
        guard data.count <= limit else {
            throw ProgramError.failure("\(path) has more than \(limit) bytes, which is the limit of a policy")
        }
        guard let text = String(bytes: data, encoding: .utf8) else {
            throw ProgramError.failure("\(path) is not UTF-8")
        }
        return text
    }

    @discardableResult
    static func parse(_ text: String, of path: String) throws -> PolicyDocument {
        do {
            return try PolicyText.parse(text)
        } catch {
            throw ProgramError.failure(
                "\(path) is no policy:\n" + error.errors.map { "\(path): \($0)" }.joined(separator: "\n"))
        }
    }
}

extension PolicyProgram {
    /// Everything that is wrong with a text; nil for a policy.
    private static func faults(in text: String) -> [PolicyFaultReport]? {
        do throws(PolicyTextErrors) {
            _ = try PolicyText.parse(text)
            return nil
        } catch { return error.errors.map { .init(line: $0.line, column: $0.column, message: $0.message) } }
    }
}

/// A fault of a policy's text, for programs.
struct PolicyFaultReport: Codable, Hashable, Sendable {
    var line: Int
    var column: Int
    var message: String
}

/// What `latchkey policy check` found, for programs.
struct PolicyCheckReport: Codable, Hashable, Sendable {
    var rules: Int
    var groups: Int
}
