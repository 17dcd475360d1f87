import Glibc
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

/// A device at home that is none of our library's: it says whatever a test wants it to say.
struct RawDevice: Sendable {
    struct Answer: Sendable {
        var status: HTTPResponse.Status = .ok
        var fields: HTTPFields = [:]
        var body = ""
    }

    let udn: String
    /// `http://192.0.2.1:port`.
    let base: String
    private let street: Street

    /// Serves at home and tells everybody while `body` runs. `answer` is given the base, the method and the path.
    static func whileRunning(
        _ street: Street, udn: String, answer: @escaping @Sendable (String, HTTPRequest.Method, String) -> Answer,
        _ body: @escaping @Sendable (RawDevice) async throws -> Void
    ) async throws {
        let server = HTTPServer(eventLoopGroup: street.group, logger: street.logger)
        let client = HTTPClient(eventLoopGroup: street.group, logger: street.logger)
        defer { client.shutDown() }
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await server.run(
                    on: SocketEndpoint(.v4(IPv4Address(192, 0, 2, 1)), port: 0), onBound: { bind.yield($0) }
                ) { exchange in
                    let request = exchange.request
                    let reply = answer("http://\(exchange.local)", request.method, request.path ?? "/")
                    try await exchange.respond(
                        reply.status, headers: reply.fields, body: ByteBuffer(string: reply.body))
                    guard request.method.rawValue == "SUBSCRIBE" else { return }
                    try await notify(request, client, answer("http://\(exchange.local)", Self.notification, "/").body)
                }
            }
            tasks.addTask {
                for await endpoint in bound {
                    let device = RawDevice(udn: udn, base: "http://\(endpoint)", street: street)
                    return try await body(device)
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private static let notification = HTTPRequest.Method("NOTIFY") ?? .post

    /// Tells a subscriber the first event.
    private static func notify(_ request: HTTPRequest, _ client: HTTPClient, _ properties: String) async throws {
        let callback = try #require(HTTPField.Name("CALLBACK").flatMap { request.headerFields[$0] })
        let url = try #require(HTTPURL(String(callback.dropFirst().prefix { $0 != ">" })))
        var event = HTTPRequest(
            method: notification, scheme: "http", authority: url.authority, path: url.pathAndQuery)
        for (name, value) in [
            ("NT", "upnp:event"), ("NTS", "upnp:propchange"), ("SID", "uuid:sub-1"), ("SEQ", "0"),
            ("Content-Type", "text/xml"),
        ] { event.headerFields[try #require(HTTPField.Name(name))] = value }
        try await client.withResponse(
            event, body: ByteBuffer(string: properties), to: try #require(url.endpoint)
        ) { _, _ in }
    }

    /// Announces itself again and again while `body` runs: a datagram may be lost, or come before anybody listens.
    /// - Parameter others: Locations and UDNs that are announced before it, whosever they are.
    func announcing(
        _ others: [(location: String, udn: String)] = [], while body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                while true {
                    for other in others { try announce(other.location, as: other.udn) }
                    try announce()
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            tasks.addTask { try await body() }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Announces a location; the device's own by default.
    func announce(_ location: String? = nil, as other: String? = nil) throws {
        let udn = other ?? self.udn
        let handle = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(handle >= 0)
        defer { close(handle) }
        var interface = in_addr(s_addr: inet_addr("192.0.2.1"))
        let length = socklen_t(MemoryLayout<in_addr>.size)
        let isSet = setsockopt(handle, Int32(IPPROTO_IP), IP_MULTICAST_IF, &interface, length) == 0
        try #require(isSet)
        var group = sockaddr_in()
        group.sin_family = sa_family_t(AF_INET)
        group.sin_addr.s_addr = inet_addr("239.255.255.250")
        group.sin_port = street.homePort.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        for kind in ["upnp:rootdevice", udn] {
            let usn = kind == udn ? udn : "\(udn)::\(kind)"
            let text = [
                "NOTIFY * HTTP/1.1", "HOST: 239.255.255.250:\(street.homePort)", "CACHE-CONTROL: max-age=1800",
                "LOCATION: \(location ?? base + "/d.xml")", "NT: \(kind)", "NTS: ssdp:alive",
                "SERVER: Raw/1 UPnP/1.1 Raw/1",
                "USN: \(usn)", "", "",
            ].joined(separator: "\r\n")
            let bytes = Array(text.utf8)
            let sent = withUnsafePointer(to: &group) { group in
                group.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(handle, bytes, bytes.count, 0, $0, size)
                }
            }
            #expect(sent == bytes.count)
        }
    }
}
