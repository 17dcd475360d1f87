import Foundation
package import NIOCore
import NIOUPnP
package import NetworkTypes
import Synchronization
package import Traversal

/// Asks a name server: looks names up, and updates a zone. Over UDP, and over TCP what does not fit a datagram (RFC 7766 §5).
package struct NameServer: Sendable {
    /// Why there is no answer, in a sentence without a full stop.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    private static let attempts = 3
    private static let wait = Duration.seconds(2)
    /// From connecting to the last byte, however slowly they come.
    private static let streamTime = Duration.seconds(5)

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

    /// The texts of a name's TXT records.
    package func texts(of name: DNSName) async throws -> [String] {
        let query = DNSMessage.query(name, DNSRecord.Kind.txt, id: UInt16.random(in: .min ... .max))
        let answer = try await exchange(query.encoded, id: query.id) { bytes in
            guard let message = try? DNSMessage(bytes), message.questions == query.questions else { return nil }
            return message
        }
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
        if request.count <= Int(DNSMessage.datagramBytes),
            let answer = try await exchangeDatagrams(request, id: id, read, failed: failed)
        {
            return answer
        }
        return try await exchangeOnStream(request, id: id, read, failed: failed)
    }

    /// Nil where the answer does not fit a datagram. Who pretends that only makes us ask again, over TCP.
    private func exchangeDatagrams(
        _ request: [UInt8], id: UInt16, _ read: @escaping @Sendable ([UInt8]) -> DNSMessage?,
        failed: @escaping @Sendable () -> Failure?
    ) async throws -> DNSMessage? {
        enum Answer: Sendable {
            case whole(DNSMessage)
            case truncated
        }
        let own: IPAddress = if case .v4 = server.address { .v4(.unspecified) } else { .v6(.unspecified) }
        let (answers, answer) = AsyncStream.makeStream(of: Answer.self)
        let server = server
        let socket = try await DatagramSocket.open(at: own, on: eventLoopGroup) { datagram in
            guard datagram.source.address == server.address, datagram.source.port == server.port else { return }
            if Self.isTruncated(datagram.bytes, id: id) { answer.yield(.truncated) }
            guard let message = read(datagram.bytes), message.isResponse, message.id == id else { return }
            answer.yield(.whole(message))
        }
        defer { socket.close() }
        let found = await withTaskGroup(of: Answer?.self) { group in
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
        switch found {
        case .whole(let message): return message
        case .truncated: return nil
        case nil:
            try Task.checkCancellation()
            throw failed() ?? Failure(description: "the name server \(server) does not answer")
        }
    }

    /// By the header alone: the rest may end in the middle of a record (RFC 2181 §9).
    private static func isTruncated(_ bytes: [UInt8], id: UInt16) -> Bool {
        bytes.count >= 12 && bytes[0] == UInt8(id >> 8) && bytes[1] == UInt8(id & 0xFF) && bytes[2] & 0x82 == 0x82
    }

    /// One message there and one back, each behind its length in two bytes (RFC 1035 §4.2.2), in ``streamTime``.
    private func exchangeOnStream(
        _ request: [UInt8], id: UInt16, _ read: @escaping @Sendable ([UInt8]) -> DNSMessage?,
        failed: @escaping @Sendable () -> Failure?
    ) async throws -> DNSMessage {
        let (server, group) = (server, eventLoopGroup)
        let bytes: [UInt8]? = try await withThrowingTaskGroup(of: [UInt8]?.self) { tasks in
            tasks.addTask {
                do {
                    return try await ByteStreams.withConnection(
                        to: server, within: Self.streamTime, eventLoopGroup: group
                    ) { inbound, outbound in
                        try await outbound.write(ByteBuffer(integer: UInt16(request.count), as: UInt16.self))
                        try await outbound.write(ByteBuffer(bytes: request))
                        var received = ByteBuffer()
                        for try await part in inbound {
                            received.writeImmutableBuffer(part)
                            if let message = received.getLengthPrefixedSlice(at: 0, as: UInt16.self) {
                                return Array(message.readableBytesView)
                            }
                        }
                        return nil
                    }
                } catch is CancellationError {
                    return nil
                } catch {
                    throw Failure(description: "the name server \(server) cannot be asked over TCP: \(error)")
                }
            }
            tasks.addTask {
                try? await Task.sleep(for: Self.streamTime)
                return nil
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? nil
        }
        try Task.checkCancellation()
        guard let bytes else {
            throw failed() ?? Failure(description: "the name server \(server) does not answer over TCP")
        }
        guard let message = read(bytes), message.isResponse, message.id == id else {
            throw failed() ?? Failure(description: "the name server \(server) answers something else over TCP")
        }
        return message
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
