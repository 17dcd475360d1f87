package import Logging
package import NIOCore
package import NetworkTypes

/// Runs a machine on UDP sockets: datagrams and deadlines in, datagrams out, everything else to its owner.
///
/// The machine and its sockets belong to one event loop. Datagrams are read several at a time, and what the machine says
/// to them is sent together. A socket that fails is opened again after a while, and a host without a link waits for one.
package final class MachineHost<Machine: DatagramMachine & ~Copyable>: Sendable {
    private let eventLoop: any EventLoop
    private let loop: NIOLoopBoundBox<MachineLoop<Machine>>

    /// Sets up a host, which runs once.
    ///
    /// - Parameters:
    ///   - make: makes the machine, on the event loop, when the sockets are open.
    ///   - effect: called on the event loop for each effect, in order; it must not block. It may call ``tell(_:)``, whose
    ///     input comes after all that is being done.
    package init(
        _ sockets: MachineSockets, eventLoop: any EventLoop, logger: Logger,
        make: @escaping @Sendable (_ now: ContinuousClock.Instant) throws -> Machine,
        effect: @escaping @Sendable (Machine.Effect) -> Void
    ) {
        self.eventLoop = eventLoop
        loop = .makeBoxSendingValue(
            MachineLoop(sockets, eventLoop: eventLoop, logger: logger, make: make, effect: effect),
            eventLoop: eventLoop)
    }

    /// Opens the sockets, makes the machine, and runs it until the task is cancelled; returns when the sockets are closed.
    ///
    /// Throws the first reason when there are links and no socket can be opened, and what `make` throws. Sockets that
    /// cannot be opened beside others that can, are tried again.
    ///
    /// - Parameter onOpen: is told, on the event loop and before the machine is made, where the links' sockets are bound.
    ///   From then on ``tell(_:)`` and ``perform(_:)`` reach the machine.
    package func run(onOpen: @escaping @Sendable ([SocketEndpoint]) -> Void = { _ in }) async throws {
        let loop = loop
        try await withTaskCancellationHandler {
            try await eventLoop.flatSubmit { loop.value.start(onOpen: onOpen) }.get()
            try await eventLoop.flatSubmit { loop.value.end }.get()
        } onCancel: {
            eventLoop.execute { loop.value.stop() }
        }
    }

    /// Gives the machine an input, from any thread; in the order of the calls of one thread. Dropped when it does not run.
    package func tell(_ input: Machine.Input) {
        let loop = loop
        eventLoop.execute { loop.value.tell(input) }
    }

    /// As ``tell(_:)``, and says on the event loop when the machine has taken the input, or it was dropped.
    package func tell(_ input: Machine.Input, then taken: @escaping @Sendable () -> Void) {
        let loop = loop
        eventLoop.execute {
            loop.value.tell(input)
            taken()
        }
    }

    /// Looks at or changes the machine on its loop, then does what it wants done. Throws `CancellationError` when it does
    /// not run.
    package func perform<Value: Sendable>(
        _ body: @escaping @Sendable (inout Machine, ContinuousClock.Instant) -> Value
    ) async throws -> Value {
        let loop = loop
        return try await eventLoop.submit { try loop.value.perform(body) }.get()
    }

    /// As ``perform(_:)``, from where nobody waits: nothing happens when the machine does not run.
    package func act(_ body: @escaping @Sendable (inout Machine, ContinuousClock.Instant) -> Void) {
        let loop = loop
        eventLoop.execute { try? loop.value.perform(body) }
    }

    /// Other links from here on: sockets are opened, closed and joined again; those that stay keep their sockets.
    package func setLinks(_ links: [InterfaceAddress]) {
        let loop = loop
        eventLoop.execute { loop.value.setLinks(links) }
    }
}
