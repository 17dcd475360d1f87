package import HTTPTypes

package import struct NIOCore.ByteBuffer

/// What kind of traffic an exchange carries; the scheduler and the choice of connection follow it.
package enum TrafficClass: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Descriptions, actions, the session itself: small, and somebody is waiting.
    case control
    /// The session's event log.
    case event
    /// Bodies of any size: they wait for everything else.
    case media

    /// Order of precedence: what is less is written first.
    package static func < (left: TrafficClass, right: TrafficClass) -> Bool {
        left.precedence < right.precedence
    }

    private var precedence: Int {
        switch self {
        case .control: 0
        case .event: 1
        case .media: 2
        }
    }
}

/// Why one end gave up an exchange. The raw values are those of HTTP/2 (RFC 9113 §7), so that a
/// carrier on HTTP/2 sends them unchanged; unknown numbers are kept.
package struct ResetCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Nothing failed; the rest is not wanted.
    package static let noError = ResetCode(rawValue: 0)
    /// This end failed.
    package static let internalError = ResetCode(rawValue: 2)
    /// The exchange was not processed at all and may be tried again.
    package static let refused = ResetCode(rawValue: 7)
    /// The reader went away (a player that seeks).
    package static let cancelled = ResetCode(rawValue: 8)
    /// The subject's rights ended.
    package static let revoked = ResetCode(rawValue: 0x4C4B_0001)
}

/// The chunks of a body, pulled one at a time: not asking for the next chunk holds the sender back.
///
/// For one reader. Ends after the last chunk; throws when the peer reset the exchange or its carrier ended.
package struct ExchangeBody: AsyncSequence, Sendable {
    private let pull: @Sendable () async throws -> ByteBuffer?

    /// Makes a body of a function that returns the next chunk, or nil at the end.
    package init(_ pull: @escaping @Sendable () async throws -> ByteBuffer?) {
        self.pull = pull
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let pull: @Sendable () async throws -> ByteBuffer?

        package mutating func next() async throws -> ByteBuffer? { try await pull() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pull: pull) }
}

/// One request and its answer, seen from the end that asked.
package protocol OutboundExchange: Sendable {
    /// Sends a part of the request's body; returns when the carrier has room for more.
    func send(_ chunk: ByteBuffer) async throws
    /// Ends the request's body. To be called once, also when there is no body.
    func finish() async throws
    /// The head of the answer.
    func response() async throws -> HTTPResponse
    /// The body of the answer, after `response()`.
    var body: ExchangeBody { get }
    /// Gives the exchange up.
    func reset(_ code: ResetCode)
}

/// One request and its answer, seen from the end that answers.
package protocol InboundExchange: Sendable {
    var request: HTTPRequest { get }
    var trafficClass: TrafficClass { get }
    /// The body of the request.
    var body: ExchangeBody { get }
    /// Sends the head of the answer, once.
    func respond(_ response: HTTPResponse) async throws
    /// Sends a part of the answer's body; returns when the carrier has room for more.
    func send(_ chunk: ByteBuffer) async throws
    /// Ends the answer's body, once.
    func finish() async throws
    /// Gives the exchange up.
    func reset(_ code: ResetCode)
}

/// Why a carrier ended.
package enum CarrierEnd: Error, Hashable, Sendable {
    /// This end closed it, or the peer did so in good order.
    case closed
    /// Nothing was heard from the peer for as long as the keepalive allows.
    case silent(for: Duration)
    /// The peer's rights ended.
    case revoked
    /// The peer broke the protocol, or the network failed: a sentence for the log.
    case failed(String)
}

/// How a session is reached at the moment: opens and accepts exchanges.
///
/// Symmetric: either end may open an exchange. A session outlives its carriers.
package protocol Carrier: Sendable {
    /// Opens an exchange, runs `body` with it, and gives the exchange up if `body` leaves it unfinished.
    ///
    /// Throws `CarrierEnd` when the carrier is gone or goes before the exchange was opened.
    func withExchange<Result: Sendable>(
        _ request: HTTPRequest,
        trafficClass: TrafficClass,
        _ body: @Sendable (any OutboundExchange) async throws -> Result
    ) async throws -> Result

    /// Runs `handler`, each call in a child task, for every exchange that the peer opens, until the
    /// carrier ends. Called once.
    func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws

    /// Ends the carrier at once, beneath TLS, whatever the peer does.
    func close(_ reason: CarrierEnd)

    /// Waits until the carrier has ended and says why.
    func ended() async -> CarrierEnd
}
