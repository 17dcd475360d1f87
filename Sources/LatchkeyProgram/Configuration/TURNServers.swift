import Foundation
import Synchronization

/// The TURN servers of one side: those that the configuration names, and those of a file that somebody else keeps, such as
/// a job that fetches credentials which end (draft-uberti-behave-turn-rest-00).
///
/// The file has a server a line, written as in the configuration; empty lines and those that begin with `#` count for
/// nothing. It is read again whenever the servers are asked for. While it cannot be read, or a line of it is no server, what it
/// held before counts, so that whoever writes it need not do that in one step.
package final class TURNServers: Sendable {
    /// The most servers in all.
    package static let most = 4
    /// The largest file, in bytes.
    package static let largest = 8_192

    private let named: [TraversalServer]
    private let file: String?
    private let last: Mutex<[TraversalServer]>

    /// - Parameter key: By which the file is configured, for the sentence that says what is wrong.
    /// - Throws: `ProgramError` where the file cannot be used.
    package init(_ named: [TraversalServer], file: String? = nil, of key: String = "") throws {
        self.named = named
        self.file = file
        var found: [TraversalServer] = []
        if let file {
            do {
                found = try Self.read(file)
            } catch {
                throw ProgramError.usage("the file \(file) of \(key) \(error.sentence)")
            }
        }
        last = Mutex(found)
    }

    /// Whether any may ever be asked.
    package var isConfigured: Bool { !named.isEmpty || file != nil }

    /// Those that count at the moment, the file's first, at most ``most``.
    package var current: [TraversalServer] {
        if let file, let found = try? Self.read(file) { last.withLock { $0 = found } }
        return Array((last.withLock { $0 } + named).prefix(Self.most))
    }

    private struct Unusable: Error { let sentence: String }

    private static func read(_ path: String) throws(Unusable) -> [TraversalServer] {
        guard let data = FileManager.default.contents(atPath: path), data.count <= largest else {
            throw Unusable(sentence: "cannot be read, or is larger than \(largest) bytes")
        }
        var servers: [TraversalServer] = []
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: .whitespaces)
            guard !text.isEmpty, !text.hasPrefix("#") else { continue }
            // The line itself has a password.
            guard let server = TraversalServer(turn: text) else {
                throw Unusable(
                    sentence: "has in line \(index + 1) something else than \(TraversalServer.expectedTURN)")
            }
            servers.append(server)
        }
        return servers
    }
}

extension TURNServers: Hashable {
    package static func == (left: TURNServers, right: TURNServers) -> Bool {
        left.named == right.named && left.file == right.file
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(named)
        hasher.combine(file)
    }
}
