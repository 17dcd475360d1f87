internal import CNgtcp2
internal import NIOCore
internal import NetworkTypes
internal import Tunnel

/// One QUIC connection on its event loop: what ngtcp2 does is asked for and answered here.
///
/// ```
/// handshake ──complete, and let in──▶ open ──shut, or the peer's close, or silence──▶ ended
///     └───────────── refused, failed, or too slow ───────────────────────────────────▶ ended
/// ```
/// ngtcp2 calls back only from within calls of ours. While it does, it must not be called except for credit and for the
/// end of streams; whatever else follows is done in `settle`.
final class QUICConnection {
    /// What a connection is made with.
    struct Setup {
        var settings: QUICSettings
        var keepalive: Keepalive.Configuration
        var handshakeTimeout: TimeAmount
        var local: SocketAddress
        var remote: SocketAddress
        /// Of the path; nil where it is found by probing.
        var maximumDatagramSize: Int?
    }

    /// Decides at the listener, when the handshake is complete, and is told of the connection's end.
    protocol Door: AnyObject {
        /// Nil to let it in; or the sentence that it is told.
        func decide(_ connection: QUICConnection, _ tls: TLSSession) -> String?
        /// The connection was let in and can be used.
        func enter(_ connection: QUICConnection)
    }

    let isServer: Bool
    let setup: Setup
    let loop: any EventLoop
    weak var endpoint: QUICEndpoint?
    /// ngtcp2's connection; nil once this has ended.
    var handle: OpaquePointer?
    var tls: TLSSession?
    /// The face that tasks see; a listener's connection has none before it was let in.
    var link: QUICLink?
    /// The listener's judgement.
    weak var door: (any Door)?
    /// Judges the listener's certificate; the sentence ends up in `refusal`.
    var verifyServer: ((PeerCertificate) -> String?)?
    /// Is told once how the dialer's attempt went.
    var outcome: ((Result<QUICLink, TunnelError>) -> Void)?

    var streams: [Int64: QUICStream] = [:]
    var byExchange: [ObjectIdentifier: QUICStream] = [:]
    var waiting = CircularBuffer<QUICExchange>(initialCapacity: 1)
    var mediaWindows = 0
    var localMedia = 0
    var touched: [QUICStream] = []
    /// Streams that the window of the whole connection holds back.
    var held: [QUICStream] = []
    var mayOpen = false
    var scheduler = WriteScheduler<Int64>()

    private(set) var connectionIDs: Set<ConnectionID> = []
    let output: UnsafeMutablePointer<ngtcp2_path_storage>
    /// The last way that packets took, and the path of ngtcp2's that it is.
    var way: DatagramWay?
    let wayPath: UnsafeMutablePointer<ngtcp2_path_storage>
    var refusal: (sentence: String, code: TunnelError.Code)?
    var isCalling = false
    var isPumping = false
    /// A turn's worth was written, and there is more.
    var goesOn = false
    var hasEntered = false
    private var mustEnter = false
    var peerForgot = false
    var timer: Scheduled<Void>?
    private var timerAt: UInt64 = 0
    var paceTimer: Scheduled<Void>?

    init(isServer: Bool, setup: Setup, endpoint: QUICEndpoint) {
        self.isServer = isServer
        self.setup = setup
        self.loop = endpoint.loop
        self.endpoint = endpoint
        output = .allocate(capacity: 1)
        ngtcp2_path_storage_zero(output)
        wayPath = .allocate(capacity: 1)
        ngtcp2_path_storage_zero(wayPath)
    }

    deinit {
        if let handle { ngtcp2_conn_del(handle) }
        output.deallocate()
        wayPath.deallocate()
    }

