package import Foundation
package import NetworkTypes
package import Reachability
import Traversal

/// How a gateway or an away client is reached, why so, and what would improve it.
package struct DoctorReport: Codable, Hashable, Sendable {
    /// A path in use.
    package struct Path: Codable, Hashable, Sendable {
        /// The client's or the gateway's name.
        package var peer: String
        /// Such as `tcp 203.0.113.7:50001`.
        package var path: String
        package var since: Date?
        /// The NAT in front of a gateway's client, as it has told; nil where it has not.
        package var nat: NAT?
        /// What the NATs of both sides allow, in a sentence; nil where it is not known.
        package var hole: String?

        package init(peer: String, path: String, since: Date? = nil, nat: NAT? = nil, hole: String? = nil) {
            self.peer = peer
            self.path = path
            self.since = since
            self.nat = nat
            self.hole = hole
        }
    }

    /// What STUN has found out about the NAT in front of a program (RFC 5780).
    package struct NAT: Codable, Hashable, Sendable {
        /// Where datagrams are seen to come from, as ``server`` says.
        package var external: String?
        /// The STUN server whose word this is.
        package var server: String?
        /// `endpoint-independent`, `address-dependent` or `address-and-port-dependent` (RFC 4787).
        package var mapping: String?
        package var filtering: String?

        package init(
            external: String? = nil, mapping: String? = nil, filtering: String? = nil, server: String? = nil
        ) {
            self.external = external
            self.server = server
            self.mapping = mapping
            self.filtering = filtering
        }
    }

    /// What was tried with what result.
    package struct Attempt: Codable, Hashable, Sendable {
        package var what: String
        package var result: String
        package var works: Bool
        package var milliseconds: Int?
    }

    /// Whether clients get in at a public IPv6 address of this host.
    package struct IPv6: Codable, Hashable, Sendable {
        package enum State: String, Codable, Hashable, Sendable {
            /// The router has opened its firewall, or has none.
            case open
            /// The router says that it lets nobody in.
            case closed
            /// Nobody who was asked has answered.
            case unknown
        }

        package var address: String
        package var state: State
        /// What the state follows from, without a full stop.
        package var reason: String?

        package init(address: String, state: State, reason: String? = nil) {
            self.address = address
            self.state = state
            self.reason = reason
        }
    }

    /// `gateway` or `away`.
    package var role: String
    /// In a few sentences how things stand, and why so.
    package var findings: [String]
    package var paths: [Path]
    /// The NAT on this side; nil where nobody has looked.
    package var ownNAT: NAT?
    /// The NAT on the other side, as its program has told; nil where it has not.
    package var peerNAT: NAT?
    package var attempts: [Attempt]
    /// The way in over IPv6; nil where there is none to speak of.
    package var ipv6: IPv6?
    /// What would improve it; empty where nothing has to be done.
    package var advice: [String]

    package init(role: String) {
        self.role = role
        findings = []
        paths = []
        attempts = []
        advice = []
    }
}

