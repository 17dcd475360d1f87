import Foundation
import Glibc
import Groups
import Logging
import NIOPosix
import NIOUPnP
import ServiceLifecycle

/// `latchkey member …`, beyond its arguments.
package enum MemberProgram {
    /// Runs members of a group until they are told to stop, or have asked all that they were to ask.
    package static func run(_ orders: MemberOrders, _ invocation: Invocation) async throws {
        let plan = try MemberPlan(orders, invocation)
        if orders.takesTestDerivation {
            invocation.console.error(
                "--insecure-test-derivation makes setup codes easy to guess: for laboratories only")
        }
        raiseFileLimit()
        let logger = invocation.logger("member")
        let report = MemberReport(EventPrinter(console: invocation.console, json: invocation.json))
        defer { report.flush() }
        do {
            let service = try MemberService(plan, report: report, logger: logger)
            try await Daemon.run([service], mayFinish: true, console: invocation.console, logger: logger)
        } catch let error as GroupError {
            throw error.code == .invalid ? ProgramError.usage(error.message) : ProgramError.failure(error.message)
        } catch let error as SSDPDriverError {
            throw ProgramError.failure(error.description)
        }
    }

    /// Each member has sockets of its own.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Prints what happens to members, one line after the other and never on an event loop.
struct MemberReport: Sendable {
    private let printer: EventPrinter
    private let queue = DispatchQueue(label: "events")

    init(_ printer: EventPrinter) { self.printer = printer }

    func callAsFunction(_ event: ProgramEvent) { queue.async { printer(event) } }

    /// Returns when all is printed.
    func flush() { queue.sync {} }
}

/// All members of one process, as one service.
struct MemberService: Service, CustomStringConvertible {
    private let players: [MemberPlayer]
    private let finder: ControllerFinder?
    private let monitor: InterfaceMonitor
    private let isAlone: Bool

    init(_ plan: MemberPlan, report: MemberReport, logger: Logger) throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let first = plan.members.first
        monitor = InterfaceMonitor(eventLoopGroup: group, logger: logger)
        finder = first.flatMap { first in
            first.controller == nil
                ? ControllerFinder(
                    interfaces: first.interfaces, ssdp: first.ssdp, eventLoopGroup: group, logger: logger) : nil
        }
        let surroundings = MemberSurroundings(
            sharing: finder, monitor: monitor, eventLoopGroup: group,
            registrations: first?.takesTestDerivation == true ? 32 : 8, logger: logger)
        let readiness = Readiness(Set(plan.members.map(\.id))) { report(.ready) }
        players = try plan.members.map {
            try MemberPlayer($0, plan, in: surroundings, report: report, readiness: readiness)
        }
        isAlone = plan.members.count == 1
    }

    /// What the log calls the service.
    var description: String { "member" }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: (any Error)?.self) { group in
                if let finder {
                    group.addTask {
                        try await finder.run()
                        return nil
                    }
                }
                group.addTask {
                    try await monitor.run()
                    return nil
                }
                group.addTask { try await play() }
                defer { group.cancelAll() }
                // Only the members end by themselves.
                if let failure = try await group.next() ?? nil { throw failure }
            }
        }
    }

    /// Runs the members until all have ended; the first failure of one is told in the end.
    private func play() async throws -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            for player in players {
                group.addTask {
                    do {
                        try await player.play()
                        return nil
                    } catch is CancellationError {
                        return nil
                    } catch {
                        if !isAlone { player.failed(error) }
                        return error
                    }
                }
            }
            var failure: (any Error)?
            for await error in group { failure = failure ?? error }
            return failure
        }
    }
}
