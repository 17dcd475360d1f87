import CLinuxSockets
import Glibc
import NetworkTypes
import Testing

@testable import NIOSUPnP

@Suite("What a socket is to send")
struct OutboxTests {
    /// `sendmmsg(2)` as it is, but for what a test wants it to say first.
    final class System {
        /// For each call: an error instead of sending, or how many messages it takes at most.
        var script: [Result<Int, Outbox.SystemError>] = []
        /// How many datagrams each message had, call by call.
        private(set) var calls: [[Int]] = []

        func sendMany(
            _ socket: CInt, _ messages: UnsafeMutablePointer<clinux_mmsghdr>, _ count: Int
        ) -> Result<Int, Outbox.SystemError> {
            calls.append((0..<count).map { messages[$0].msg_hdr.msg_iovlen })
            switch script.isEmpty ? .success(count) : script.removeFirst() {
            case .success(let most): return Outbox.sendMany(socket, messages, min(most, count))
            case .failure(let error): return .failure(error)
            }
        }
    }

    /// A socket that sends and one that hears, of the loopback interface.
    final class Wire {
        let sending = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        private let hearing = [
            socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0), socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0),
        ]
        let system = System()

        init() throws {
            for each in hearing {
                var patience = timeval(tv_sec: 5, tv_usec: 0)
                setsockopt(each, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
                let bound = SystemAddress(SocketEndpoint(.v4(IPv4Address(127, 0, 0, 1)), port: 0)).withPointer {
                    bind(each, $0, $1)
                }
                try #require(bound == 0)
            }
        }

        deinit { for each in hearing + [sending] { close(each) } }

        func route(_ number: Int = 0) throws -> Route {
            var raw = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let named = withUnsafeMutablePointer(to: &raw) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(hearing[number], $0, &length) }
            }
            try #require(named == 0)
            return Route(number: number + 1, address: .v4(raw))
        }

        /// A route that the system refuses: nothing is sent to port 0.
        func nowhere() -> Route {
            Route(number: 0, address: SystemAddress(SocketEndpoint(.v4(IPv4Address(127, 0, 0, 1)), port: 0)))
        }

        func flush(_ outbox: inout Outbox) -> Bool { outbox.flush(through: sending, by: system.sendMany) }

        /// The next datagrams.
        func hear(_ count: Int, _ number: Int = 0) -> [[UInt8]] {
            (0..<count).map { _ in
                var bytes = [UInt8](repeating: 0, count: 70_000)
                let received = recv(hearing[number], &bytes, bytes.count, 0)
                return Array(bytes.prefix(max(0, received)))
            }
        }
    }

    private func numbered(_ numbers: Range<UInt8>, count: Int = 100) -> [[UInt8]] {
        numbers.map { [UInt8](repeating: $0, count: count) }
    }

    @Test("goes with one call: a run of one size as one message, the others each as its own")
    func together() throws {
        let wire = try Wire()
        var outbox = Outbox()
        let (first, second) = (try wire.route(0), try wire.route(1))
        for bytes in numbered(0..<4) { _ = outbox.add(bytes, to: first) }
        _ = outbox.add([9], to: first)
        for bytes in [[1], [2, 2], [3]] as [[UInt8]] { _ = outbox.add(bytes, to: second) }
        #expect(wire.flush(&outbox))
        #expect(outbox.isEmpty)
        #expect(wire.system.calls == [[5, 1, 2]])
        #expect(wire.hear(5) == numbered(0..<4) + [[9]])
        #expect(wire.hear(3, 1) == [[1], [2, 2], [3]])
    }

    @Test("goes on where the system has stopped in the middle")
    func partial() throws {
        let wire = try Wire()
        wire.system.script = [.success(2), .success(1)]
        var outbox = Outbox()
        let sent = (1...6 as ClosedRange<UInt8>).map { [UInt8](repeating: $0, count: Int($0)) }
        for bytes in sent { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(wire.flush(&outbox))
        #expect(wire.system.calls.map(\.count) == [6, 4, 3])
        #expect(wire.hear(6) == sent)
    }

    @Test("waits when the system is full, and nothing of it is sent twice, lost or put out of order")
    func full() throws {
        let wire = try Wire()
        wire.system.script = [.success(2), .failure(.init(number: EAGAIN))]
        var outbox = Outbox()
        let sent = (1...5 as ClosedRange<UInt8>).map { [UInt8](repeating: $0, count: Int($0)) }
        for bytes in sent { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(!wire.flush(&outbox))
        #expect(!outbox.isEmpty)
        _ = outbox.add([6], to: try wire.route())
        #expect(wire.flush(&outbox))
        #expect(wire.hear(6) == sent + [[6]])
    }

    @Test("is sent all the same when a signal comes in between")
    func interrupted() throws {
        let wire = try Wire()
        wire.system.script = [.failure(.init(number: EINTR)), .failure(.init(number: EINTR))]
        var outbox = Outbox()
        _ = outbox.add([1], to: try wire.route())
        #expect(wire.flush(&outbox))
        #expect(wire.hear(1) == [[1]])
    }

    @Test("goes one by one when a device takes no runs, and all that comes later too")
    func noRuns() throws {
        let wire = try Wire()
        wire.system.script = [.failure(.init(number: EIO))]
        var outbox = Outbox()
        for bytes in numbered(0..<3) { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(wire.flush(&outbox))
        for bytes in numbered(3..<5) { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(wire.flush(&outbox))
        #expect(wire.system.calls == [[3], [1, 1, 1], [1, 1]])
        #expect(wire.hear(5) == numbered(0..<5))
    }

    @Test(
        "goes one by one when a run is too long for the way, but the next run goes together",
        arguments: [EMSGSIZE, EINVAL])
    func runTooLong(error: CInt) throws {
        let wire = try Wire()
        wire.system.script = [.failure(.init(number: error))]
        var outbox = Outbox()
        for bytes in numbered(0..<3) + numbered(3..<5, count: 200) { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(wire.flush(&outbox))
        #expect(wire.system.calls == [[3, 2], [1, 1, 1, 2]])
        #expect(wire.hear(5) == numbered(0..<3) + numbered(3..<5, count: 200))
    }

    @Test("waits when the system is full while a refused run goes one by one")
    func fullWithinRefusedRun() throws {
        let wire = try Wire()
        wire.system.script = [.failure(.init(number: EINVAL)), .success(1), .failure(.init(number: EAGAIN))]
        var outbox = Outbox()
        for bytes in numbered(0..<3) { _ = outbox.add(bytes, to: try wire.route()) }
        #expect(!wire.flush(&outbox))
        #expect(wire.flush(&outbox))
        #expect(wire.hear(3) == numbered(0..<3))
    }

    @Test("loses only what the system refuses: what is too long for any datagram, and what goes nowhere")
    func refused() throws {
        let wire = try Wire()
        var outbox = Outbox()
        let route = try wire.route()
        _ = outbox.add([1], to: route)
        _ = outbox.add([UInt8](repeating: 0, count: 66_000), to: route)
        _ = outbox.add([], to: route)
        _ = outbox.add([2], to: route)
        _ = outbox.add([7], to: wire.nowhere())
        _ = outbox.add([8], to: wire.nowhere())
        _ = outbox.add([3], to: route)
        #expect(wire.flush(&outbox))
        #expect(outbox.isEmpty)
        #expect(wire.hear(3) == [[1], [2], [3]])
    }

    @Test("says after 64 that it is time, and holds 4,096 at most")
    func bounds() throws {
        let wire = try Wire()
        var outbox = Outbox()
        let due = try (1...128).filter { _ in outbox.add([1], to: try wire.route()) }
        #expect(due == [64, 128])
        for _ in 0..<5_000 { _ = outbox.add([1], to: wire.nowhere()) }
        wire.system.script = [.failure(.init(number: EAGAIN))]
        #expect(!wire.flush(&outbox))
        #expect(outbox.count == Outbox.limit)
    }
}
