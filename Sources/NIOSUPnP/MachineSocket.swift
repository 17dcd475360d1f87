internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NetworkTypes
internal import SUPnP

/// One socket of a machine, on its event loop: opened again, after a while, when it fails.
final class MachineSocket {
    enum Phase {
        case opening
        case open(any Channel, socket: CInt)
        case waiting(Scheduled<Void>)
        case closed
    }

    let purpose: SocketPurpose
    private(set) var phase = Phase.closed
    /// Where it is bound; its port is asked for again when it is opened again.
    private(set) var endpoint: SocketEndpoint?
    private var outbox = Outbox()
    private var retry: Scheduled<Void>?
    private var failures = 0
    private let eventLoop: any EventLoop
    private let configuration: MachineSockets
    private let sink: any DatagramSink
    private let logger: Logger
    /// Called whenever it has opened or failed.
    private let changed: () -> Void

    init(
        _ purpose: SocketPurpose, port: UInt16, configuration: MachineSockets, eventLoop: any EventLoop,
        sink: any DatagramSink, logger: Logger, changed: @escaping () -> Void
    ) {
        self.purpose = purpose
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.sink = sink
        self.logger = logger
        self.changed = changed
        if port != 0, case .link(let link) = purpose { endpoint = link.endpoint(port: port) }
    }

    var isOpen: Bool { if case .open = phase { true } else { false } }

    // MARK: Sending

    func send(_ bytes: [UInt8], to route: Route) {
        if outbox.add(bytes, to: route) { flush() }
    }

    func flush() {
        guard !outbox.isEmpty, case .open(_, let socket) = phase, retry == nil else { return }
        guard !outbox.flush(through: socket) else { return }
        retry = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { [weak self] in
            self?.retry = nil
            self?.flush()
        }
    }

    // MARK: Opening and closing

    /// Opens it. The future says whether it is open, and fails with the reason why it is not; it is tried again.
    @discardableResult
    func open() -> EventLoopFuture<Void> {
        guard case .closed = phase else { return eventLoop.makeSucceededVoidFuture() }
        phase = .opening
        let descriptor: CInt
        do {
            descriptor = try openDescriptor()
        } catch {
            failed(error)
            return eventLoop.makeFailedFuture(error)
        }
        let sink = NIOLoopBound(sink, eventLoop: eventLoop)
        let slot = WireSizes.maximumDatagram + 1
        let opened = DatagramBootstrap(group: eventLoop)
            .channelOption(.datagramVectorReadMessageCount, value: configuration.datagramsPerRead)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: configuration.datagramsPerRead * slot)
            )
            .channelOption(.datagramReceiveOffload, value: System.supportsUDPReceiveOffload)
            .channelOption(.datagramReceiveSegmentSize, value: System.supportsUDPReceiveOffload)
            // One more than is there would be asked for otherwise.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramReceiver(sink: sink.value))
                }
            }
            .withBoundSocket(descriptor)
        return opened.assumeIsolated().map { self.opened($0, descriptor) }
            .flatMapErrorThrowing { error in
                self.failed(error)
                throw error
            }.nonisolated()
    }

    private func openDescriptor() throws(IOError) -> CInt {
        let port = endpoint?.port ?? configuration.port
        do throws(IOError) {
            return try purpose.open(
                port: port, hopLimit: configuration.hopLimit, receiveBuffer: configuration.receiveBuffer)
        } catch {
            // A port that was ours before may be another's now.
            guard configuration.port == 0, port != 0, error.errnoCode == EADDRINUSE else { throw error }
            return try purpose.open(
                port: 0, hopLimit: configuration.hopLimit, receiveBuffer: configuration.receiveBuffer)
        }
    }

    private func opened(_ channel: any Channel, _ descriptor: CInt) {
        guard case .opening = phase else { return channel.close(promise: nil) }
        phase = .open(channel, socket: descriptor)
        failures = 0
        endpoint = channel.localAddress.flatMap(SocketEndpoint.init(socketAddress:)) ?? endpoint
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            guard case .open(let current, _) = self.phase, current === channel else { return }
            self.failed(IOError(errnoCode: EIO, reason: "the system has closed the socket"))
        }
        changed()
    }

    private func failed(_ error: any Error) {
        guard !isClosing else { return }
        let wait = min(30_000, 250 << min(failures, 10))
        failures += 1
        logger.debug(
            "a socket is not open, and is tried again",
            metadata: ["socket": "\(purpose)", "error": "\(error)", "wait": "\(wait) ms"])
        let again = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(wait))) { [weak self] in
            guard let self, case .waiting = self.phase else { return }
            self.phase = .closed
            self.open()
        }
        phase = .waiting(again)
        changed()
    }

    private var isClosing = false

    /// Closes it after what was sent before. The future resolves when it is closed.
    func close() -> EventLoopFuture<Void> {
        isClosing = true
        flush()
        retry?.cancel()
        let before = phase
        phase = .closed
        switch before {
        case .open(let channel, _):
            let closed = channel.closeFuture
            channel.close(promise: nil)
            return closed
        case .waiting(let again): again.cancel()
        case .opening, .closed: break
        }
        return eventLoop.makeSucceededVoidFuture()
    }

    /// Joins a group again, after the interface has changed beneath the socket. If that fails, the socket hears nothing
    /// any more, and is opened and joined anew after a while.
    func rejoin() {
        guard case .open(let channel, let socket) = phase, case .group(let group, let interface) = purpose else {
            return
        }
        do throws(IOError) {
            try SocketOptions(socket: socket).rejoin(group.address, interface: interface)
        } catch {
            logger.debug("cannot join the group again", metadata: ["group": "\(group)", "error": "\(error)"])
            channel.close(promise: nil)
        }
    }
}
