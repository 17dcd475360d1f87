package import RelayProtocol

/// What a relay counts. Nothing of it tells who: labels are from closed sets.
package struct RelayCounters: Hashable, Sendable {
    /// Gateways that stand by at the moment.
    package var gateways = 0
    /// Client connections at the moment.
    package var sessions = 0
    /// Connections at the moment that have not said what they are for.
    package var newcomers = 0
    /// Connections since the start.
    package var connections: UInt64 = 0
    /// Registrations since the start.
    package var registrations: UInt64 = 0
    /// Those that replaced an earlier one of the same gateway.
    package var replacements: UInt64 = 0
    /// Calls of gateways since the start.
    package var calls: UInt64 = 0
    /// Those that a gateway answered.
    package var joined: UInt64 = 0
    /// Bytes that clients sent.
    package var bytesFromClients: UInt64 = 0
    /// Bytes that gateways sent.
    package var bytesFromGateways: UInt64 = 0
    /// Registrations whose TLS failed.
    package var failedHandshakes: UInt64 = 0
    /// Standby connections on which a frame was forged or made no sense.
    package var forgedFrames: UInt64 = 0
    /// Who was turned away, by reason.
    package private(set) var refusals: [RelayRefusal: UInt64] = [:]

    mutating func refuse(_ refusal: RelayRefusal) { refusals[refusal, default: 0] += 1 }

    /// The text format of Prometheus, version 0.0.4.
    package var prometheus: String {
        var lines: [String] = []
        func metric(_ name: String, _ kind: String, _ help: String, _ values: [(labels: String, value: String)]) {
            lines.append("# HELP latchkey_relay_\(name) \(help)")
            lines.append("# TYPE latchkey_relay_\(name) \(kind)")
            for (labels, value) in values { lines.append("latchkey_relay_\(name)\(labels) \(value)") }
        }
        func one(_ name: String, _ kind: String, _ help: String, _ value: some BinaryInteger) {
            metric(name, kind, help, [("", "\(value)")])
        }
        one("gateways", "gauge", "Gateways that stand by.", gateways)
        one("sessions", "gauge", "Client connections, waiting ones included.", sessions)
        one("newcomers", "gauge", "Connections that have not said what they are for.", newcomers)
        one("connections_total", "counter", "Connections accepted.", connections)
        one("registrations_total", "counter", "Gateways that registered.", registrations)
        one("replacements_total", "counter", "Registrations that replaced an earlier one.", replacements)
        one("calls_total", "counter", "Clients for whom a gateway was called.", calls)
        one("joined_total", "counter", "Calls that a gateway answered.", joined)
        one("failed_handshakes_total", "counter", "Registrations whose TLS failed.", failedHandshakes)
        one("forged_frames_total", "counter", "Standby connections ended for a bad frame.", forgedFrames)
        metric(
            "bytes_total", "counter", "Bytes relayed.",
            [
                ("{from=\"client\"}", "\(bytesFromClients)"), ("{from=\"gateway\"}", "\(bytesFromGateways)"),
            ])
        metric(
            "refusals_total", "counter", "Connections turned away.",
            RelayRefusal.allCases.map { ("{reason=\"\($0)\"}", "\(refusals[$0, default: 0])") })
        return lines.joined(separator: "\n") + "\n"
    }
}
