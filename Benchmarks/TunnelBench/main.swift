import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NIOTunnel
import NIOTunnelQUIC
import NetworkTypes
import Synchronization
import Tunnel

/// Measures the tunnel by itself, without a gateway around it:
///
///     tunnel-bench serve CERT KEY PORT
///     tunnel-bench pull CERT KEY PORT MIB STREAMS [SERVER-PID]
///     tunnel-bench push CERT KEY PORT MIB STREAMS [SERVER-PID]
///     tunnel-bench call CERT KEY PORT COUNT
///     tunnel-bench idle CERT KEY PORT COUNT SERVER-PID
///
/// `CERT` and `KEY` are PEM files, used at both ends. CARRIER=quic measures QUIC in place of TLS.
struct TunnelBench {
    let identity: TunnelIdentity
    let port: UInt16
    let group: MultiThreadedEventLoopGroup
    let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

    static let isQUIC = ProcessInfo.processInfo.environment["CARRIER"] == "quic"

    func makeListener() -> any CarrierListener {
        guard Self.isQUIC else {
            var configuration = TunnelListenerConfiguration()
            configuration.maximumConnections = 8_192
            configuration.maximumConnectionsPerAddress = 8_192
            configuration.maximumHandshakes = 8_192
            return TunnelListener(configuration: configuration, eventLoopGroup: group, logger: logger)
        }
        var configuration = QUICListenerConfiguration()
        configuration.maximumConnections = 8_192
        configuration.maximumConnectionsPerAddress = 8_192
        configuration.maximumHandshakes = 8_192
        configuration.retryAboveHandshakes = 8_192
        configuration.handlersRunOnEventLoop = ProcessInfo.processInfo.environment["ON_LOOP"] != nil
        return QUICListener(configuration: configuration, eventLoopGroup: group, logger: logger)
    }

    func makeDialer() -> any CarrierDialer {
        Self.isQUIC
            ? QUICDialer(eventLoopGroup: group, logger: logger) : TunnelDialer(eventLoopGroup: group, logger: logger)
    }

    func serve() async throws {
        let listener = makeListener()
        let chunk = ByteBuffer(repeating: 0x5A, count: 256 << 10)
        try await listener.run(
            on: SocketEndpoint(.v4(.loopback), port: port), onBound: { print("listening on \($0)") },
            identity: { identity }, pairingOpen: { false }, authorize: { _ in .admit(subject: "bench") },
            sessions: { carrier, _ in
                try? await carrier.serve { exchange in
                    do {
                        try await exchange.respond(HTTPResponse(status: .ok))
                        if exchange.request.method == .put {
                            for try await _ in exchange.body {}
                        } else {
                            var left = Int(exchange.request.path?.dropFirst() ?? "") ?? 0
                            while left > 0 {
                                try await exchange.send(
                                    left >= chunk.readableBytes ? chunk : ByteBuffer(repeating: 1, count: left))
                                left -= chunk.readableBytes
                            }
                        }
                        try await exchange.finish()
                    } catch {}
                }
            },
            pairing: { _, _ in }
        )
    }

    func dial() async throws -> any Carrier {
        try await sharedDialer.dial(
            [TunnelAddress(host: "127.0.0.1", port: port)], identity: identity, purpose: .session,
            verifyServer: { _ in nil }
        )
    }

