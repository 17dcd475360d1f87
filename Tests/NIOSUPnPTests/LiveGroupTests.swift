import NIOPosix
import NetworkTypes
import SUPnP
import Testing

@testable import NIOSUPnP

@Suite("A group on sockets", .timeLimit(.minutes(1)), .needsTestLinks)
struct LiveGroupTests {
    static let lamp = "urn:latchkey:service:Lamp:1"

    /// Two servers and a client register, and the client asks the servers.
    static func askThroughGroup(links: [InterfaceAddress], multicast: SocketEndpoint) async throws {
        let service = try #require(ServiceName(lamp))
        try await LiveGroup.run(links: links, multicast: multicast) { live in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for name in ["server-1", "server-2"] {
                    try live.enroll(name, roles: .server)
                    let server = try live.member(name, roles: .server, offers: [ServiceOffer(service)])
                    try await LiveGroup.run(server.host, in: &tasks)
                    try await server.register(at: live.keyManagerAddress)
                    _ = try await server.first { $0 == .servicesRegistered ? true : nil }
                }
                try live.enroll("client", roles: .client, services: [lamp])
                let client = try live.member("client", roles: .client)
                try await LiveGroup.run(client.host, in: &tasks)
                try await client.register(at: live.keyManagerAddress)
                _ = try await client.first { $0 == .directory(.appeared(service)) ? true : nil }
                // Servers hear a forwarder once a beacon has told them its certificate and the group's time.
                let answered = try await client.ask(service, until: 2)
                #expect(answered == 2)
                tasks.cancelAll()
            }
        }
    }

    @Test("A client asks, all servers answer, and it is told the end: IPv4")
    func ipv4() async throws {
        try await Self.askThroughGroup(links: [TestLinks.ipv4()], multicast: TestLinks.group())
    }

    @Test("A client asks, all servers answer, and it is told the end: IPv6")
    func ipv6() async throws {
        try await Self.askThroughGroup(links: [TestLinks.ipv6()], multicast: TestLinks.group(ipv4: false))
    }
}
