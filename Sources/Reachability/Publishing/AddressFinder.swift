package import Foundation
import HTTPTypes
import Traversal
package import TrustCore
import UPnP

/// What a client was told, inside the tunnel, of how to find its gateway again.
package struct FindingInstructions: Codable, Hashable, Sendable {
    /// Reads the records that are for this client: 32 bytes, a secret.
    package var key: Data
    /// The name whose records are looked up; nil where there is none.
    package var name: String?
    /// Where records are posted, and read with `/json?poll=1` (ntfy).
    package var push: String?
    /// The newest record that was believed.
    package var sequence: UInt64

    package init(key: Data, name: String?, push: String?, sequence: UInt64) {
        self.key = key
        self.name = name
        self.push = push
        self.sequence = sequence
    }
}

/// Finds a gateway's newest addresses where it publishes them.
package struct AddressFinder: Sendable {
    private let web: WebClient
    private let nameServer: NameServer?

    /// - Parameter nameServer: Whom names are looked up with; nil where there is none.
    package init(web: WebClient, nameServer: NameServer?) {
        self.web = web
        self.nameServer = nameServer
    }

    /// The newest record that is believed, of all places; with what was tried.
    package func find(
        _ instructions: FindingInstructions, pins: [KeyPin], now: Date
    ) async -> (record: AddressRecord?, tried: [String]) {
        guard let key = AddressRecordKey(rawRepresentation: instructions.key) else { return (nil, []) }
        var texts: [(place: String, text: String)] = []
        var tried: [String] = []
        if let name = instructions.name.flatMap({ DNSName($0) }), let nameServer,
            let recordName = AddressPublisher.recordName(of: name)
        {
            do {
                let found = try await nameServer.texts(of: recordName)
                if found.isEmpty { tried.append("DNS \(name): no record") }
                texts += found.prefix(8).map { ("DNS \(name)", $0) }
            } catch {
                tried.append("DNS \(name): \(error)")
            }
        }
        if let push = instructions.push, let url = HTTPURL("\(push)/json?poll=1&since=all") {
            do {
                let answer = try await web.send(.get, url)
                let found = Self.messages(answer.text)
                if found.isEmpty { tried.append("\(url.host): no record (status \(answer.status))") }
                texts += found.suffix(32).map { (url.host, $0) }
            } catch {
                tried.append("\(error)")
            }
        }
        var newest: AddressRecord?
        for (place, text) in texts {
            do {
                let record = try AddressRecord(
                    opening: text, with: key, pins: pins, after: max(instructions.sequence, newest?.sequence ?? 0),
                    now: now)
                tried.append("\(place): record \(record.sequence)")
                newest = record
            } catch {
                tried.append("\(place): \(error)")
            }
        }
        return (newest, tried)
    }

    /// The messages of ntfy's JSON lines, oldest first; other events are left out.
    static func messages(_ text: String) -> [String] {
        struct Line: Decodable {
            var event: String?
            var message: String?
        }
        return text.split(separator: "\n").compactMap { line in
            guard let read = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)),
                read.event == nil || read.event == "message"
            else { return nil }
            return read.message
        }
    }
}
