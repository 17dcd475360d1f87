import Foundation
import NetworkTypes
import RemoteAccess
import Testing
import Traversal

@testable import LatchkeyProgram

@Suite("The doctor: how an away client reaches its gateway")
struct AwayDoctorTests {
    private func diagnosis(_ kind: PathKind?, _ change: (inout AwayDiagnosis) -> Void = { _ in }) -> DoctorReport {
        var facts = AwayDiagnosis(
            gateway: "Home",
            paths: .init(
                kind: kind, name: kind.map { "way \($0)" }, seconds: 7,
                attempts: [
                    .init(kind: .direct, name: "tcp 198.51.100.1:4433", failure: "nobody answered", milliseconds: 12),
                    .init(kind: .relay, name: "relay", failure: nil, milliseconds: 40),
                ]),
            hasSTUN: true, hasTURN: true, looksForDirectPaths: true)
        facts.nat = NATBehavior(mapping: .endpointIndependent, filtering: .endpointIndependent)
        change(&facts)
        return facts.report(now: Date(timeIntervalSince1970: 1007))
    }

    @Test func `a direct path needs no advice`() {
        let report = diagnosis(.direct)
        #expect(report.findings == ["Home is reached directly."])
        #expect(report.advice.isEmpty)
        #expect(report.paths == [.init(peer: "Home", path: "way direct", since: Date(timeIntervalSince1970: 1000))])
        #expect(report.attempts.map(\.works) == [false, true])
        #expect(DoctorProgram.lines(report).contains("  no  directly: tcp 198.51.100.1:4433: nobody answered (12 ms)"))
    }

    @Test func `a detour is explained by this side's NAT`() {
        let report = diagnosis(.relay) { $0.nat?.mapping = .addressAndPortDependent }
        #expect(report.findings.contains { $0.contains("another port for each peer") })
        #expect(report.advice.contains { $0.contains("gateway.mapping") })
        #expect(report.ownNAT?.mapping == "address-and-port-dependent")
    }

    @Test func `what a STUN server says is told together with whose word it is`() {
        let report = diagnosis(.relay) {
            $0.nat?.outside = SocketEndpoint("203.0.113.5:1")
            $0.nat?.server = SocketEndpoint("198.51.100.3:3478")
        }
        let line = DoctorProgram.lines(report).first { $0.contains("203.0.113.5:1") }
        #expect(line?.contains("by the word of the STUN server 198.51.100.3:3478") == true, "\(line ?? "no line")")
    }

    @Test func `without UDP, without a STUN server and with --no-direct each says what to do`() {
        #expect(diagnosis(.relay) { $0.nat = nil }.findings.contains { $0.contains("no UDP") })
        let blind = diagnosis(.turn) {
            $0.nat = nil
            $0.hasSTUN = false
        }
        #expect(blind.advice.contains { $0.contains("--stun") })
        #expect(
            diagnosis(.relay) { $0.looksForDirectPaths = false }.advice == [
                "Leave --no-direct away, and name punched among the --paths."
            ])
        #expect(diagnosis(nil).findings == ["Home is not reached at the moment."])
    }
}