/// What is known of a gateway's way in, judged. Pure.
package struct GatewayDiagnosis: Sendable {
    package var port: UInt16
    package var own: IPAddress?
    package var router: IPAddress?
    /// What the owner has named.
    package var configured: [String]
    /// Nil where no mapping is wanted.
    package var mapping: MappingStatus?
    package var publicIPv6: [IPAddress]
    /// Nil where clients are not served over IPv6, or there is no public address.
    package var ipv6: DoctorReport.IPv6?
    package var ipv6Attempts: [MappingAttempt] = []
    /// Where a STUN server sees this host; nil where nobody has asked one.
    package var seenAt: IPAddress?
    package var nat: DoctorReport.NAT?
    package var isPublished: Bool

    package init(port: UInt16) {
        self.port = port
        configured = []
        publicIPv6 = []
        isPublished = false
    }

    /// Whether the router stands behind another NAT; nil where that is not known.
    package var isBehindSecondNAT: Bool? {
        guard let external = mapping?.external?.address else { return nil }
        if AddressReach(external) != .public { return true }
        return seenAt.map { $0.unmapped != external.unmapped }
    }

    /// Fills what follows from these facts into a report.
    package func judge(_ report: inout DoctorReport) {
        report.ownNAT = nat
        for attempt in mapping?.attempts ?? [] {
            report.attempts.append(
                .init(
                    what: "port mapping by \(attempt.method.name)", result: attempt.result, works: attempt.works,
                    milliseconds: attempt.milliseconds))
        }
        if !configured.isEmpty {
            report.findings.append(
                "Clients are told the addresses that you have named: \(configured.joined(separator: ", ")).")
        }
        judgeMapping(&report)
        judgeIPv6(&report)
        if !isPublished {
            report.advice.append(
                "Clients do not find the gateway again when its address changes while they are away. Configure dynamic DNS (ddns.name and ddns.server or ddns.url) or a push address (push.url)."
            )
        }
    }

    /// Who says where this home is seen: its word, and no fact.
    private var teller: String { (nat?.server).map { "the STUN server \($0)" } ?? "a STUN server" }

    private func judgeIPv6(_ report: inout DoctorReport) {
        for attempt in ipv6Attempts {
            report.attempts.append(
                .init(
                    what: "IPv6 firewall by \(attempt.method.name)", result: attempt.result, works: attempt.works,
                    milliseconds: attempt.milliseconds))
        }
        report.ipv6 = ipv6
        guard let ipv6 else {
            guard let first = publicIPv6.first else { return }
            return report.findings.append(
                "This host has the public IPv6 address \(first), but the gateway listens on IPv4 alone (gateway.listen)."
            )
        }
        let because = ipv6.reason.map { " (\($0))" } ?? ""
        let allow =
            "allow incoming connections to \(ipv6.address), TCP and UDP port \(port), in the router's IPv6 firewall"
        switch ipv6.state {
        case .open:
            report.findings.append(
                "Clients with IPv6 connect directly to [\(ipv6.address)]:\(port): the router's firewall lets them in\(because)."
            )
        case .closed:
            report.findings.append(
                "This host has the public IPv6 address \(ipv6.address), but the router's firewall is closed and does not open for it\(because). Clients are not told that address."
            )
            report.advice.append("Let the router open its IPv6 firewall for this host, or \(allow).")
        case .unknown:
            report.findings.append(
                "This host has the public IPv6 address \(ipv6.address). Whether the router's firewall lets clients in is not known\(because)."
            )
            report.advice.append("If clients with IPv6 do not get in, \(allow).")
        }
    }

    /// A router that maps nothing because it has no public address itself.
    private func judgeAddressless(_ report: inout DoctorReport) {
        let name = "The router\(router.map { " at \($0)" } ?? "")"
        let outside =
            seenAt.map { "it stands behind another NAT, whose address is \($0) (as \(teller) says)" }
            ?? "it stands behind another NAT (the provider's box, or the provider's own), or is not connected"
        report.findings.append(
            "\(name) passes no port on, because it has no public address itself: \(outside). Clients reach the gateway at home only\(configured.isEmpty ? "" : ", or at the addresses that you have named")."
        )
        report.advice.append(
            "Put the provider's box in front of the router into bridge mode, or ask the provider for a public address, or use IPv6 or a relay."
        )
    }

    /// Whether QUIC has a way in, of a port that TCP has one for.
    private func judgeUDP(_ mapping: MappingStatus, _ external: SocketEndpoint, _ report: inout DoctorReport) {
        func attempt(_ result: String, works: Bool) {
            report.attempts.append(.init(what: "port mapping for QUIC (UDP)", result: result, works: works))
        }
        if let refusal = mapping.refusals.first(where: { $0.key.transport == .udp }) {
            attempt(refusal.value, works: false)
            report.findings.append(
                "The router does not pass UDP port \(refusal.key.port) on: \(refusal.value). Clients outside use TLS over TCP, which does not follow them from network to network."
            )
            return
        }
        guard let udp = mapping.externalUDP else { return }
        attempt("mapped \(udp)", works: udp.port == external.port)
        guard udp.port != external.port else {
            return report.findings.append("It passes UDP port \(udp.port) on as well, so clients may use QUIC.")
        }
        report.findings.append(
            "It passes UDP on too, but at port \(udp.port). Clients are told one port for both, \(external.port), so from outside they use TLS over TCP."
        )
        report.advice.append(
            "Free UDP port \(external.port) in the router, so that QUIC gets the port that TCP has.")
    }

    private func judgeMapping(_ report: inout DoctorReport) {
        if let own, AddressReach(own) == .public {
            return report.findings.append("This host has the public address \(own) itself; no router is in the way.")
        }
        let forward =
            "forward TCP port \(port) to \(own.map { "\($0)" } ?? "this host"):\(port) and name the outer address with --address"
        guard let mapping else {
            guard configured.isEmpty else { return }
            report.findings.append("No port mapping is wanted (gateway.mapping is off).")
            return report.advice.append("Set gateway.mapping to auto, or \(forward).")
        }
        guard let method = mapping.method, let external = mapping.external else {
            if mapping.attempts.contains(where: { $0.denial == .noPublicAddress }) {
                return judgeAddressless(&report)
            }
            report.findings.append(
                "The router\(router.map { " at \($0)" } ?? "") passes no port on: none of the ways to ask it works. Clients reach the gateway at home only\(configured.isEmpty ? "" : ", or at the addresses that you have named")."
            )
            return report.advice.append(
                "Switch UPnP, NAT-PMP or PCP on in the router\(router.map { " at \($0)" } ?? ""), or there \(forward).")
        }
        guard isBehindSecondNAT == true else {
            let proof = seenAt == nil ? "" : ", and \(teller) sees the same address"
            report.findings.append(
                "The router passes \(external) on to the gateway, asked by \(method.name)\(proof). Clients connect directly."
            )
            return judgeUDP(mapping, external, &report)
        }
        let why =
            switch AddressReach(external.address) {
            case .carrier: "that is an address between a provider's NAT and its customers (100.64.0.0/10)"
            case .public: "\(teller) sees this home at \(seenAt.map { "\($0)" } ?? "another address")"
            case .private, .reserved: "that is no address of the internet"
            }
        report.findings.append(
            "The router passes \(external) on to the gateway, but there is a second NAT in front of it: \(why). Nobody outside reaches that address."
        )
        report.advice.append(
            AddressReach(external.address) == .private
                ? "Put the provider's box in front of the router into bridge mode, or forward TCP port \(external.port) on it to \(external.address)."
                : "Ask the provider for a public address, or use IPv6 or a relay.")
    }
}
