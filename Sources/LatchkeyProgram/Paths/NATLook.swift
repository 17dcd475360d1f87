import Foundation
import NIOCore
import NIOTraversal
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Traversal

extension TraversalSettings {
    /// How the NAT in front of this host treats datagrams, by the first STUN server that is named; nil without one, or when
    /// it could not be asked. Takes up to ten seconds.
    func lookAtNAT(on loop: any EventLoop) async -> NATBehavior? {
        guard let server = await Self.resolve(Array(stunServers.prefix(1))).first?.endpoint,
            let own = ownAddresses().first(where: { $0.address.isIPv4 == server.address.isIPv4 })
        else { return nil }
        return try? await findNATBehavior(server: server, from: own, on: loop)
    }

    /// The addresses that candidates are gathered on.
    func ownAddresses() -> [InterfaceAddress] {
        // Without interfaces there is nothing to gather on, and the search says so.
        ((try? NetworkInterface.all()) ?? []).flatMap(\.addresses).filter {
            !$0.address.isLoopback && !$0.address.isLinkLocal
        }
    }
}

extension IPAddress {
    fileprivate var isIPv4: Bool { if case .v4 = unmapped { true } else { false } }
}

extension DoctorReport.NAT {
    init(_ behavior: NATBehavior) {
        self.init(
            external: behavior.outside?.description, mapping: behavior.mapping?.rawValue,
            filtering: behavior.filtering?.rawValue, server: behavior.server?.description)
    }
}

/// What is known of an away client's way to its gateway, judged. Pure.
struct AwayDiagnosis: Sendable {
    var gateway: String
    var paths: PathBook.Report
    var nat: NATBehavior?
    /// What the gateway has told of its own; nil where it has not.
    var peerNAT: NATBehavior?
    var hasSTUN: Bool
    var hasTURN: Bool
    var looksForDirectPaths: Bool

    /// The report of these facts.
    func report(now: Date) -> DoctorReport {
        var report = DoctorReport(role: "away")
        report.ownNAT = nat.map(DoctorReport.NAT.init)
        report.peerNAT = peerNAT.map(DoctorReport.NAT.init)
        report.attempts = paths.attempts.map { attempt in
            .init(
                what: "\(attempt.kind.words): \(attempt.name)", result: attempt.failure ?? "it stands",
                works: attempt.failure == nil, milliseconds: attempt.milliseconds)
        }
        if let kind = paths.kind, let name = paths.name {
            report.paths = [.init(peer: gateway, path: name, since: now - Double(paths.seconds))]
            report.findings.append("\(gateway) is reached \(kind.words).")
            switch kind {
            case .direct, .punched: break
            case .turn, .relay: explainDetour(&report)
            }
        } else {
            report.findings.append("\(gateway) is not reached at the moment.")
            report.advice.append(
                "See below “Tried”: name a relay at the gateway (gateway run --relay), or let its router pass a port on."
            )
        }
        return report
    }

    private func explainDetour(_ report: inout DoctorReport) {
        if !looksForDirectPaths {
            report.findings.append("No direct path is looked for (--no-direct, or --paths without punched).")
            return report.advice.append("Leave --no-direct away, and name punched among the --paths.")
        }
        if !hasSTUN {
            report.findings.append("Nobody tells this side where it is outside.")
            report.advice.append("Name a STUN server with --stun, here and at the gateway.")
        }
        guard let nat else {
            if hasSTUN {
                report.findings.append("The STUN server does not answer: this network seems to let no UDP out.")
                report.advice.append("Use another network, or let UDP out of this one.")
            }
            return
        }
        let pair = NATPair(own: nat, peer: peerNAT)
        if peerNAT.map({ $0.mapping == nil }) == true {
            report.findings.append(
                "The gateway cannot find out about its own NAT: nobody tells it, or no UDP gets out.")
            report.advice.append(
                "Name a STUN server at the gateway (gateway run --stun), and let UDP out of its network.")
        } else if let sentence = pair.sentence(own: "this side's", peer: "the other side's") {
            report.findings.append(sentence)
            if pair.verdict != .possible {
                report.advice.append(
                    "A port mapping at home (gateway.mapping) makes the path direct whatever the NATs do.")
            }
        } else if nat.mapping == .addressAndPortDependent {
            report.findings.append(
                "This side's NAT takes another port for each peer, so that the other side cannot guess it.")
            report.advice.append(
                "A port mapping at home (gateway.mapping) makes the path direct whatever this side's NAT does.")
        }
        if paths.kind == .relay, !hasTURN {
            report.advice.append(
                "A TURN server (LATCHKEY_AWAY_TURN) carries datagrams where the relay carries TCP alone.")
        }
    }
}
