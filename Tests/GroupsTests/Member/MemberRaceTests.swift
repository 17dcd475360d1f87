import Dispatch
import GroupKeys
import Logging
import NIOCore
import NIOPosix
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization
import TestKit
import Testing

@testable import Groups

/// What comes between two steps of a member, made to come there.
@Suite("A member between two steps", .timeLimit(.minutes(1)))
struct MemberRaceTests {
    private typealias Machine = Member<SystemRandomNumberGenerator>

    private func withHost(
        of member: GroupMember, resuming kept: KeptMember?,
        _ body: (MachineHost<Machine>, any EventLoop) async throws -> Void
    ) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = loops.next()
        let machine = member.machine
        let host = MachineHost<Machine>(
            MachineSockets(links: [], port: 0, multicast: []), eventLoop: loop, logger: Logger(label: "test")
        ) { now in
            guard let kept, let controller = kept.channels.first?.controller.addresses.first else {
                return Machine(machine, random: SystemRandomNumberGenerator())
            }
            return Machine(
                machine, resuming: kept, controller: controller, now: now, random: SystemRandomNumberGenerator())
        } effect: { _ in
        }
        let (opened, told) = AsyncStream.makeStream(of: Void.self)
        let running = Task { try? await host.run { _ in told.finish() } }
        for await _ in opened {}
        member.hostBox.withLock { $0 = host }
        try await body(host, loop)
        member.hostBox.withLock { $0 = nil }
        running.cancel()
        await running.value
        try await loops.shutdownGracefully()
    }

    @Test func `a service that is offered while a membership has just ended waits for the next one`() async throws {
        let member = try GroupMember(id: "lamp", setupCode: "7K3QX-9M2TB")
        try await withHost(of: member, resuming: nil) { host, _ in
            // As after an eviction that the machine knows already, and its owner does not yet.
            member.membership.enter(.registered(0x1_0000))
            async let served: Void = member.serve("urn:example:service:Light:1") { _ in [UInt8]?.none }
            // It looks at the machine, more than once.
            for _ in 0..<100 { try await host.perform { _, _ in } }
            member.membership.enter(.ended(nil))
            do {
                try await served
                Issue.record("a service of no member is served")
            } catch let error as GroupError {
                #expect(error.code == .notRunning, "\(error)")
            }
        }
    }

    @Test func `an eviction right after a restart is not forgotten over the membership that was kept`() async throws {
        let kept = try #require(KeptMember.example(seed: 1))
        let member = try GroupMember(id: "lamp", setupCode: "7K3QX-9M2TB")
        let address = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 1)), port: 58_081)
        try await withHost(of: member, resuming: kept) { host, loop in
            let events = member.events
            let isBusy = DispatchSemaphore(value: 0)
            loop.execute { isBusy.wait() }
            let keeping = Task { try await member.keepRegistered(nil, resumed: address, host) }
            // It has asked for its turn on the loop by then; otherwise the test shows nothing.
            try await Task.sleep(for: .milliseconds(200))
            loop.execute { member.membership.enter(.dropped(wasEvicted: true)) }
            isBusy.signal()
            for await event in events {
                if case .registered = event { break }
            }
            // What was put on the loop behind the membership has come there, too.
            try await loop.submit {}.get()
            #expect(member.membership.phase == .dropped(wasEvicted: true))
            keeping.cancel()
            _ = await keeping.result
        }
    }
}