    /// The connection that a pointer of ours names, which ngtcp2 and GnuTLS hand back.
    static func of(_ pointer: UnsafeMutableRawPointer?) -> QUICConnection? {
        pointer.map { Unmanaged<QUICConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Takes ngtcp2's connection and its TLS into use.
    func begin(_ handle: OpaquePointer, _ tls: TLSSession, ids: [ngtcp2_cid]) {
        self.handle = handle
        self.tls = tls
        ngtcp2_conn_set_tls_native_handle(handle, UnsafeMutableRawPointer(tls.pointer))
        for id in ids { know(ConnectionID(id)) }
    }

    func attach(_ link: QUICLink) {
        self.link = link
        link.attach(self)
    }

    func know(_ id: ConnectionID) {
        connectionIDs.insert(id)
        endpoint?.register(id, self)
    }

    func forget(_ id: ConnectionID) {
        connectionIDs.remove(id)
        endpoint?.unregister(id)
    }

    // MARK: Reading

    static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    /// One datagram. `settle` is to be called after the last one of a burst.
    func read(_ bytes: UnsafeRawBufferPointer, _ path: UnsafePointer<ngtcp2_path>, now: UInt64) {
        guard let handle else { return }
        isCalling = true
        let result = ngtcp2_conn_read_pkt_versioned(
            handle, path, 1, nil, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, now)
        isCalling = false
        guard result != 0 else { return }
        switch result {
        case NGTCP2_ERR_DRAINING: end(endOfPeer(handle), leaving: nil)
        case NGTCP2_ERR_DROP_CONN, NGTCP2_ERR_RETRY: end(.failed("The handshake was given up."), leaving: nil)
        default: fail(result)
        }
    }

    /// Does what must not be done while ngtcp2 calls, and writes.
    func settle() {
        guard handle != nil else { return }
        if let refusal, isServer {
            close(.failed(refusal.sentence), .refused, reason: refusal.sentence)
            return
        }
        for stream in touched { stream.exchange?.deliver() }
        touched.removeAll(keepingCapacity: true)
        if mustEnter {
            mustEnter = false
            hasEntered = true
            keepAlive()
            if isServer { door?.enter(self) } else if let link { report(.success(link)) }
        }
        if mayOpen {
            mayOpen = false
            openWaiting()
        }
        pump()
    }

    /// Asks a quiet peer for a sign of life; soon while media is expected of it: the client of a NAT that has got another
    /// address sends nothing by itself while nothing reaches it.
    func keepAlive() {
        guard let handle, hasEntered else { return }
        let usual = TimeAmount(setup.keepalive.interval)
        let interval = localMedia > 0 ? min(usual, QUICLimits.mediaKeepalive) : usual
        ngtcp2_conn_set_keep_alive_timeout(handle, UInt64(max(interval.nanoseconds, 1)))
    }

    // MARK: The handshake

    /// The listener's handshake is complete: the client has proven its certificate.
    func handshakeCompleted() {
        guard isServer, let tls else { return }
        if let sentence = door?.decide(self, tls) {
            refusal = (sentence, .refused)
        } else {
            mustEnter = true
        }
    }

    /// The listener has let us in (RFC 9001 §4.1.2).
    func handshakeConfirmed() {
        if !isServer { mustEnter = true }
    }

    /// GnuTLS asks whether to go on with this server.
    func acceptsServer() -> Bool {
        guard let certificate = tls?.peerCertificate else {
            refusal = ("The server showed no certificate that can be read.", .untrustedPeer)
            return false
        }
        guard let sentence = verifyServer?(certificate) else { return true }
        refusal = (sentence, .untrustedPeer)
        return false
    }

    func peerHasForgotten() { peerForgot = true }

    func report(_ result: Result<QUICLink, TunnelError>) {
        let report = outcome
        outcome = nil
        report?(result)
    }

    // MARK: Time

    func arm(_ now: UInt64) {
        guard let handle else { return }
        let expiry = ngtcp2_conn_get_expiry(handle)
        guard expiry != .max else { return }
        // An early timer arms the next one; a late one has to be replaced.
        if timer != nil, timerAt <= expiry { return }
        timer?.cancel()
        timerAt = expiry
        timer = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(max(expiry, now))) { [weak self] in
            self?.wake()
        }
    }

    private func wake() {
        timer = nil
        guard let handle else { return }
        let now = Self.now
        if ngtcp2_conn_get_expiry(handle) <= now {
            isCalling = true
            let result = ngtcp2_conn_handle_expiry(handle, now)
            isCalling = false
            switch result {
            case 0: break
            case NGTCP2_ERR_IDLE_CLOSE:
                end(.silent(for: setup.keepalive.patience), leaving: nil)
                return
            default:
                fail(result)
                return
            }
        }
        settle()
    }

    func pace(_ bytesPerSecond: Int?) {
        scheduler.setPace(bytesPerSecond: bytesPerSecond, now: .now)
        pump()
    }

    func resume(at time: ContinuousClock.Instant) {
        guard paceTimer == nil else { return }
        let delay = TimeAmount(ContinuousClock.now.duration(to: time))
        paceTimer = loop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            self?.paceTimer = nil
            self?.pump()
        }
    }
}
