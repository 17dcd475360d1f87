import CLatchkeyGroups
import Foundation
import LatchkeyGroups
import Synchronization
import Testing

/// The C interface without a group: nothing that a program does wrong does harm.
@Suite("The C interface's handles and arguments")
struct HandleTests {
    static func options(_ body: (inout latchkey_group_options) -> Void = { _ in }) -> latchkey_group_options {
        var options = latchkey_group_options()
        options.size = MemoryLayout<latchkey_group_options>.size
        body(&options)
        return options
    }

    /// A membership that finds nobody: it looks for a controller on an interface that carries nothing.
    static func open(_ body: (inout latchkey_group_options) -> Void = { _ in }) throws -> OpaquePointer {
        try "kiosk".withCString { id in
            try "7K3QX-9M2TB".withCString { code in
                try "192.0.2.254:9".withCString { controller in
                    var options = options {
                        ($0.id, $0.setup_code, $0.controller) = (id, code, controller)
                        body(&$0)
                    }
                    var group: OpaquePointer?
                    #expect(latchkey_group_open(&options, &group) == LATCHKEY_OK)
                    return try #require(group)
                }
            }
        }
    }

    @Test("NULL, a closed handle and one that never was are refused everywhere, and closing them does nothing")
    func noHandles() async throws { try await onThread { try Self.useNoHandles() } }

    private static func useNoHandles() throws {
        let group = try open()
        latchkey_group_close(group)
        let started = ContinuousClock.now
        latchkey_group_close(group)
        #expect(ContinuousClock.now - started < .seconds(1))
        for handle in [nil, group, OpaquePointer(bitPattern: 0x7FFF_0000)] {
            #expect(latchkey_group_wait(handle, 1) == LATCHKEY_INVALID)
            #expect(latchkey_group_services(handle, nil, 0) == 0)
            #expect(latchkey_group_request(handle, "urn:x", "a", 1, 100, 0, nil, nil, nil) == LATCHKEY_INVALID)
            #expect(latchkey_group_announce(handle, "urn:x", "a", 1, nil, nil) == LATCHKEY_INVALID)
            #expect(latchkey_group_cancel(handle, 1) == LATCHKEY_INVALID)
            #expect(latchkey_group_serve(handle, "urn:x", { _, _ in }, nil) == LATCHKEY_INVALID)
            #expect(latchkey_group_stop_serving(handle, "urn:x") == LATCHKEY_INVALID)
            #expect(latchkey_group_answer(handle, 1, "a", 1, true) == LATCHKEY_INVALID)
            latchkey_group_close(handle)
        }
    }

    @Test("Options that cannot be are refused, and give no handle")
    func options() {
        var group = OpaquePointer(bitPattern: 1)
        #expect(latchkey_group_open(nil, &group) == LATCHKEY_INVALID)
        #expect(group == nil)
        var empty = Self.options()
        #expect(latchkey_group_open(&empty, &group) == LATCHKEY_INVALID)
        #expect(latchkey_group_open(&empty, nil) == LATCHKEY_INVALID)
        "kiosk".withCString { id in
            "short".withCString { code in
                var wrong = Self.options { ($0.id, $0.setup_code) = (id, code) }
                #expect(latchkey_group_open(&wrong, &group) == LATCHKEY_INVALID)
            }
            "7K3QX-9M2TB".withCString { code in
                var wrong = Self.options { ($0.id, $0.setup_code, $0.family) = (id, code, 5) }
                #expect(latchkey_group_open(&wrong, &group) == LATCHKEY_INVALID)
                wrong = Self.options { ($0.id, $0.setup_code, $0.size) = (id, code, 8) }
                #expect(latchkey_group_open(&wrong, &group) == LATCHKEY_INVALID)
                "nowhere".withCString { controller in
                    wrong = Self.options { ($0.id, $0.setup_code, $0.controller) = (id, code, controller) }
                    #expect(latchkey_group_open(&wrong, &group) == LATCHKEY_INVALID)
                }
            }
        }
        #expect(group == nil)
    }

    @Test("Names, payloads and times that cannot be are refused at once")
    func arguments() async throws { try await onThread { try Self.useArguments() } }

    private static func useArguments() throws {
        let group = try open()
        defer { latchkey_group_close(group) }
        func asks(_ service: String?, _ payload: String?, _ length: Int, _ window: UInt32, _ most: UInt32)
            -> latchkey_status
        {
            latchkey_group_request(group, service, payload, length, window, most, nil, nil, nil)
        }
        #expect(asks(nil, "a", 1, 100, 0) == LATCHKEY_INVALID)
        #expect(asks("", "a", 1, 100, 0) == LATCHKEY_INVALID)
        #expect(asks("two words", "a", 1, 100, 0) == LATCHKEY_INVALID)
        #expect(asks("urn:x", nil, 1, 100, 0) == LATCHKEY_INVALID)
        #expect(asks("urn:x", "a", Int(LATCHKEY_LONGEST_PAYLOAD) + 1, 100, 0) == LATCHKEY_INVALID)
        #expect(asks("urn:x", "a", 1, 49, 0) == LATCHKEY_INVALID)
        #expect(asks("urn:x", "a", 1, 30_001, 0) == LATCHKEY_INVALID)
        #expect(asks("urn:x", "a", 1, 100, 64) == LATCHKEY_INVALID)
        #expect(latchkey_group_serve(group, "urn:x", nil, nil) == LATCHKEY_INVALID)
        #expect(latchkey_group_serve(group, "urn:x", { _, _ in }, nil) == LATCHKEY_OK)
        #expect(latchkey_group_serve(group, "urn:x", { _, _ in }, nil) == LATCHKEY_INVALID)
        #expect(latchkey_group_stop_serving(group, "urn:x") == LATCHKEY_OK)
        #expect(latchkey_group_stop_serving(group, "urn:x") == LATCHKEY_INVALID)
        #expect(latchkey_group_answer(group, 99, "a", 1, true) == LATCHKEY_INVALID)
        #expect(latchkey_group_cancel(group, 99) == LATCHKEY_INVALID)
    }

