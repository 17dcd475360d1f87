import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Rules 11 and 12: a page in a browser reaches nothing", .timeLimit(.minutes(1)))
struct RebindingTests {
    @Test(
        "answers only to its own address as Host, so that a rebound name leads nowhere",
        arguments: [
            "evil.example", "evil.example:80", "localhost", "localhost:PORT", "127.0.0.1", "127.0.0.1:1", "127.1:PORT",
            "127.0.0.1:PORT@evil.example", "evil.example@127.0.0.1:PORT", "127.0.0.1.:PORT", "127.0.0.1:PORT.",
            "127.0.0.1:0PORT", "[::1]:80", "[::1]:PORT", "[::ffff:127.0.0.1]:PORT", "[::ffff:7f00:1]:PORT",
            "[fe80::1%25lo]:PORT", "127.0.0.1:PORT, evil.example", "127.0.0.1:PORT\tx", "x y", "*", "",
        ]
    )
    func host(_ name: String) async throws {
        try await AttackedHost.with { host async throws in
            let name = name.replacing("PORT", with: "\(host.endpoint.port)")
            for line in ["GET \(host.location.path)", "POST \(host.controlPath)", "SUBSCRIBE \(host.eventPath)"] {
                let status = try await host.ask(line, host: name)
                #expect([400, 421].contains(status), "\(line), Host: \(name)")
            }
        }
    }

    @Test("needs exactly one Host in HTTP/1.1, and no other in the target")
    func hosts() async throws {
        try await AttackedHost.with { host async throws in
            let path = host.location.path
            let own = "Host: \(host.endpoint)\r\n"
            let end = "Connection: close\r\n\r\n"
            #expect(try await host.send("GET \(path) HTTP/1.1\r\n\(end)") == 400)
            #expect(try await host.send("GET \(path) HTTP/1.1\r\n\(own)\(own)\(end)") == 400)
            #expect(try await host.send("GET \(path) HTTP/1.1\r\nHost: evil.example\r\n\(own)\(end)") == 400)
            // RFC 9112 §3.2.2: the host in an absolute target counts. None is ours, not even our own.
            for target in ["http://evil.example\(path)", "http://\(host.endpoint)\(path)", "//evil.example\(path)"] {
                #expect(try await host.send("GET \(target) HTTP/1.1\r\n\(own)\(end)") == 404, "\(target)")
            }
            // Browsers do not speak HTTP/1.0; old control points do, and leave the Host out.
            #expect(try await host.send("GET \(path) HTTP/1.0\r\n\r\n") == 200)
            #expect(try await host.send("GET \(path) HTTP/1.0\r\nHost: evil.example\r\n\r\n") == 421)
        }
    }

    @Test(
        "refuses what a page in a browser sends",
        arguments: ["http://evil.example", "null", "http://127.0.0.1", "", "file://"])
    func origin(_ origin: String) async throws {
        try await AttackedHost.with { host async throws in
            for line in ["GET \(host.location.path)", "POST \(host.controlPath)", "SUBSCRIBE \(host.eventPath)"] {
                #expect(try await host.ask(line, ["Origin: \(origin)"], body: "x") == 403)
            }
        }
    }

    @Test(
        "knows its paths only",
        arguments: [
            "GET /", "GET /description.xml", "GET /../../etc/passwd", "GET /%2e%2e/%2e%2e/etc/passwd", "POST /",
            "PUT /x",
            "DELETE /x", "OPTIONS *", "SUBSCRIBE /", "GET http://192.0.2.1/", "TRACE /", "PROPFIND /",
        ]
    )
    func unknownPaths(line: String) async throws {
        try await AttackedHost.with { host async throws in #expect(try await host.ask(line) == 404) }
    }

    @Test(
        "refuses a method that a path does not have",
        arguments: ["PUT", "DELETE", "POST", "SUBSCRIBE", "NOTIFY", "TRACE", "OPTIONS"])
    func wrongMethods(method: String) async throws {
        try await AttackedHost.with { host async throws in
            #expect(try await host.ask("\(method) \(host.location.path)") == 405)
        }
    }

    @Test("its paths are new at each start, and tell nothing of the device (rule 12)")
    func paths() async throws {
        var seen: Set<String> = []
        for _ in 0..<3 {
            let paths = try await AttackedHost.with { [$0.location.path, $0.eventPath, $0.controlPath] }
            for path in paths {
                #expect(seen.insert(path).inserted, "\(path) came back")
                #expect(!path.has(String(HostedTestDevice.udn.suffix(12))))
                // 64 random bits at least.
                #expect(path.utf8.count >= 12, "\(path) is easy to guess")
            }
        }
    }
}
