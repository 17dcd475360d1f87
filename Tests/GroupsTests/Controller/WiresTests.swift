import Dispatch
import Foundation
import GroupKeys
import Logging
import NIOCore
import NIOPosix
import NIOSUPnP
import NetworkTypes
import SUPnP
import Testing

@testable import Groups

@Suite("What a forwarder passes on to its key manager")
struct WiresTests {
    @Test func `is bounded while the key manager is busy, and goes on afterwards`() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = loops.next()
        let host = MachineHost<KeyManagerMachine>(
            MachineSockets(links: [], port: 0, multicast: []), eventLoop: loop, logger: Logger(label: "test")
        ) { _ in
            throw CancellationError()
        } effect: { _ in
        }
        let wires = Wires()
        wires.connect(host)
        let source = SocketEndpoint(.v4(GroupAddresses.multicastIPv4), port: 1)
        let busy = DispatchSemaphore(value: 0)
        loop.execute { busy.wait() }
        let taken = (0..<1_000).count { _ in wires.relay([UInt8](repeating: 0, count: 256), from: source) }
        #expect(taken == 256)
        busy.signal()
        try await loop.submit {}.get()
        #expect(wires.relay([0], from: source))
        #expect(!wires.relay([UInt8](repeating: 0, count: 60_000), from: source))
        wires.disconnect()
        #expect(!wires.relay([0], from: source))
        try await loops.shutdownGracefully()
    }
}

@Suite("A controller's certificates")
struct ControllerCredentialsTests {
    @Test func `go by the group's time that members are told, whatever the host's clock says`() throws {
        var random = SystemRandomNumberGenerator()
        // Made in the future: the host's clock has been set back since.
        let group = GroupIdentity(createdAt: .max / 2, using: &random)
        #expect(ControllerCredentials.time(of: group, at: Date()) == 0)
        let began = ContinuousClock.now
        let clock = GroupClock(start: 5_000_000, began: began)
        let credentials = try ControllerCredentials(group: group, lifetime: .seconds(600), time: clock.start)
        let later = clock.time(at: began + .seconds(300))
        #expect(later == 5_000_300)
        let renewed = try credentials.renewed(time: later)
        #expect(renewed.keyManager.notAfter == later + 600)
        #expect(renewed.forwarder.notAfter == later + 600)
    }

    @Test func `begin where the run before had come to, if the host's clock is behind that`() {
        var random = SystemRandomNumberGenerator()
        let group = GroupIdentity(createdAt: 1_000_000, using: &random)
        let date = Date(timeIntervalSince1970: 1_000_500)
        #expect(GroupClock(of: group, at: date, reached: 0).start == 500)
        #expect(GroupClock(of: group, at: date, reached: 499).start == 500)
        #expect(GroupClock(of: group, at: date, reached: 9_000_000).start == 9_000_000)
        #expect(GroupClock(of: group, at: .distantPast, reached: 7).start == 7)
    }
}
