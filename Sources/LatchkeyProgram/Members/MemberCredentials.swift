import Foundation

/// Ids and setup codes, as files hold them.
enum MemberCredentials {
    /// The most bytes of a password file.
    static let longestPassword = 4_096
    /// The most bytes of a roster.
    static let longestRoster = 16 * 1_024 * 1_024

    /// A device's id and its setup code.
    struct Credential: Hashable, Sendable {
        var id: String
        var code: String
    }

    /// Reads what the orders name.
    static func read(_ orders: MemberOrders, console: Console) throws -> [Credential] {
        if let roster = orders.roster {
            let credentials = try parse(roster: try text(roster, limit: longestRoster, console: console), roster)
            guard !credentials.isEmpty else { throw ProgramError.failure("\(roster) names no device") }
            return credentials
        }
        guard let id = orders.id, let file = orders.passwordFile else {
            throw ProgramError.usage("give --id and --password-file, or --roster")
        }
        let text = try text(file, limit: longestPassword, console: console)
        let code = text.split(whereSeparator: \.isNewline).first.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
        guard !code.isEmpty else { throw ProgramError.failure("\(name(of: file)) holds no setup code") }
        return [Credential(id: id, code: code)]
    }

    /// Reads lines `ID CODE`; blank ones and those that begin with # are skipped.
    static func parse(roster text: String, _ file: String) throws -> [Credential] {
        var known: Set<String> = []
        return try text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().compactMap {
            number, line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { return nil }
            guard words.count == 2, known.insert(first).inserted else {
                throw ProgramError.failure(
                    words.count == 2
                        ? "\(file) names “\(first)” twice, in line \(number + 1) again"
                        : "\(file) line \(number + 1) is no ID and setup code with a blank between them")
            }
            return Credential(id: first, code: words[1])
        }
    }

    private static func name(of file: String) -> String { file == "-" ? "standard input" : file }

    private static func text(_ file: String, limit: Int, console: Console) throws -> String {
        let handle: FileHandle
        if file == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: file) else {
                throw ProgramError.failure("the file \(file) cannot be read")
            }
            handle = opened
            if FileStatus(file)?.isOpenToOthers == true {
                console.error("others can read \(file); keep the code to yourself with: chmod 600 \(file)")
            }
        }
        defer { if file != "-" { try? handle.close() } }
        var data = Data()
        while data.count <= limit, let chunk = try handle.read(upToCount: 65_536), !chunk.isEmpty { data += chunk }
        guard data.count <= limit else { throw ProgramError.failure("\(name(of: file)) is longer than it may be") }
        return String(decoding: data, as: UTF8.self)
    }
}
