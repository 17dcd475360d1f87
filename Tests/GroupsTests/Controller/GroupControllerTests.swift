import Foundation
import Groups
import NIOUPnP
import NetworkTypes
import SUPnP
import Testing

@Suite("A group's controller on real sockets", .needsTestInterface, .timeLimit(.minutes(2)))
struct GroupControllerTests {
    static let board = "urn:example:board:1"

    @Test(
        "members register, ask and answer; one that is evicted has no key of the epoch that the reply names",
        arguments: [AddressFamilies.ipv4, .ipv6])
    func life(families: AddressFamilies) async throws {
        let group = try await LiveGroup(families: families)
        let (server, serverCode) = try group.device("server", roles: .server)
        let (other, otherCode) = try group.device("other", roles: .server)
        let (client, clientCode) = try group.device("client", roles: .client, allows: [Self.board])
        let address = try group.address
        let first = try LiveMember("server", code: serverCode, roles: .server, offers: [Self.board], links: group.links)
        {
            $0 + [1]
        }
        let second = try LiveMember("other", code: otherCode, roles: .server, offers: [Self.board], links: group.links)
        {
            $0 + [2]
        }
        let asking = try LiveMember("client", code: clientCode, roles: .client, links: group.links)
        try await group.withController { controller, events in
            try await controller.enrol([server, other, client])
            try await withRunning(
                [first, second, asking].map { member in { try await member.run(controller: address) } }
            ) {
                for member in [first, second, asking] { try await member.isRegistered() }
                for member in [first, second] {
                    try await member.events.first("services") { $0 == .servicesRegistered }
                }
                try await asking.events.first("directory") { if case .directory = $0 { true } else { false } }
                let answers = try await asking.ask(Self.board, [7])
                #expect(Set(answers) == [[7, 1], [7, 2]])
                let evicted = try await controller.strikeOff([other.id])
                #expect(evicted.members == 1)
                try await second.events.first("eviction") { $0 == .evicted }
                try await first.isInEpoch(evicted.epoch)
                let rest = try await asking.ask(Self.board, [8], window: .milliseconds(500))
                #expect(rest == [[8, 1]])
                #expect(controller.members().map(\.record.device).sorted() == [client.id, server.id])
                #expect(controller.status()?.epoch == evicted.epoch)
                try await events.first("departure") { if case .departed(other.id, _) = $0 { true } else { false } }
            }
        }
    }
}
