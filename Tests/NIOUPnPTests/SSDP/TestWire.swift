import Foundation
import Glibc
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing

/// A wire of a test's own: an interface here, and its far end in another network namespace, where another host
/// can be played. Both go with the test.
final class TestWire: Sendable {
    /// The interface here.
    let name: String
    /// The far end, in the neighbour's namespace.
    let farName: String
    /// The other host: what runs on it sees its namespace alone.
    let neighbour: NamespaceThread
    /// A part of the addresses that is the wire's own, so that tests do not disturb each other.
    let number: UInt8

    /// The IPv4 address that the wire has here, and the neighbour's.
    var own4: IPAddress { .v4(IPv4Address(10, 77, number, 1)) }
    var far4: IPAddress { .v4(IPv4Address(10, 77, number, 2)) }
    /// The unique local addresses.
    var own6: IPAddress { .v6(IPv6Address(high: 0xFD77_0000_0000_0000 | UInt64(number), low: 1)) }
    var far6: IPAddress { .v6(IPv6Address(high: 0xFD77_0000_0000_0000 | UInt64(number), low: 2)) }
    /// The link-local addresses.
    let ownLocal = IPAddress.v6(IPv6Address(high: 0xFE80 << 48, low: 1))
    let farLocal = IPAddress.v6(IPv6Address(high: 0xFE80 << 48, low: 2))

    private static let numbers = Mutex<Set<UInt8>>([])

    private init() async throws {
        let number = Self.numbers.withLock { used in
            let free = (1...254).first { !used.contains($0) } ?? 255
            used.insert(free)
            return free
        }
        self.number = number
        self.name = "lkw\(number)"
        self.farName = "lkf\(number)"
        self.neighbour = try NamespaceThread()
        try TestInterface.ip("link", "add", name, "type", "veth", "peer", "name", farName)
        try TestInterface.ip("link", "set", farName, "netns", neighbour.path)
        let farName = farName
        let addresses = [far4.description + "/24", far6.description + "/64", farLocal.description + "/64"]
        try await neighbour.perform {
            try TestInterface.ip("link", "set", "lo", "up")
            try TestInterface.quietAddresses(farName)
            try TestInterface.ip("link", "set", farName, "up")
            for address in addresses { try TestInterface.address("add", address, farName) }
        }
        try TestInterface.quietAddresses(name)
        try TestInterface.ip("link", "set", name, "up")
        try addressIPv4()
        try addressIPv6()
    }

    func addressIPv4() throws { try TestInterface.address("add", "\(own4)/24", name) }
    func addressIPv6() throws {
        try TestInterface.address("add", "\(own6)/64", name)
        try TestInterface.address("add", "\(ownLocal)/64", name)
    }
    func unaddressIPv4() throws { try TestInterface.address("del", "\(own4)/24", name) }

    /// Runs `body` with a wire of its own.
    static func with(_ body: (TestWire) async throws -> Void) async throws {
        let wire = try await TestWire()
        let result: Result<Void, any Error>
        do {
            try await body(wire)
            result = .success(())
        } catch { result = .failure(error) }
        wire.neighbour.end()
        // It may be gone already, with the test or with the neighbour's namespace.
        _ = try TestInterface.runIP(["link", "del", wire.name])
        numbers.withLock { _ = $0.remove(wire.number) }
        try result.get()
    }
}

extension TestInterface {
    /// Adds or deletes an address that is usable at once.
    static func address(_ verb: String, _ address: String, _ name: String) throws {
        if address.contains(":") {
            try ip("-6", "address", verb, address, "dev", name, "nodad")
        } else {
            try ip("address", verb, address, "dev", name)
        }
    }

    /// Has the kernel make no IPv6 address by itself, and ask nobody whether one is taken.
    static func quietAddresses(_ name: String) throws {
        for (key, value) in [("accept_dad", "0"), ("addr_gen_mode", "1")] {
            let file = try #require(FileHandle(forWritingAtPath: "/proc/sys/net/ipv6/conf/\(name)/\(key)"))
            try file.write(contentsOf: Data(value.utf8))
            try file.close()
        }
    }
}

/// A thread in a network namespace of its own. What is performed on it opens its sockets and starts its programs
/// there; a socket stays in the namespace whoever uses it.
final class NamespaceThread: Sendable {
    private struct State {
        var work: [@Sendable () -> @Sendable () -> Void] = []
        var done: [@Sendable () -> Void] = []
        var hasEnded = false
    }

    /// The namespace, as `ip` takes it.
    let path: String
    private let state: Mutex<State>
    private let wake = DispatchSemaphore(value: 0)
    private let told = DispatchSemaphore(value: 0)

    init() throws {
        let started = DispatchSemaphore(value: 0)
        let found = Mutex<String?>(nil)
        let box = Mutex<NamespaceThread?>(nil)
        self.state = Mutex(State())
        let ready = DispatchSemaphore(value: 0)
        let thread = Thread {
            found.withLock { $0 = Self.leaveNamespace() }
            started.signal()
            ready.wait()
            let own = box.withLock { box in
                defer { box = nil }
                return box
            }
            own?.work()
        }
        thread.start()
        defer { if !path.isEmpty { Thread { self.tell() }.start() } }
        started.wait()
        self.path = found.withLock { $0 } ?? ""
        box.withLock { $0 = path.isEmpty ? nil : self }
        ready.signal()
        try #require(!path.isEmpty, "no network namespace can be made")
    }

    /// Puts the calling thread into a new namespace; that namespace's path, nil when it cannot be.
    private static func leaveNamespace() -> String? {
        typealias Unshare = @convention(c) (CInt) -> CInt
        // unshare(2), for which Swift's Glibc has no name, with CLONE_NEWNET.
        guard let symbol = dlsym(nil, "unshare"), unsafeBitCast(symbol, to: Unshare.self)(0x4000_0000) == 0 else {
            return nil
        }
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
        return own.map { "/proc/\($0)/ns/net" }
    }

    private func work() {
        while true {
            wake.wait()
            let next = state.withLock { $0.work.isEmpty ? nil : $0.work.removeFirst() }
            let done = next?()
            state.withLock { if let done { $0.done.append(done) } }
            told.signal()
            if next == nil { return }
        }
    }

    /// Hands results out from a thread of the test's own namespace. Resuming a task may make a thread for the
    /// whole process's pool, and a thread begins in the namespace of the one that makes it: tests would run there.
    private func tell() {
        while true {
            told.wait()
            guard let next = state.withLock({ $0.done.isEmpty ? nil : $0.done.removeFirst() }) else { return }
            next()
        }
    }

    /// Runs `body` on the thread.
    func perform<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded {
                    state.work.append {
                        let result = Result(catching: body)
                        return { continuation.resume(with: result) }
                    }
                }
                return state.hasEnded
            }
            if hasEnded { continuation.resume(throwing: CancellationError()) } else { wake.signal() }
        }
    }

    /// Lets the thread go after what it was given; the namespace goes with the last socket in it.
    func end() {
        state.withLock { $0.hasEnded = true }
        wake.signal()
    }
}
