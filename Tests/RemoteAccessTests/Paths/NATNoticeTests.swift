import NIOCore
import NIOPosix
import NetworkTypes
import Synchronization
import Testing
import Traversal

@testable import RemoteAccess

@Suite("What both ends tell each other of their NATs")
struct NATNoticeTests {
    @Test func `mapping, filtering and the address outside arrive as they were found`() throws {
        let behavior = NATBehavior(
            mapping: .endpointIndependent, filtering: .addressAndPortDependent,
            outside: SocketEndpoint("198.51.100.2:40000"))
        let body = try WireCoding.encode(NATNotice(behavior))
        #expect(try WireCoding.decode(NATNotice.self, from: body).behavior == behavior)
        #expect(try WireCoding.decode(NATNotice.self, from: try WireCoding.encode(NATNotice(nil))).behavior == .init())
    }

    @Test(arguments: [
        "192.168.1.10:40000", "10.0.0.1:5", "127.0.0.1:9", "169.254.1.1:9", "100.64.0.1:9", "[fd00::1]:9",
    ])
    func `an address of the home's inside is neither told nor believed`(text: String) throws {
        let told = NATNotice(NATBehavior(mapping: .endpointIndependent, outside: SocketEndpoint(text)))
        #expect(told.external == nil && told.mapping == "endpoint-independent")
        var foreign = NATNotice(nil)
        foreign.external = text
        #expect(foreign.behavior.outside == nil)
    }

    @Test(arguments: ["symmetric", "", "endpoint-independent\n", String(repeating: "x", count: 1 << 16), "\u{1B}[2J"])
    func `words that mean nothing are as if they had not been said`(text: String) {
        var foreign = NATNotice(nil)
        (foreign.mapping, foreign.filtering, foreign.external) = (text, text, text)
        #expect(foreign.behavior == NATBehavior())
    }

    @Test func `many who ask at once cause one look, and it holds while the addresses do`() async throws {
        let looks = Mutex(0)
        let addresses = Mutex<[InterfaceAddress]>([])
        var settings = PunchingSettings(addresses: { addresses.withLock { $0 } })
        settings.lookAtNAT = { _ in
            looks.withLock { $0 += 1 }
            return NATBehavior(mapping: .endpointIndependent)
        }
        let view = NATView(settings, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask { #expect(await view.behavior()?.mapping == .endpointIndependent) }
            }
        }
        #expect(looks.withLock { $0 } == 1)
        let address = try #require(IPAddress("192.0.2.5"))
        let prefix = try #require(IPPrefix(address: address, length: 24))
        addresses.withLock { $0 = [InterfaceAddress(interface: "eth0", index: 2, address: address, prefix: prefix)] }
        _ = await view.behavior()
        #expect(looks.withLock { $0 } == 2)
    }
}
