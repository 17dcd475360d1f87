import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Events that wait for their reader", .timeLimit(.minutes(1)))
struct EventQueueTests {
    private func event(_ sequence: UInt32, isInitial: Bool = false, bytes: Int = 1) -> DeviceEvent {
        DeviceEvent(
            sequence: sequence, properties: PropertySet([EventProperty("V", String(repeating: "v", count: bytes - 1))]),
            isInitialState: isInitial)
    }

    @Test("events wait in order, up to the limit")
    func order() async {
        let queue = EventQueue(limit: 3, byteLimit: 100)
        for number in 0...2 { queue.yield(event(UInt32(number))) }
        for number in 0...2 { #expect(await queue.next()?.sequence == UInt32(number)) }
        queue.finish()
        #expect(await queue.next() == nil)
    }

    @Test(
        "too many events, or too large ones, are dropped, and the whole state comes in their place", arguments: [1, 50])
    func overrun(bytes: Int) async {
        let queue = EventQueue(limit: bytes == 1 ? 3 : 100, byteLimit: bytes == 1 ? 1000 : 160)
        let refreshes = Mutex(0)
        queue.onOverrun { [weak queue] in
            refreshes.withLock { $0 += 1 }
            queue?.yield(self.event(9))
            queue?.yield(self.event(0))
            queue?.yield(self.event(1))
        }
        for number in 0...20 { queue.yield(event(UInt32(number), bytes: bytes)) }
        #expect(refreshes.withLock { $0 } == 0)
        let first = await queue.next()
        #expect(first?.sequence == 0)
        #expect(first?.isInitialState == true)
        #expect(await queue.next()?.sequence == 1)
        #expect(refreshes.withLock { $0 } == 1)
    }

    @Test("a whole state that comes by itself ends an overrun")
    func recovery() async {
        let queue = EventQueue(limit: 2, byteLimit: 1000)
        queue.onOverrun { Issue.record("there is nothing to ask for") }
        for number in 0...5 { queue.yield(event(UInt32(number))) }
        queue.yield(event(7, isInitial: true))
        queue.yield(event(8))
        #expect(await queue.next()?.sequence == 7)
        #expect(await queue.next()?.sequence == 8)
    }

    @Test("one event larger than the limit is delivered")
    func large() async {
        let queue = EventQueue(limit: 2, byteLimit: 10)
        queue.yield(event(0, bytes: 100))
        #expect(await queue.next()?.sequence == 0)
    }

    @Test("a cancelled reader goes away, and another one can read on")
    func cancellation() async {
        let queue = EventQueue(limit: 2, byteLimit: 10)
        let reader = Task { await queue.next() }
        reader.cancel()
        #expect(await reader.value == nil)
        queue.yield(event(4))
        #expect(await queue.next()?.sequence == 4)
    }
}
