internal import CNgtcp2
internal import HTTPTypes
internal import NIOCore
internal import Tunnel

/// Exchanges and their streams.
extension QUICConnection {
    // MARK: What tasks ask for

    /// Opens a stream for an exchange, or lets it wait until the peer takes another one.
    func open(_ exchange: QUICExchange) {
        guard let handle else {
            exchange.fail(link?.end.value ?? .closed)
            return
        }
        guard !exchange.hasFailed else { return }
        var id: Int64 = -1
        guard exchange.trafficClass != .media || localMedia < setup.settings.mediaStreams,
            ngtcp2_conn_open_bidi_stream(handle, &id, nil) == 0
        else {
            waiting.append(exchange)
            return
        }
        let stream = QUICStream(id: id, isLocal: true, exchange: exchange)
        streams[id] = stream
        byExchange[ObjectIdentifier(exchange)] = stream
        if exchange.trafficClass == .media {
            localMedia += 1
            keepAlive()
        }
        giveWindow(stream, exchange)
        scheduler.ready(id, exchange.trafficClass)
        pump()
    }

    /// Those who waited, as far as there is room; media that has none lets the others pass.
    func openWaiting() {
        for _ in 0..<waiting.count {
            if let exchange = waiting.popFirst() { open(exchange) }
        }
    }

    /// An exchange has something to write.
    func ready(_ exchange: QUICExchange) {
        guard let stream = byExchange[ObjectIdentifier(exchange)], !stream.isBlocked, !stream.isClosed else { return }
        scheduler.ready(stream.id, exchange.trafficClass)
        pump()
    }

    /// What was read gives the peer room again.
    func widen(_ exchange: QUICExchange, by bytes: Int) {
        credit(byExchange[ObjectIdentifier(exchange)]?.id, bytes)
        pump()
    }

    func reset(_ exchange: QUICExchange, _ code: ResetCode) {
        waiting.removeAll { $0 === exchange }
        guard let handle, let stream = byExchange[ObjectIdentifier(exchange)] else {
            exchange.closed.set(true)
            return
        }
        scheduler.remove(stream.id)
        if !stream.isClosed { ngtcp2_conn_shutdown_stream(handle, stream.id, UInt64(code.rawValue)) }
        pump()
    }

    /// Nobody uses the exchange any more.
    func leave(_ exchange: QUICExchange) {
        guard let handle, let stream = byExchange[ObjectIdentifier(exchange)], !stream.isReleased else { return }
        stream.isReleased = true
        credit(nil, exchange.drop())
        if !stream.isClosed {
            if exchange.hasFailed {
                ngtcp2_conn_shutdown_stream(handle, stream.id, UInt64(ResetCode.cancelled.rawValue))
            } else {
                // An answer may be complete before its request is; the rest is not wanted. Nothing happens where it
                // has come already.
                ngtcp2_conn_shutdown_stream_read(handle, stream.id, UInt64(ResetCode.noError.rawValue))
            }
        }
        retire(stream)
        pump()
    }

    // MARK: What ngtcp2 tells

    func streamOpened(_ id: Int64) {
        streams[id] = QUICStream(id: id, isLocal: false, exchange: nil)
    }

    func received(_ id: Int64, _ bytes: UnsafeRawBufferPointer, end: Bool) {
        guard let stream = streams[id] else { return }
        guard !stream.isReleased else {
            credit(id, bytes.count)
            return
        }
        if stream.head == nil {
            if bytes.count > 0 { stream.exchange?.received(bytes) }
        } else if !readHead(stream, bytes) {
            refuse(stream, .internalError)
            return
        }
        if end {
            guard stream.head == nil else {
                refuse(stream, .internalError)
                return
            }
            stream.exchange?.receivedEnd()
        }
        // Streams of one burst are few, and most often the same one.
        if touched.last !== stream { touched.append(stream) }
    }

    /// False when what comes is no head.
    private func readHead(_ stream: QUICStream, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var buffer = stream.head else { return true }
        // Else it would be copied as a whole for each piece.
        stream.head = ByteBuffer()
        buffer.writeBytes(bytes)
        let found: ExchangeHead?
        do {
            found = try ExchangeHead(from: &buffer)
        } catch {
            return false
        }
        guard let found else {
            // It counts as read, so that a head longer than the window can come.
            credit(stream.id, bytes.count)
            stream.head = buffer
            return true
        }
        credit(stream.id, bytes.count - buffer.readableBytes)
        stream.head = nil
        switch found {
        case .request(let request, let trafficClass):
            guard !stream.isLocal, let link else { return false }
            let exchange = QUICExchange(trafficClass, link: link)
            stream.exchange = exchange
            byExchange[ObjectIdentifier(exchange)] = stream
            giveWindow(stream, exchange)
            guard link.accept(QUICServerExchange(request: request, exchange: exchange)) else { return false }
        case .response(let response):
            guard stream.isLocal else { return false }
            stream.exchange?.received(response)
        }
        buffer.withUnsafeReadableBytes { if $0.count > 0 { stream.exchange?.received($0) } }
        return true
    }

