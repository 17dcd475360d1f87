package import Logging
import NIOPosix
package import ServiceLifecycle
import UnixSignals

/// One long-running program: its services in the order in which they start, ended by a signal.
package enum Daemon {
    /// How long the last bytes and farewells may take after the first signal.
    package static let drainTime: Duration = .seconds(10)

    /// Runs until SIGTERM or SIGINT, then asks the services to stop, the last one first. A second signal,
    /// or `drainTime`, ends them where they stand.
    ///
    /// - Parameter mayFinish: Whether a service that is done ends the program; it is a fault otherwise.
    /// - Throws: what a service failed with.
    package static func run(
        _ services: [any Service], mayFinish: Bool = false, console: Console, logger: Logger
    ) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services.map { service in
                var entry = ServiceGroupConfiguration.ServiceConfiguration(
                    service: service,
                    successTerminationBehavior: mayFinish ? .gracefullyShutdownGroup : .cancelGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup
                )
                // By default the log would hold a dump of the service, with all that it holds.
                entry.serviceName = "\(type(of: service))"
                return entry
            },
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = drainTime
        configuration.maximumCancellationDuration = .seconds(5)
        let group = ServiceGroup(configuration: configuration)
        // Before a service can say that it is ready: whoever reads that may send a signal at once.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask { await forward(signals, to: group, console: console) }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private static func forward(_ signals: UnixSignalsSequence, to group: ServiceGroup, console: Console) async {
        var received = 0
        for await signal in signals {
            received += 1
            if received == 1 {
                console.log("latchkey: stopping; a second \(signal) does not wait")
                await group.triggerGracefulShutdown()
            } else {
                exitAtOnce(signal)
            }
        }
    }
}
