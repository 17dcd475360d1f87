import Foundation

/// Runs the roles as processes of their own, and says what they have done.
struct Measurement {
    let arguments: BenchArguments
    private let roster: String

    init(_ arguments: BenchArguments) {
        self.arguments = arguments
        roster = NSTemporaryDirectory() + "group-bench-\(getpid())"
    }

    // MARK: Requests

    func run() async throws {
        let servers = arguments.number("servers", 50)
        let (controller, address) = try await controller(servers: servers, clients: arguments.number("clients", 32))
        let hearing = try devices("servers", at: address, ["--answers", arguments.text("answers", "none")])
        _ = try await hearing.line()
        let asking = try devices("client", at: address, ["--answers", arguments.text("answers", "none")])
        _ = try await asking.line()
        defer { for role in [asking, hearing, controller] { role.end() } }
        // What the directory says has to reach the clients, and the certificates the servers.
        try await Task.sleep(for: .seconds(3))
        let isAsleep = arguments.text("asleep", "no") == "yes"
        if isAsleep { hearing.suspend() }
        let payload = arguments.number("payload", 64)
        let inFlight = arguments.number("in-flight", 100)
        for round in 1...max(1, arguments.number("rounds", 3)) {
            let before = try await controller.ask("report")
            let heardBefore = isAsleep ? [:] : try await hearing.ask("report")
            let result = try await asking.ask("run \(arguments.number("seconds", 5)) \(payload) \(inFlight)")
            let after = try await controller.ask("report")
            let heard = isAsleep ? [:] : try await hearing.ask("report")
            func spent(_ name: String) -> Double { after.number(name) - before.number(name) }
            let seconds = result.number("seconds")
            let messages = result.number("messages")
            let deliveries = heard.number("deliveries")
            let forwarder = max(spent("forwarder_seconds"), 1e-9)
            printLine([
                "bench": "run", "servers": servers, "payload": payload, "in_flight": inFlight,
                "signatures": arguments.text("signatures", "burst"), "answers": arguments.text("answers", "none"),
                "asleep": isAsleep, "round": round, "seconds": seconds,
                "messages": Int(messages), "messages_per_second": messages / seconds, "lost": result.number("lost"),
                "deliveries": Int(deliveries), "deliveries_per_second": deliveries / seconds,
                "forwarder_seconds": forwarder, "forwarder_us_per_message": forwarder / max(messages, 1) * 1e6,
                "messages_per_forwarder_second": messages / forwarder,
                "deliveries_per_forwarder_second": deliveries / forwarder,
                "controller_seconds": spent("process_seconds"), "client_seconds": result.number("process_seconds"),
                "servers_seconds": isAsleep
                    ? 0 : heard.number("process_seconds") - heardBefore.number("process_seconds"),
                "latency_ms_p50": heard["latency_ms_p50"] ?? NSNull(),
                "latency_ms_p99": heard["latency_ms_p99"] ?? NSNull(), "controller_mib": after.number("mib"),
            ])
            // What is still remembered and under way is not the next round's.
            try await Task.sleep(for: .milliseconds(1_500))
        }
    }

    // MARK: Members

    func register() async throws {
        let devices = arguments.number("devices", 200)
        let parallel = arguments.number("parallel", 16)
        let (controller, address) = try await controller(servers: devices, clients: 0)
        let before = try await controller.ask("report")
        let role = try self.devices("servers", at: address, ["--parallel", String(parallel)])
        defer { for role in [role, controller] { role.end() } }
        let ready = try await role.line()
        let after = try await controller.ask("report")
        let spent = after.number("key_manager_seconds") - before.number("key_manager_seconds")
        printLine([
            "bench": "register", "devices": devices, "parallel": parallel, "seconds": ready.number("seconds"),
            "registrations_per_second": Double(devices) / ready.number("seconds"), "key_manager_seconds": spent,
            "registrations_per_key_manager_second": Double(devices) / spent,
        ])
    }

    func evict() async throws {
        let servers = arguments.number("servers", 200)
        let loss = arguments.number("loss", 5)
        let (controller, address) = try await controller(servers: servers, clients: 0)
        let role = try devices("servers", at: address, ["--loss", String(loss)])
        defer { for role in [role, controller] { role.end() } }
        _ = try await role.line()
        try await Task.sleep(for: .seconds(3))
        for round in 1...max(1, min(arguments.number("rounds", 10), servers - 2)) {
            let begin = try await controller.ask("evict server-\(round)").number("at")
            try await Task.sleep(for: .seconds(3))
            let gone = Set((1...round).map { "server-\($0)" })
            let entries = try await role.ask("epochs")["at"] as? [[String: Any]] ?? []
            let times = entries.filter { !gone.contains($0["name"] as? String ?? "") }
                .compactMap { ($0["at"] as? NSNumber)?.doubleValue }
            let reached = times.filter { $0 >= begin }.map { ($0 - begin) / 1e6 }.sorted()
            printLine([
                "bench": "evict", "members": servers - round, "loss": loss, "round": round,
                "first_ms": reached.first as Any? ?? NSNull(), "last_ms": reached.last as Any? ?? NSNull(),
                "median_ms": reached.isEmpty ? NSNull() : reached[reached.count / 2] as Any,
                "missing": servers - round - reached.count,
            ])
        }
    }

    // MARK: Roles

    private func controller(servers: Int, clients: Int) async throws -> (RoleProcess, String) {
        let controller = try RoleProcess(
            [
                "controller", "--servers", String(servers), "--clients", String(clients), "--signatures",
                arguments.text("signatures", "burst"),
            ] + common)
        let address = try await controller.line()["keyManager"] as? String
        guard let address else { throw BenchFailure("the controller did not say where it is") }
        return (controller, address)
    }

    private func devices(_ role: String, at address: String, _ more: [String]) throws -> RoleProcess {
        try RoleProcess([role, "--controller", address] + more + common)
    }

    private var common: [String] {
        [
            "--roster", roster, "--interface", arguments.text("interface", "lo"), "--family",
            arguments.text("family", "ipv4"),
        ]
    }
}

/// A role in a process of its own, asked over its standard input.
final class RoleProcess {
    private let process = Process()
    private let input = Pipe()
    private var lines: AsyncStream<String>.Iterator

    init(_ arguments: [String]) throws {
        let output = Pipe()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        let (stream, told) = AsyncStream.makeStream(of: String.self)
        lines = stream.makeAsyncIterator()
        try process.run()
        let reading = output.fileHandleForReading
        Thread.detachNewThread {
            var rest = Data()
            while case let data = reading.availableData, !data.isEmpty {
                rest += data
                while let end = rest.firstIndex(of: 0x0A) {
                    told.yield(String(decoding: rest[..<end], as: UTF8.self))
                    rest = Data(rest[(end + 1)...])
                }
            }
            told.finish()
        }
    }

    func line() async throws -> [String: Any] {
        guard let line = await lines.next() else { throw BenchFailure("\(process.arguments ?? []) has ended") }
        return try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }

    func ask(_ question: String) async throws -> [String: Any] {
        try input.fileHandleForWriting.write(contentsOf: Data("\(question)\n".utf8))
        return try await line()
    }

    func suspend() { _ = process.suspend() }

    func end() {
        _ = process.resume()
        process.terminate()
        process.waitUntilExit()
    }
}

extension [String: Any] {
    func number(_ name: String) -> Double { (self[name] as? NSNumber)?.doubleValue ?? 0 }
}
