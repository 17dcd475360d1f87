import NetworkTypes
import Testing

@testable import RemoteAccess

@Suite("Who is served on the away network")
struct NeighbourhoodTests {
    private let own = IPAddress("192.168.7.5")
    private let neighbour = IPAddress("192.168.7.9")

    @Test("Without sharing only this host's own programs are served")
    func unshared() throws {
        let neighbour = try #require(neighbour)
        let allowed = try #require(IPPrefix("192.168.7.9/32"))
        let neighbourhood = Neighbourhood(own: [try #require(own)], shared: false, allowed: [allowed])
        #expect(neighbourhood.serves(try #require(own)))
        #expect(neighbourhood.serves(.v4(.loopback)))
        #expect(neighbourhood.serves(try #require(IPAddress("::ffff:192.168.7.5"))))
        #expect(!neighbourhood.serves(neighbour))
        #expect(!neighbourhood.isShared)
    }

    @Test("With sharing the list is exact, and an empty list serves nobody")
    func shared() throws {
        let neighbour = try #require(neighbour)
        let allowed = try #require(IPPrefix("192.168.7.9/32"))
        let listed = Neighbourhood(own: [try #require(own)], shared: true, allowed: [allowed])
        #expect(listed.serves(neighbour))
        #expect(!listed.serves(try #require(IPAddress("192.168.7.10"))))
        let empty = Neighbourhood(own: [try #require(own)], shared: true)
        #expect(!empty.serves(neighbour))
    }

    @Test("An address that this host lost is a neighbour's")
    func moved() throws {
        let neighbourhood = Neighbourhood(own: [try #require(own)])
        neighbourhood.setOwn([try #require(IPAddress("192.168.7.6"))])
        #expect(!neighbourhood.isOwnHost(try #require(own)))
    }
}
