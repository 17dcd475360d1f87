import Foundation
import NetworkTypes
import RemoteAccess
import Testing
import Traversal

@testable import LatchkeyProgram

@Suite("The doctor: what the NATs of both sides allow")
struct NATPairTests {
    private static let symmetric = NATBehavior(
        mapping: .addressAndPortDependent, filtering: .addressAndPortDependent)
    private static let restricted = NATBehavior(mapping: .endpointIndependent, filtering: .addressAndPortDependent)
    private static let byAddress = NATBehavior(mapping: .endpointIndependent, filtering: .addressDependent)
    private static let open = NATBehavior(mapping: NATBehavior.Mapping.none, filtering: .endpointIndependent)

    @Test(arguments: [
        (symmetric, symmetric, NATPair.Verdict.hopeless),
        (symmetric, restricted, .hopelessOneSided(isOwn: true)),
        (restricted, symmetric, .hopelessOneSided(isOwn: false)),
        (symmetric, byAddress, .possible),
        (symmetric, open, .possible),
        (open, symmetric, .possible),
        (restricted, restricted, .possible),
        (restricted, NATBehavior(), .unknown),
        (symmetric, NATBehavior(mapping: .endpointIndependent), .hopelessOneSided(isOwn: true)),
        (symmetric, NATBehavior(mapping: NATBehavior.Mapping.none), .possible),
    ])
    func `each pair is judged as the grid of NATs has shown it`(
        own: NATBehavior, peer: NATBehavior, verdict: NATPair.Verdict
    ) {
        let pair = NATPair(own: own, peer: peer)
        #expect(pair.verdict == verdict)
        #expect((pair.sentence(own: "this side's", peer: "the other side's") == nil) == (verdict == .unknown))
    }

    @Test func `a sentence names the side that takes another port for each peer`() {
        let pair = NATPair(own: Self.restricted, peer: Self.symmetric)
        #expect(
            pair.sentence(own: "this side's", peer: "the other side's")
                == "The other side's NAT takes another port for each peer, and this side's lets in only ports that it has "
                + "sent to, so no hole can be punched.")
    }

    private func report(_ kind: PathKind, own: NATBehavior?, peer: NATBehavior?) -> DoctorReport {
        AwayDiagnosis(
            gateway: "Home", paths: .init(kind: kind, name: "way", seconds: 7, attempts: []), nat: own, peerNAT: peer,
            hasSTUN: true, hasTURN: false, looksForDirectPaths: true
        ).report(now: Date(timeIntervalSince1970: 1007))
    }

    @Test func `a detour between two symmetric NATs is explained by both, with what helps`() {
        let report = report(.relay, own: Self.symmetric, peer: Self.symmetric)
        #expect(report.findings.contains("Both NATs take another port for each peer, so no hole can be punched."))
        #expect(report.advice.contains { $0.contains("port mapping") })
        #expect(report.advice.contains { $0.contains("TURN") })
        #expect(report.peerNAT?.mapping == "address-and-port-dependent")
        #expect(
            DoctorProgram.lines(report).contains { $0.hasPrefix("The other side's NAT: address-and-port-dependent") })
    }

    @Test func `a gateway that knows nothing of its own NAT is told what it needs`() {
        let report = report(.relay, own: Self.restricted, peer: NATBehavior())
        #expect(report.advice.contains { $0.contains("gateway run --stun") })
        #expect(DoctorProgram.lines(report).contains("The other side's NAT: not known"))
    }

    @Test func `a direct path needs no judgement, and still shows both`() {
        let report = report(.punched, own: Self.restricted, peer: Self.restricted)
        #expect(report.findings == ["Home is reached directly, through a hole in both NATs."])
        #expect(report.ownNAT != nil && report.peerNAT != nil && report.advice.isEmpty)
    }

    @Test func `the gateway's doctor says of each client what its NAT is`() {
        var report = DoctorReport(role: "gateway")
        report.paths = [
            .init(
                peer: "laptop", path: "relay", nat: .init(Self.symmetric),
                hole: NATPair(own: Self.symmetric, peer: Self.symmetric).sentence(
                    own: "the home's", peer: "the client's"))
        ]
        let lines = DoctorProgram.lines(report)
        #expect(lines.contains("    its NAT: address-and-port-dependent mapping, address-and-port-dependent filtering"))
        #expect(lines.contains { $0.contains("Both NATs") })
    }
}
