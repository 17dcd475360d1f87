package import NetworkTypes

// What PCP and NAT-PMP have in common: a client that keeps mappings at one router, in the caller's time.

/// A port of this host that a router is asked to pass on.
package struct MappingTarget: Hashable, Sendable {
    /// The transports that have ports here; the numbers are IANA's.
    package enum Transport: UInt8, Hashable, Sendable, CaseIterable {
        case tcp = 6
        case udp = 17
    }

    /// What is passed on.
    package let transport: Transport
    /// The port on this host, not 0.
    package let port: UInt16

    package init(_ transport: Transport, port: UInt16) {
        self.transport = transport
        self.port = port
    }
}

/// A mapping that a router has granted.
package struct MappingGrant: Hashable, Sendable {
    package let target: MappingTarget
    /// Where the target is reached from outside, as the router says. Behind a second NAT that is not the truth.
    package let external: SocketEndpoint
    /// For how long, from when the answer came.
    package let lifetime: Duration

    package init(_ target: MappingTarget, external: SocketEndpoint, lifetime: Duration) {
        self.target = target
        self.external = external
        self.lifetime = lifetime
    }
}

/// What a client of a router wants done, or has found out.
package enum PortControlOutput: Hashable, Sendable {
    /// Send this to the router's port 5351.
    case send([UInt8])
    /// A mapping is there, or is there for longer; its external side may be another than before.
    case granted(MappingGrant)
    /// The router does not want to. It is asked again after `retry`.
    case refused(MappingTarget, code: Int, reason: String, retry: Duration)
    /// The router has lost its state; what was mapped is asked for anew.
    case routerRestarted
    /// Nobody has answered that many requests yet; it goes on.
    case silent(requests: Int)
    /// The router speaks another protocol: nothing more is sent. With the version that it named.
    case unsupported(version: UInt8)
    /// Nobody has ever answered, and nothing more is sent.
    case gaveUp
    /// The mapping is removed.
    case released(MappingTarget)
}

/// A client of PCP or NAT-PMP: values in, actions out.
///
/// A caller adds targets, sends what it is told to send, hands in what arrives from ``server``, and calls
/// `timeOut(at:using:)` when ``next`` has come.
package protocol PortControlClient: Sendable {
    /// The router, port 5351.
    var server: SocketEndpoint { get }
    /// When there is something to do without an answer; nil when there is not.
    var next: ContinuousClock.Instant? { get }
    /// Keeps a mapping. `suggested`: the external port that is preferred. More targets than
    /// `PortControlLimits.targets` are ignored.
    mutating func add(
        _ target: MappingTarget, suggested: UInt16, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput]
    /// Something came from an address; what is not the router's is ignored.
    mutating func received(
        _ bytes: [UInt8], from source: SocketEndpoint, at now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput]
    /// ``next`` has come.
    mutating func timeOut(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput]
    /// Asks the router whether it is still the same; an answer that says otherwise brings ``PortControlOutput``.
    mutating func probe(at now: ContinuousClock.Instant) -> [PortControlOutput]
    /// Removes a mapping that an earlier start has made, without asking for it first.
    mutating func discard(
        _ target: MappingTarget, at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput]
    /// Removes every mapping; requests are sent once more if no answer comes, and then forgotten.
    mutating func releaseAll(
        at now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> [PortControlOutput]
}

/// The numbers that both protocols share.
package enum PortControlLimits {
    /// Where routers listen (RFC 6886 §3, RFC 6887 §19.2).
    package static let serverPort: UInt16 = 5351
    /// Where routers announce that they have restarted.
    package static let announcementPort: UInt16 = 5350
    /// Mappings that one client keeps.
    package static let targets = 8
    /// No renewals in quicker succession (RFC 6887 §11.2.1).
    package static let shortestRenewal: Duration = .seconds(4)
    /// The longest lifetime that is believed (RFC 6887 §15 advises 24 hours).
    package static let longestLifetime: Duration = .seconds(86_400)
    /// The lifetime that is asked for: renewed every hour, and gone two hours after a crash (RFC 6886 §3.3).
    package static let lifetime: UInt32 = 7_200
    /// The pause after a refusal is at least this, whatever the router says.
    package static let shortestRetry: Duration = .seconds(30)

    /// A lifetime that a router named, as it is believed.
    static func believed(_ seconds: UInt32) -> Duration {
        min(.seconds(Int64(seconds)), longestLifetime)
    }
}

extension Duration {
    /// Times a factor that is drawn from a range, to the millisecond.
    func scaled(_ range: ClosedRange<Double>, using random: inout some RandomNumberGenerator) -> Duration {
        let milliseconds = Double(components.seconds) * 1_000 + Double(components.attoseconds) / 1e15
        return .milliseconds(Int64(milliseconds * Double.random(in: range, using: &random)))
    }
}

extension IPAddress {
    /// The 16 bytes that PCP writes: IPv4 as `::ffff:a.b.c.d` (RFC 6887 §5).
    var sixteenBytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .v4(let address):
            bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
            bytes.append(bigEndian: address.rawValue)
        case .v6(let address):
            bytes.append(bigEndian: address.high)
            bytes.append(bigEndian: address.low)
        }
        return bytes
    }

    /// Reads 16 bytes; an IPv4-mapped address becomes IPv4.
    init(sixteenBytes bytes: some Collection<UInt8>) {
        let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let low = bytes.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        self = IPAddress.v6(IPv6Address(high: high, low: low)).unmapped
    }

    /// The address that says “any”, of this one's family.
    var any: IPAddress {
        switch self {
        case .v4: .v4(.unspecified)
        case .v6: .v6(.unspecified)
        }
    }
}

extension Sequence<UInt8> {
    /// The bytes as a number, most significant first.
    var number: UInt32 { reduce(0) { $0 << 8 | UInt32($1) } }
}
