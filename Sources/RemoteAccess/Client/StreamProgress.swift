import HTTPTypes
import NIOCore
import NIOUPnP
import Synchronization
import Tunnel

/// One stream's progress within one carrier, kept outside the exchange's closure so that it survives it.
final class StreamProgress: Sendable {
    private let shared: Mutex<(resumption: StreamContinuation?, started: Bool, hasMoved: Bool)>

    init(resumption: StreamContinuation?, started: Bool) {
        self.shared = Mutex((resumption, started, false))
    }

    /// Whether the app was given anything over this carrier.
    var hasMoved: Bool { shared.withLock { $0.hasMoved } }

    var state: (StreamContinuation?, Bool) {
        shared.withLock { ($0.resumption, $0.started) }
    }

    /// Passes the head on the first time; later checks that the answer goes on where the app stands.
    func head(_ response: HTTPResponse, of exchange: HTTPServerExchange) async throws {
        let (resumption, started) = state
        guard started else {
            shared.withLock {
                $0.started = true
                $0.resumption = StreamContinuation(method: exchange.request.method, response: response)
            }
            return try await exchange.respond(
                HTTPResponse(status: response.status, headerFields: response.headerFields.endToEnd))
        }
        guard let resumption, resumption.continues(with: response) else {
            throw StreamBroken(reason: "the resource changed while the tunnel was down")
        }
    }

    func deliver(_ bytes: Int) {
        shared.withLock {
            $0.hasMoved = true
            $0.resumption?.deliver(bytes)
        }
    }
}

extension HTTPFields {
    /// The fields without those that concern one connection only (RFC 9110 §7.6.1).
    var endToEnd: HTTPFields {
        var fields = self
        fields[.latchkeyStream] = nil
        for name in Self.hopByHop { fields[name] = nil }
        return fields
    }

    private static let hopByHop: [HTTPField.Name] = [
        .connection, .transferEncoding, .upgrade, .te, .trailer, .known("keep-alive"), .known("proxy-connection"),
    ]
}

extension HTTPServerExchange {
    /// Answers with one sentence.
    func refuse(_ status: HTTPResponse.Status, _ sentence: String) async throws {
        try await respond(
            status, headers: [.contentType: "text/plain; charset=utf-8"], body: .init(string: sentence + "\n"))
    }
}

extension Error {
    /// Whether the carrier failed, and not the app, the device or this program: only then does another
    /// carrier help.
    var isOfTheCarrier: Bool {
        switch self {
        case is CancellationError, is HTTPTransportError, is Problem, is StreamBroken, is ExchangeReset: false
        default: true
        }
    }
}