    @Test("Thirty-two services are offered and the next one is refused, until one of them is stopped")
    func manyServices() async throws { try await onThread { try Self.offerManyServices() } }

    private static func offerManyServices() throws {
        let group = try open()
        defer { latchkey_group_close(group) }
        for number in 1...32 {
            #expect(latchkey_group_serve(group, "urn:x:\(number)", { _, _ in }, nil) == LATCHKEY_OK)
        }
        #expect(latchkey_group_serve(group, "urn:x:33", { _, _ in }, nil) == LATCHKEY_INVALID)
        #expect(latchkey_group_stop_serving(group, "urn:x:7") == LATCHKEY_OK)
        #expect(latchkey_group_serve(group, "urn:x:7", { _, _ in }, nil) == LATCHKEY_OK)
    }

    @Test("Every status has words, also a number that is none, and the version is the header's")
    func words() {
        for number in 0...20 {
            let text = String(cString: latchkey_status_text(latchkey_status(UInt32(number))))
            #expect(!text.isEmpty)
            #expect((text == "this is no status") == (number > 15))
        }
        #expect(latchkey_groups_version() == 1)
    }

    /// Counts the callbacks of a test.
    final class Counter: Sendable {
        let count = Atomic(0)
        let isClosed = Atomic(false)
        let late = Atomic(0)
    }

    @Test("A request of no member fails once, and after closing no callback comes")
    func noCallbacksAfterClose() async throws { try await onThread { try Self.closeBusyGroups() } }

    private static func closeBusyGroups() throws {
        for _ in 0..<20 {
            let counter = Counter()
            let context = Unmanaged.passRetained(counter).toOpaque()
            defer { Unmanaged<Counter>.fromOpaque(context).release() }
            let group = try open {
                $0.context = context
                $0.on_event = { context, _ in HandleTests.count(context) }
            }
            for _ in 0..<50 {
                let status = latchkey_group_request(
                    group, "urn:x", "a", 1, 100, 0,
                    { context, update in
                        #expect(update.pointee.kind == LATCHKEY_UPDATE_FAILED)
                        #expect(update.pointee.status == LATCHKEY_NOT_REGISTERED)
                        HandleTests.count(context)
                    }, context, nil)
                #expect(status == LATCHKEY_OK)
            }
            latchkey_group_close(group)
            counter.isClosed.store(true, ordering: .sequentiallyConsistent)
            usleep(2_000)
            #expect(counter.late.load(ordering: .sequentiallyConsistent) == 0)
        }
    }

    static func count(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        let counter = Unmanaged<Counter>.fromOpaque(context).takeUnretainedValue()
        counter.count.add(1, ordering: .sequentiallyConsistent)
        if counter.isClosed.load(ordering: .sequentiallyConsistent) {
            counter.late.add(1, ordering: .sequentiallyConsistent)
        }
    }

    @Test("A group may be closed from its own callback")
    func closesItself() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: latchkey_status.self)
        final class Box: Sendable {
            let group = Mutex<UInt>(0)
            let continuation: AsyncStream<latchkey_status>.Continuation
            init(_ continuation: AsyncStream<latchkey_status>.Continuation) { self.continuation = continuation }
        }
        let box = Box(continuation)
        let context = Unmanaged.passRetained(box).toOpaque()
        defer { Unmanaged<Box>.fromOpaque(context).release() }
        let group = try Self.open()
        box.group.withLock { $0 = UInt(bitPattern: group) }
        let status = latchkey_group_request(
            group, "urn:x", nil, 0, 100, 0,
            { context, _ in
                guard let context else { return }
                let box = Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
                let group = OpaquePointer(bitPattern: box.group.withLock { $0 })
                box.continuation.yield(latchkey_group_wait(group, 1))
                latchkey_group_close(group)
                box.continuation.yield(latchkey_group_wait(group, 1))
                box.continuation.finish()
            }, context, nil)
        #expect(status == LATCHKEY_OK)
        var seen: [latchkey_status] = []
        for await status in stream { seen.append(status) }
        #expect(seen == [LATCHKEY_INVALID, LATCHKEY_INVALID])
        latchkey_group_close(group)
    }
}

/// Runs what waits on a thread of its own, as a C program's are: the tests' threads are those that it would wait for.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
