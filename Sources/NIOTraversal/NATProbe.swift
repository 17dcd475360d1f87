package import NIOCore
package import NetworkTypes
package import Traversal

/// Finds out how a NAT treats UDP, with a server that has two addresses (RFC 5780); what cannot be found out is nil.
///
/// A hint for people, about one address and the moment. Takes some milliseconds with a NAT that lets everything in, and
/// up to ten seconds with a server that does not answer.
/// - Parameters:
///   - own: The own address to ask from; of the server's family.
///   - loop: Where it runs.
/// - Throws: `IOError` where the own address cannot be used, and `CancellationError`.
package func findNATBehavior(
    server: SocketEndpoint, from own: InterfaceAddress, on loop: any EventLoop
) async throws -> NATBehavior {
    let promise = loop.makePromise(of: NATBehavior.self)
    let run = try await loop.submit { () throws -> NIOLoopBound<ProbeRun> in
        NIOLoopBound(try ProbeRun(server: server, from: own, on: loop, promise: promise), eventLoop: loop)
    }.flatMapErrorThrowing { error -> NIOLoopBound<ProbeRun> in
        promise.fail(error)
        throw error
    }.get()
    return try await withTaskCancellationHandler {
        try await promise.futureResult.get()
    } onCancel: {
        loop.execute { run.value.cancel() }
    }
}

/// One probe, on its event loop.
private final class ProbeRun {
    private let loop: any EventLoop
    private let promise: EventLoopPromise<NATBehavior>
    private let socket: UDPSocket
    private var probe: NATBehaviorProbe
    private var random = SystemRandomNumberGenerator()
    private var pending: (request: STUNMessage, test: NATBehaviorProbe.Test, timer: STUNTransactionTimer)?
    private var scheduled: Scheduled<Void>?
    private var isOver = false

    init(
        server: SocketEndpoint, from own: InterfaceAddress, on loop: any EventLoop,
        promise: EventLoopPromise<NATBehavior>
    ) throws {
        self.loop = loop
        self.promise = promise
        socket = try UDPSocket(own.address, zone: own.endpoint(port: 0).zone)
        probe = NATBehaviorProbe(server: server, own: socket.base)
        socket.read(on: loop) { [weak self] in self?.received($0, from: $1) }
        // It lives as long as somebody waits for it.
        promise.futureResult.assumeIsolated().whenComplete { _ in withExtendedLifetime(self) {} }
        advance()
    }

    private func advance() {
        scheduled?.cancel()
        guard let test = probe.next else { return finish(.success(probe.behavior)) }
        var request = STUNMessage(.request, .binding, transaction: STUNMessage.Transaction(using: &random))
        test.apply(to: &request)
        // Silence is an answer here, and is not waited for as long as where an answer is needed.
        var timer = STUNTransactionTimer.Configuration()
        (timer.sends, timer.lastWaits) = (3, 2)
        pending = (request, test, STUNTransactionTimer(at: .now, configuration: timer))
        send()
    }

    private func send() {
        guard let pending else { return }
        pending.request.encoded(fingerprint: true).withUnsafeBytes { socket.send($0, to: pending.test.server) }
        wait()
    }

    private func wait() {
        guard let next = pending?.timer.next else { return }
        let wait = max(.zero, next - .now) / .nanoseconds(1)
        scheduled = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(wait) + 1)) { [weak self] in
            self?.timeout()
        }
    }

    private func timeout() {
        switch pending?.timer.due(at: .now) {
        case .send: send()
        case .failed:
            probe.silent()
            advance()
        case nil: wait()
        }
    }

    private func received(_ datagram: ByteBuffer, from source: SocketEndpoint) {
        guard let pending, let answer = try? STUNDatagram(Array(datagram.readableBytesView)).message,
            answer.transaction == pending.request.transaction, answer.method == .binding, isExpected(source)
        else { return }
        if answer.kind == .success { probe.answered(answer) } else { probe.silent() }
        advance()
    }

    /// An answer comes from where it was asked for; one that was asked to come from elsewhere must not come from there.
    private func isExpected(_ source: SocketEndpoint) -> Bool {
        guard let test = pending?.test else { return false }
        let hasOtherAddress = source.address != test.server.address
        let hasOtherPort = source.port != test.server.port
        return hasOtherAddress == test.changesAddress && hasOtherPort == test.changesPort
    }

    func cancel() { finish(.failure(CancellationError())) }

    private func finish(_ result: Result<NATBehavior, any Error>) {
        guard !isOver else { return }
        isOver = true
        pending = nil
        scheduled?.cancel()
        socket.close()
        promise.completeWith(result)
    }
}
