import HTTPTypes
import NIOCore
import NIOHTTP1

// How a connection answers and ends. Called on its event loop only.
extension HTTPServerConnection {
    // MARK: Answers

    /// Writes the head of an answer, made by `head` for whether the connection closes after it.
    func writeHead(_ id: UInt64, closes: Bool, _ head: (_ closes: Bool) -> ByteBuffer) {
        guard case .exchange(let exchange) = phase, exchange.id == id, let context else { return }
        exchange.responseStarted = true
        if closes { closesAfterAnswer = true }
        context.write(wrapOutboundOut(head(closesAfterAnswer)), promise: nil)
        scheduleFlush()
    }

    /// Writes a part of an answer's body. What is not flushed leaves with the next flush, or at the end of
    /// this turn of the loop: a head and the body behind it share a segment.
    func write(_ id: UInt64, _ buffer: ByteBuffer, charge: Int, outflow: Outflow, kind: WriteKind) {
        guard case .exchange(let exchange) = phase, exchange.id == id, let context else {
            return outflow.fail(Self.peerLeft)
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                if kind == .last { self.answered(id) }
                outflow.sent(charge)
            case .failure:
                outflow.fail(Self.peerLeft)
            }
        }
        context.write(wrapOutboundOut(buffer), promise: promise)
        if kind == .prefix { scheduleFlush() } else { context.flush() }
    }

    /// Writes a whole answer, made by `whole` for whether the connection closes after it.
    func answer(_ id: UInt64, charge: Int, outflow: Outflow, _ whole: (_ closes: Bool) -> ByteBuffer) {
        guard case .exchange(let exchange) = phase, exchange.id == id else { return outflow.fail(Self.peerLeft) }
        exchange.responseStarted = true
        write(id, whole(closesAfterAnswer), charge: charge, outflow: outflow, kind: .last)
    }

    /// What a write is for.
    enum WriteKind: Hashable {
        /// More follows at once.
        case prefix
        case chunk
        /// The end of the answer.
        case last
    }

    private func scheduleFlush() {
        guard !flushScheduled, let context else { return }
        flushScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.flushScheduled = false
            self.context?.flush()
        }
    }

    /// The answer cannot be completed.
    func breakOff(_ id: UInt64) {
        guard case .exchange(let exchange) = phase, exchange.id == id else { return }
        close()
    }

    private func answered(_ id: UInt64) {
        guard case .exchange(let exchange) = phase, exchange.id == id, let context else { return }
        if !exchange.requestEnded {
            exchange.inflow.fail(.init(.misuse, "the exchange is over"))
            return linger()
        }
        if closesAfterAnswer {
            phase = .closed
            return close()
        }
        phase = .idle
        if early.isEmpty {
            timer?.set(in: shared.limits.idleTime)
            context.read()
        } else {
            replayEarly()
        }
    }

    private func replayEarly() {
        let end = early.firstIndex { if case .end = $0 { true } else { false } }
        let parts = early.prefix(through: end ?? early.count - 1)
        early.removeFirst(parts.count)
        earlyHeads -= 1
        for part in parts {
            if case .closed = phase { return }
            receive(part)
        }
        // Not at once: this is within the handler before.
        startHandler(atOnce: false)
    }

    // MARK: Ends

    func refuse(_ status: HTTPResponse.Status) {
        guard let context else { return }
        var buffer = ByteBuffer()
        let response = HTTPResponse(status: status, headerFields: [.contentLength: "0"])
        HTTPHeadCodec.write(response, chunked: false, connection: "close", to: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        linger()
    }

    /// Closes our side and reads away what the peer still sends, for a moment: closing with unread bytes
    /// would reset the connection and take the answer with it (RFC 9112 §9.6).
    private func linger() {
        guard let context else { return }
        phase = .lingering
        early = []
        if inputClosed { return close() }
        timer?.set(in: .seconds(1))
        context.flush()
        context.close(mode: .output, promise: nil)
        context.read()
    }

    func close() {
        context?.close(promise: nil)
    }

    /// The server stops: an idle connection closes, an exchange may end.
    func beginDrain() {
        switch phase {
        case .idle, .head: close()
        case .exchange: closesAfterAnswer = true
        case .lingering, .closed: break
        }
    }

    func deadlinePassed() {
        guard case .exchange(let exchange) = phase else { return close() }
        let now = NIODeadline.now()
        var next = now + TimeAmount(min(shared.limits.bodyStallTime, shared.limits.sendStallTime))
        if let since = exchange.inflow.waitingSince {
            let deadline = since + TimeAmount(shared.limits.bodyStallTime)
            if deadline <= now {
                exchange.inflow.fail(.init(.timedOut, "no byte of the body for \(shared.limits.bodyStallTime)"))
                closesAfterAnswer = true
            } else if isTooSlow(exchange.inflow) {
                exchange.inflow.fail(
                    .init(.timedOut, "the body comes at less than \(shared.limits.bodyRate) bytes a second"))
                closesAfterAnswer = true
            }
            next = min(next, max(deadline, now + .milliseconds(1)))
        }
        if let since = exchange.outflow.waitingSince {
            let deadline = since + TimeAmount(shared.limits.sendStallTime)
            if deadline <= now {
                exchange.outflow.fail(
                    .init(.timedOut, "the peer took nothing for \(shared.limits.sendStallTime)")
                )
                return close()
            }
            next = min(next, deadline)
        }
        timer?.set(next)
    }

    /// Whether a body drips: it is neither stalled nor does it get on.
    private func isTooSlow(_ inflow: BodyInflow) -> Bool {
        let (waited, received) = inflow.progress
        guard waited > TimeAmount(shared.limits.bodyStallTime) else { return false }
        return Double(received) * 1e9 < Double(shared.limits.bodyRate) * Double(waited.nanoseconds)
    }
}