    /// The peer's stream makes no sense, or there is no room for it.
    private func refuse(_ stream: QUICStream, _ code: ResetCode) {
        guard let handle else { return }
        stream.exchange?.fail(ExchangeReset(code))
        if stream.exchange == nil { stream.isReleased = true }
        ngtcp2_conn_shutdown_stream(handle, stream.id, UInt64(code.rawValue))
    }

    /// The peer gave up what it sends.
    func streamReset(_ id: Int64, _ code: UInt64) {
        guard let stream = streams[id] else { return }
        if stream.exchange == nil { stream.isReleased = true }
        guard !stream.isReleased else { return }
        stream.exchange?.fail(ExchangeReset(ResetCode(rawValue: UInt32(truncatingIfNeeded: code))))
    }

    /// The peer does not want what this end sends.
    func stopSending(_ id: Int64, _ code: UInt64) {
        guard let stream = streams[id] else { return }
        if stream.exchange == nil { stream.isReleased = true }
        stream.stopWriting()
        scheduler.remove(id)
        if code == UInt64(ResetCode.noError.rawValue) {
            stream.exchange?.stopWriting()
        } else {
            stream.exchange?.fail(ExchangeReset(ResetCode(rawValue: UInt32(truncatingIfNeeded: code))))
        }
    }

    /// Both directions are over, and what was written has arrived.
    func streamClosed(_ id: Int64, code: UInt64?) {
        guard let stream = streams[id] else { return }
        stream.isClosed = true
        scheduler.remove(id)
        if let code, code != UInt64(ResetCode.noError.rawValue) {
            stream.exchange?.fail(ExchangeReset(ResetCode(rawValue: UInt32(truncatingIfNeeded: code))))
        } else {
            stream.exchange?.complete()
        }
        if stream.exchange == nil { stream.isReleased = true }
        if !stream.isReleased, touched.last !== stream { touched.append(stream) }
        retire(stream)
    }

    func acknowledged(_ id: Int64, to offset: UInt64) {
        streams[id]?.acknowledged(to: offset)
    }

    /// The peer's window for a stream is wider.
    func unblocked(_ id: Int64) {
        guard let stream = streams[id], stream.isBlocked, let exchange = stream.exchange else { return }
        stream.isBlocked = false
        scheduler.ready(id, exchange.trafficClass)
    }

    // MARK: Room

    /// Lets the peer send so much more, on a stream and on the connection.
    private func credit(_ id: Int64?, _ bytes: Int) {
        guard let handle, bytes > 0 else { return }
        if let id { ngtcp2_conn_extend_max_stream_offset(handle, id, UInt64(bytes)) }
        ngtcp2_conn_extend_max_offset(handle, UInt64(bytes))
    }

    /// Media gets its large window, unless as many as may have one do.
    private func giveWindow(_ stream: QUICStream, _ exchange: QUICExchange) {
        let settings = setup.settings
        guard let handle, exchange.trafficClass == .media, mediaWindows < settings.mediaStreams else { return }
        mediaWindows += 1
        stream.hasMediaWindow = true
        ngtcp2_conn_extend_max_stream_offset(
            handle, stream.id, UInt64(max(settings.mediaWindow - settings.controlWindow, 0)))
        exchange.widen(to: settings.mediaWindow)
    }

    /// Forgets a stream that is over and that nobody uses; its place is free.
    private func retire(_ stream: QUICStream) {
        guard stream.isClosed, stream.isReleased, streams.removeValue(forKey: stream.id) != nil else { return }
        if stream.hasMediaWindow { mediaWindows -= 1 }
        if let exchange = stream.exchange { byExchange[ObjectIdentifier(exchange)] = nil }
        if stream.isLocal {
            if stream.exchange?.trafficClass == .media {
                localMedia -= 1
                keepAlive()
            }
            if !waiting.isEmpty { mayOpen = true }
        } else if let handle {
            // Only now: what its reader has not read counts until then.
            ngtcp2_conn_extend_max_streams_bidi(handle, 1)
        }
    }
}
