import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import Traversal

@testable import Reachability

@Suite("Reachability: a name server whose answers do not fit a datagram")
struct NameServerTests {
    private static let loopback = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    private let group = MultiThreadedEventLoopGroup.singleton
    private let name: DNSName

    init() throws { name = try #require(DNSName("_latchkey.home.lab.example")) }

    /// A text of 2,500 bytes, as a record for thirty clients is.
    private static let text = String(repeating: "latchkey1:abcde", count: 167)

    private static func answer(_ request: [UInt8], text: String) -> [UInt8] {
        guard let query = try? DNSMessage(request) else { return [] }
        var message = DNSMessage(id: query.id, flags: 0x8180)
        message.questions = query.questions
        message.answers = query.questions.map { DNSRecord($0.name, text: text, ttl: 60) }
        return message.encoded
    }

    /// The header and the beginning of a record, as some servers cut it off.
    private static func cut(_ request: [UInt8]) -> [UInt8] {
        var bytes = Array(answer(request, text: text).prefix(100))
        bytes[2] |= 0x02
        return bytes
    }

    private static func framed(_ message: [UInt8]) -> ByteBuffer {
        ByteBuffer(bytes: [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message)
    }

    /// Runs a server that answers over UDP and over TCP, each as it is told to; nil is silence, over TCP the end.
    private func withServer<Result: Sendable>(
        datagrams: @escaping @Sendable ([UInt8]) -> [UInt8]?, stream: @escaping @Sendable ([UInt8]) -> ByteBuffer?,
        _ body: (NameServer) async throws -> Result
    ) async throws -> Result {
        let (requests, request) = AsyncStream.makeStream(of: DatagramSocket.Datagram.self)
        let (bound, isBound) = AsyncStream.makeStream(of: SocketEndpoint.self)
        let listening = Task { [group] in
            try await ByteStreams.listen(
                on: SocketEndpoint(Self.loopback, port: 0), limit: 4, eventLoopGroup: group,
                onBound: { isBound.yield($0) }, accepts: { _ in true }
            ) { _, inbound, outbound in
                var received = ByteBuffer()
                for try await part in inbound {
                    received.writeImmutableBuffer(part)
                    guard let message = received.getLengthPrefixedSlice(at: 0, as: UInt16.self) else { continue }
                    guard let answer = stream(Array(message.readableBytesView)) else { return }
                    // In two parts, as a network may bring it.
                    try await outbound.write(answer.getSlice(at: 0, length: 1) ?? answer)
                    try await outbound.write(answer.getSlice(at: 1, length: answer.readableBytes - 1) ?? answer)
                }
            }
        }
        defer { listening.cancel() }
        let endpoint = try #require(await bound.first { _ in true })
        let socket = try await DatagramSocket.open(at: Self.loopback, port: endpoint.port, on: group) {
            request.yield($0)
        }
        defer { socket.close() }
        let answering = Task {
            for await one in requests { if let answer = datagrams(one.bytes) { socket.send(answer, to: one.source) } }
        }
        defer { answering.cancel() }
        return try await body(NameServer(endpoint, eventLoopGroup: group))
    }

    @Test func `an answer that was cut off is asked for again over TCP, and is whole`() async throws {
        let texts = try await withServer(
            datagrams: { Self.cut($0) }, stream: { Self.framed(Self.answer($0, text: Self.text)) }
        ) { try await $0.texts(of: name) }
        #expect(texts == [Self.text])
    }

    @Test func `an answer that fits is not asked for over TCP`() async throws {
        let streams = Mutex(0)
        let texts = try await withServer(
            datagrams: { Self.answer($0, text: "short") },
            stream: { _ in
                streams.withLock { $0 += 1 }
                return nil
            }
        ) { try await $0.texts(of: name) }
        #expect(texts == ["short"] && streams.withLock { $0 } == 0)
    }

    @Test(arguments: ["closed", "short", "other"])
    func `a server that says nothing useful over TCP is a failure, and no answer`(manner: String) async throws {
        await #expect(throws: NameServer.Failure.self) {
            try await withServer(
                datagrams: { Self.cut($0) },
                stream: { request in
                    switch manner {
                    case "closed": return nil
                    case "short": return Self.framed([0, 1])
                    default:
                        var answer = Self.answer(request, text: "another's")
                        answer[1] ^= 0xFF
                        return Self.framed(answer)
                    }
                }
            ) { try await $0.texts(of: name) }
        }
    }

    @Test func `an update that does not fit a datagram goes over TCP at once, signed as before`() async throws {
        let key = TSIGKey(name: try #require(DNSName("latchkey")), secret: [UInt8](repeating: 7, count: 32))
        let zone = try #require(DNSName("lab.example"))
        let datagrams = Mutex(0)
        let sizes = Mutex<[Int]>([])
        await #expect(throws: NameServer.Failure.self, "the answer is not signed") {
            try await withServer(
                datagrams: { _ in
                    datagrams.withLock { $0 += 1 }
                    return nil
                },
                stream: { request in
                    sizes.withLock { $0.append(request.count) }
                    return Self.framed(Self.answer(request, text: "no"))
                }
            ) {
                try await $0.update(
                    zone: zone, records: [DNSRecord(name, text: Self.text, ttl: 60)], removing: [], key: key)
            }
        }
        #expect(datagrams.withLock { $0 } == 0 && sizes.withLock { $0.first ?? 0 } > 2_500)
    }
}
