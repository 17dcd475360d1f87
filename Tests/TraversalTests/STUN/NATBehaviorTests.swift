import NetworkTypes
import Testing

@testable import Traversal

@Suite("STUN: what kind of NAT it is")
struct NATBehaviorTests {
    private let own: SocketEndpoint
    private let server: SocketEndpoint
    private let other: SocketEndpoint
    private let transaction: STUNMessage.Transaction

    init() throws {
        own = try #require(SocketEndpoint("10.0.0.2:5000"))
        server = try #require(SocketEndpoint("192.0.2.1:3478"))
        other = try #require(SocketEndpoint("192.0.2.2:3479"))
        transaction = try #require(STUNMessage.Transaction(bytes: 1...12))
    }

    /// A NAT in front of a server with two addresses and ports, and how many tests it took.
    private func find(
        _ mapping: NATBehavior.Mapping, _ filtering: NATBehavior.Filtering, hasOther: Bool = true
    ) throws -> (NATBehavior, tests: Int) {
        var probe = NATBehaviorProbe(server: server, own: own)
        var sentTo: [SocketEndpoint] = []
        var tests = 0
        while let test = probe.next, tests < 10 {
            tests += 1
            sentTo.append(test.server)
            let source = SocketEndpoint(
                test.changesAddress ? other.address : test.server.address,
                port: test.changesPort ? other.port : test.server.port)
            let comesIn =
                switch filtering {
                case .endpointIndependent: true
                case .addressDependent: sentTo.contains { $0.address == source.address }
                case .addressAndPortDependent: sentTo.contains(source)
                }
            guard comesIn else {
                probe.silent()
                continue
            }
            let port: UInt16 =
                switch mapping {
                case .none, .endpointIndependent: 7000
                case .addressDependent: test.server.address == server.address ? 7000 : 7001
                case .addressAndPortDependent: 7000 + UInt16(Set(sentTo).count)
                }
            var answer = STUNMessage(.success, .binding, transaction: transaction)
            let outside = mapping == .none ? own : SocketEndpoint(.v4(IPv4Address(198, 51, 100, 1)), port: port)
            answer.append(.xorMappedAddress, address: outside)
            if hasOther { answer.append(.otherAddress, address: other) }
            probe.answered(answer)
        }
        return (probe.behavior, tests)
    }

    @Test(arguments: NATBehavior.Mapping.allCases, NATBehavior.Filtering.allCases)
    func `each mapping and filtering is told from the others`(
        mapping: NATBehavior.Mapping, filtering: NATBehavior.Filtering
    ) throws {
        let (found, tests) = try find(mapping, filtering)
        #expect(found.mapping == mapping)
        #expect(found.filtering == filtering)
        #expect(found.outside != nil)
        #expect(tests <= 5)
    }

    @Test func `a server with one address tells where one is seen, and nothing else`() throws {
        let (found, tests) = try find(.endpointIndependent, .endpointIndependent, hasOther: false)
        #expect(found.outside?.port == 7000)
        #expect(found.mapping == nil && found.filtering == nil)
        #expect(tests == 1)
    }

    @Test(
        arguments: [
            ("192.0.2.1:3478", "192.168.1.66:9100", false), ("192.0.2.1:3478", "127.0.0.1:3479", false),
            ("192.0.2.1:3478", "100.64.0.1:3479", false), ("192.0.2.1:3478", "[::ffff:10.0.0.1]:3479", false),
            ("192.0.2.1:3478", "198.51.100.9:53", false), ("192.0.2.1:3478", "224.0.0.1:3479", false),
            ("192.0.2.1:3478", "192.0.2.1:3479", false), ("192.0.2.1:3478", "198.51.100.9:3479", true),
            ("10.9.0.1:3478", "10.9.0.2:3479", true), ("10.9.0.1:3478", "10.9.0.2:22", false),
        ])
    func `a server on the internet sends nobody into a network, and none to a system's own port`(
        server: String, other: String, isAsked: Bool
    ) throws {
        let (server, other) = (try #require(SocketEndpoint(server)), try #require(SocketEndpoint(other)))
        var probe = NATBehaviorProbe(server: server, own: own)
        var asked: [SocketEndpoint] = []
        while let test = probe.next, asked.count < 10 {
            asked.append(test.server)
            guard asked.count == 1 || asked.count > 3 else {
                probe.silent()
                continue
            }
            var answer = STUNMessage(.success, .binding, transaction: transaction)
            answer.append(
                .xorMappedAddress,
                address: SocketEndpoint(.v4(IPv4Address(198, 51, 100, 1)), port: 7000 + UInt16(asked.count)))
            answer.append(.otherAddress, address: other)
            probe.answered(answer)
        }
        #expect(asked.contains { $0.address == other.address && $0.address != server.address } == isAsked)
    }

    @Test func `CHANGE-REQUEST has a bit for the address and one for the port`() {
        var request = STUNMessage(.request, .binding, transaction: transaction)
        NATBehaviorProbe.Test(server: server, changesAddress: true, changesPort: true).apply(to: &request)
        #expect(request[.changeRequest] == [0, 0, 0, 6])
        request.attributes = []
        NATBehaviorProbe.Test(server: server, changesPort: true).apply(to: &request)
        #expect(request[.changeRequest] == [0, 0, 0, 2])
        request.attributes = []
        NATBehaviorProbe.Test(server: server).apply(to: &request)
        #expect(request.attributes.isEmpty)
    }
}