    func move(_ method: HTTPRequest.Method, mebibytes: Int, streams: Int, server: Int?) async throws {
        let carrier = try await dial()
        let each = (mebibytes << 20) / streams
        let chunk = ByteBuffer(repeating: 0x5A, count: 256 << 10)
        func run(_ each: Int) async throws {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<streams {
                    tasks.addTask {
                        let request = HTTPRequest(method: method, scheme: "https", authority: "a", path: "/\(each)")
                        try await carrier.withExchange(request, trafficClass: .media) { exchange in
                            if method == .put {
                                for _ in 0..<(each / chunk.readableBytes) { try await exchange.send(chunk) }
                            }
                            try await exchange.finish()
                            var received = 0, chunks = 0
                            for try await chunk in exchange.body {
                                received += chunk.readableBytes
                                chunks += 1
                            }
                            if method == .get { print("  \(received) bytes in \(chunks) chunks") }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
        }
        try await run(16 << 20)
        let (start, own, theirs) = (ContinuousClock.now, cpu(nil), server.map { cpu($0) } ?? 0)
        try await run(each)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let spent = (cpu(nil) - own, server.map { cpu($0) - theirs } ?? 0)
        let gibibytes = Double(mebibytes) / 1_024
        print(
            String(
                format: "%@: %.0f MB/s, CPU-s/GiB: client %.2f, server %.2f, both %.2f", method.rawValue,
                Double(mebibytes << 20) / seconds / 1e6, spent.0 / gibibytes, spent.1 / gibibytes,
                (spent.0 + spent.1) / gibibytes
            )
        )
        carrier.close(.closed)
    }

    func call(count: Int) async throws {
        let carrier = try await dial()
        var times: [Double] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            let request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/2000")
            try await carrier.withExchange(request, trafficClass: .control) { exchange in
                try await exchange.finish()
                _ = try await exchange.response()
                for try await _ in exchange.body {}
            }
            times.append((ContinuousClock.now - start) / .microseconds(1))
        }
        times.sort()
        print(String(format: "call: p50 %.0f µs, p99 %.0f µs", times[count / 2], times[count * 99 / 100]))
        carrier.close(.closed)
    }

    func idle(count: Int, server: Int) async throws {
        try await dial().close(.closed)
        let before = (rss("self"), rss("\(server)"))
        var carriers: [any Carrier] = []
        for _ in 0..<count {
            let carrier = try await dial()
            let request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/2000")
            try await carrier.withExchange(request, trafficClass: .control) { exchange in
                try await exchange.finish()
                for try await _ in exchange.body {}
            }
            carriers.append(carrier)
        }
        try await Task.sleep(for: .seconds(8))
        let after = (rss("self"), rss("\(server)"))
        print(
            String(
                format: "%d sessions, KiB each: client %.1f, server %.1f", count,
                Double(after.0 - before.0) / Double(count), Double(after.1 - before.1) / Double(count)
            )
        )
        for carrier in carriers { carrier.close(.closed) }
    }

    /// CPU seconds so far of a process, or of this one.
    private func cpu(_ pid: Int?) -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(pid.map(String.init) ?? "self")/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[end...].split(separator: " ")
        return ((Double(fields[12]) ?? 0) + (Double(fields[13]) ?? 0)) / 100
    }

    /// Resident memory of a process, in KiB.
    private func rss(_ process: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
    }
}

let arguments = CommandLine.arguments.dropFirst().map { $0 }
guard arguments.count >= 4, let port = UInt16(arguments[3]) else {
    print("usage: tunnel-bench serve|pull|push|call|idle CERT KEY PORT …")
    exit(2)
}
let bench = TunnelBench(
    identity: try TunnelIdentity(
        chainPEM: String(contentsOfFile: arguments[1], encoding: .utf8),
        privateKeyPEM: String(contentsOfFile: arguments[2], encoding: .utf8)
    ),
    port: port,
    group: MultiThreadedEventLoopGroup(numberOfThreads: Int(ProcessInfo.processInfo.environment["THREADS"] ?? "") ?? 1)
)
let sharedDialer = bench.makeDialer()
let numbers = arguments.dropFirst(4).compactMap { Int($0) }
switch arguments[0] {
case "serve": try await bench.serve()
case "pull": try await bench.move(.get, mebibytes: numbers[0], streams: numbers[1], server: numbers.dropFirst(2).first)
case "push": try await bench.move(.put, mebibytes: numbers[0], streams: numbers[1], server: numbers.dropFirst(2).first)
case "call": try await bench.call(count: numbers[0])
case "idle": try await bench.idle(count: numbers[0], server: numbers[1])
default: exit(2)
}
