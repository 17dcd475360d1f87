import Foundation
package import NIOCore
package import NetworkTypes
import Synchronization
package import Traversal

/// Asks a name server over UDP: looks names up, and updates a zone.
package struct NameServer: Sendable {
    /// Why there is no answer, in a sentence without a full stop.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    private static let attempts = 3
    private static let wait = Duration.seconds(2)

    private let server: SocketEndpoint
    private let eventLoopGroup: any EventLoopGroup

    package init(_ server: SocketEndpoint, eventLoopGroup: any EventLoopGroup) {
        self.server = server
        self.eventLoopGroup = eventLoopGroup
    }

    /// The first name server of the system's resolver; nil where there is none.
    package static func ofSystem(_ text: String? = nil) -> SocketEndpoint? {
        let text = text ?? (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver", let address = IPAddress(words[1]) else { continue }
            return SocketEndpoint(address, port: 53)
        }
        return nil
    }

    /// The texts of a name's TXT records. An answer that does not fit a datagram is a failure.
    package func texts(of name: DNSName) async throws -> [String] {
        let query = DNSMessage.query(name, DNSRecord.Kind.txt, id: UInt16.random(in: .min ... .max))
        let answer = try await exchange(query.encoded, id: query.id) { bytes in
            guard let message = try? DNSMessage(bytes), message.questions == query.questions else { return nil }
            return message
        }
        guard !answer.isTruncated else { throw Failure(description: "the answer about \(name) does not fit") }
        guard answer.responseCode == .noError || answer.responseCode == .noSuchName else {
            throw Failure(description: "the name server answered \(answer.responseCode)")
        }
        return answer.answers.compactMap { $0.name == name ? $0.text : nil }
    }

    /// Replaces records of a zone (RFC 2136), proven by a key.
    package func update(
        zone: DNSName, records: [DNSRecord], removing: [DNSMessage.Question], key: TSIGKey
    ) async throws {
        let message = DNSMessage.update(
            zone: zone, records: records, removing: removing, id: UInt16.random(in: .min ... .max))
        let signed = key.sign(message, at: UInt64(Date().timeIntervalSince1970))
        let refusal = Mutex<String?>(nil)
        let answer = try await exchange(signed.bytes, id: message.id) { bytes -> DNSMessage? in
            do throws(TSIGKey.Fault) {
                return try key.verify(bytes, requestMAC: signed.mac, at: UInt64(Date().timeIntervalSince1970))
            } catch {
                // Anybody can send an unsigned refusal, so it ends nothing; if no better answer comes it is the reason.
                let plain = try? DNSMessage(bytes)
                let reason: String =
                    switch error {
                    case .refused(let code): "\(code)"
                    case .unsigned: plain.map { "\($0.responseCode), unsigned" } ?? "something unreadable"
                    case .wrong: "with a signature that is not the key's"
                    case .time: "with a signature of another time: check the clocks"
                    }
                refusal.withLock { $0 = reason }
                return nil
            }
        } failed: {
            refusal.withLock { $0.map { Failure(description: "the name server answered \($0)") } }
        }
        guard answer.responseCode == .noError else {
            throw Failure(description: "the name server answered \(answer.responseCode)")
        }
    }

    private func exchange(
        _ request: [UInt8], id: UInt16, _ read: @escaping @Sendable ([UInt8]) -> DNSMessage?,
        failed: @escaping @Sendable () -> Failure? = { nil }
    ) async throws -> DNSMessage {
        let own: IPAddress = if case .v4 = server.address { .v4(.unspecified) } else { .v6(.unspecified) }
        let (answers, answer) = AsyncStream.makeStream(of: DNSMessage.self)
        let server = server
        let socket = try await DatagramSocket.open(at: own, on: eventLoopGroup) { datagram in
            guard datagram.source.address == server.address, datagram.source.port == server.port,
                let message = read(datagram.bytes), message.isResponse, message.id == id
            else { return }
            answer.yield(message)
        }
        defer { socket.close() }
        let found = await withTaskGroup(of: DNSMessage?.self) { group in
            group.addTask {
                for await message in answers { return message }; return nil
            }
            group.addTask {
                for _ in 0..<Self.attempts {
                    socket.send(request, to: server)
                    guard (try? await Task.sleep(for: Self.wait)) != nil else { return nil }
                    // A refusal that nobody signed will not change for being asked for again.
                    if failed() != nil { return nil }
                }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let found { return found }
        try Task.checkCancellation()
        throw failed() ?? Failure(description: "the name server \(server) does not answer")
    }
}

extension TSIGKey {
    /// Reads a key file as `tsig-keygen` writes it, or a single line `name:base64`. Nil for anything else, and for
    /// another algorithm than hmac-sha256.
    package init?(file text: String) {
        func quoted(_ word: String) -> String? {
            guard let range = text.range(of: word) else { return nil }
            let rest = text[range.upperBound...].drop { $0 == " " || $0 == "\t" || $0 == "\"" }
            return String(rest.prefix { $0 != "\"" && $0 != ";" && $0 != " " && $0 != "{" && !$0.isNewline })
        }
        let line = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let parts = line.split(separator: ":", maxSplits: 1)
        let isLine = parts.count == 2 && !line.contains("{")
        if !isLine, quoted("algorithm")?.lowercased() != TSIGKey.algorithm { return nil }
        let fields = isLine ? (String(parts[0]), String(parts[1])) : (quoted("key") ?? "", quoted("secret") ?? "")
        guard let name = DNSName(fields.0), !name.labels.isEmpty,
            let secret = Data(base64Encoded: fields.1), (8...512).contains(secret.count)
        else { return nil }
        self.init(name: name, secret: Array(secret))
    }
}
