import Foundation
import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

/// A running host as a stranger sees it: an address, and bytes to send there.
struct AttackedHost: Sendable {
    let location: HTTPURL
    let endpoint: SocketEndpoint
    let eventPath: String
    let controlPath: String

    /// Sends a request and returns the whole answer.
    func askAll(
        _ line: String, _ fields: [String] = [], host: String? = nil, body: String = "", version: String = "1.1"
    ) async throws -> String {
        try await RawPeer.connect(to: endpoint) { peer in
            var request = "\(line) HTTP/\(version)\r\nHost: \(host ?? "\(endpoint)")\r\nConnection: close\r\n"
            request += fields.map { "\($0)\r\n" }.joined()
            if !body.isEmpty { request += "Content-Length: \(body.utf8.count)\r\n" }
            await peer.trySend("\(request)\r\n\(body)")
            return await peer.readToEnd()
        }
    }

    /// Sends a request and returns the status; 0 when the host closed without an answer.
    func ask(
        _ line: String, _ fields: [String] = [], host: String? = nil, body: String = "", version: String = "1.1"
    ) async throws -> Int {
        Self.status(try await askAll(line, fields, host: host, body: body, version: version))
    }

    /// Sends bytes as they are and returns the first answer's status.
    func send(_ text: String) async throws -> Int {
        try await RawPeer.connect(to: endpoint) { peer in
            await peer.trySend(text)
            return Self.status(await peer.readToEnd())
        }
    }

    static func status(_ answer: String) -> Int {
        guard answer.hasPrefix("HTTP/1.1 ") else { return 0 }
        return Int(answer.dropFirst("HTTP/1.1 ".count).prefix(3)) ?? 0
    }

    static let subscription = ["NT: upnp:event", "TIMEOUT: Second-300"]

    /// A call that succeeds as it stands.
    static func envelope(_ action: String, _ arguments: String = "") -> String {
        """
        <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>\
        <u:\(action) xmlns:u="\(HostedTestDevice.switchType)">\(arguments)</u:\(action)></s:Body></s:Envelope>
        """
    }

    static func soapAction(_ action: String) -> String { "SOAPACTION: \"\(HostedTestDevice.switchType)#\(action)\"" }

    /// What every attack ends with: the host still does what it is for.
    func expectAlive(_ comment: Comment? = nil) async throws {
        #expect(try await ask("GET \(location.path)") == 200, comment)
        let status = try await ask(
            "POST \(controlPath)", [Self.soapAction("GetStatus")], body: Self.envelope("GetStatus"))
        #expect(status == 200, comment)
    }

    /// Hosts the test device on loopback while `body` attacks it; then it must be alive, and not have grown by
    /// more than `growth` bytes.
    static func with<Result: Sendable>(
        _ service: HostedService = HostedTestDevice.power(), growth: Int = 1 << 30,
        configure: (inout DeviceHostConfiguration) -> Void = { _ in },
        _ body: (AttackedHost) async throws -> Result
    ) async throws -> Result {
        try await HostedTestDevice.withHost(service, configure: configure) { location in
            let host = try await AttackedHost(location)
            let before = residentBytes
            let result = try await body(host)
            try await host.expectAlive()
            // Every test of this process shares the figure, so that the bound is generous.
            #expect(residentBytes - before < growth, "the attack cost \(residentBytes - before) bytes")
            return result
        }
    }

    init(_ location: HTTPURL) async throws {
        self.location = location
        self.endpoint = try #require(location.endpoint)
        let answer = try await RawPeer.connect(to: endpoint) { peer in
            try await peer.send(
                "GET \(location.path) HTTP/1.1\r\nHost: \(location.authority)\r\nConnection: close\r\n\r\n")
            return await peer.readToEnd()
        }
        let body = try #require(answer.range(of: "\r\n\r\n")).upperBound
        let service = try #require(try RootDescription(parsing: answer[body...].utf8).device.services.first)
        self.eventPath = try #require(location.resolving(service.eventSubURL)).path
        self.controlPath = try #require(location.resolving(service.controlURL)).path
    }

    /// `VmRSS` of this process.
    private static var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (Int(line.filter(\.isNumber)) ?? 0) * 1024
    }
}
