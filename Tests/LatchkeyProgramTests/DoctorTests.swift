import Foundation
import NetworkTypes
import Reachability
import Testing
import Traversal

@testable import LatchkeyProgram

@Suite("The doctor: what is known of a gateway's way in, judged")
struct DoctorTests {
    private func report(_ change: (inout GatewayDiagnosis) -> Void) -> DoctorReport {
        var facts = GatewayDiagnosis(port: 4433)
        facts.own = .v4(IPv4Address(192, 168, 1, 7))
        facts.router = .v4(IPv4Address(192, 168, 1, 1))
        facts.isPublished = true
        change(&facts)
        var report = DoctorReport(role: "gateway")
        facts.judge(&report)
        return report
    }

    private func mapped(_ text: String) throws -> MappingStatus {
        var status = MappingStatus()
        status.method = .pcp
        let external = try #require(SocketEndpoint(text))
        status.grants = [
            MappingGrant(MappingTarget(.tcp, port: 4433), external: external, lifetime: .seconds(7_200))
        ]
        return status
    }

    @Test func `a port that is passed on at a public address needs nothing`() throws {
        let status = try mapped("203.0.113.5:4433")
        let good = report { $0.mapping = status }
        #expect(good.findings.first?.contains("passes 203.0.113.5:4433 on") == true && good.advice.isEmpty)
        let proven = report {
            $0.mapping = status
            $0.seenAt = .v4(IPv4Address(203, 0, 113, 5))
        }
        #expect(proven.findings.first?.contains("a STUN server sees the same address") == true)
    }

    @Test func `QUIC has a way in where UDP is passed on at the same port, and the doctor says where it is not`() throws
    {
        let udp = MappingTarget(.udp, port: 4433)
        func judged(_ port: UInt16) throws -> DoctorReport {
            var status = try mapped("203.0.113.5:4433")
            let external = SocketEndpoint(.v4(IPv4Address(203, 0, 113, 5)), port: port)
            status.grants.append(MappingGrant(udp, external: external, lifetime: .seconds(7_200)))
            return report { $0.mapping = status }
        }
        let same = try judged(4433)
        #expect(same.findings.contains { $0.contains("UDP port 4433 on as well") } && same.advice.isEmpty)
        let other = try judged(50_000)
        #expect(other.findings.contains { $0.contains("but at port 50000") } && other.attempts.last?.works == false)
        #expect(other.advice.first?.contains("Free UDP port 4433") == true)
        var none = try mapped("203.0.113.5:4433")
        none.refusals[udp] = "the router has no room for another mapping (error 728)"
        let refused = report { $0.mapping = none }
        #expect(refused.findings.contains { $0.contains("does not pass UDP port 4433 on: the router has no room") })
        #expect(refused.attempts.contains { $0.what.contains("QUIC") && !$0.works })
    }

    @Test(arguments: [
        ("192.168.0.2:4433", nil as String?, "bridge mode"), ("100.64.0.7:4433", nil, "public address"),
        ("203.0.113.5:4433", "198.51.100.9", "public address"),
    ])
    func `a second NAT is recognised by the router's own address, or by what STUN sees`(
        external: String, seen: String?, advice: String
    ) throws {
        let status = try mapped(external)
        let report = report {
            $0.mapping = status
            $0.seenAt = seen.flatMap { IPAddress($0) }
            $0.nat = .init(server: "198.51.100.3:3478")
        }
        #expect(seen == nil || report.findings.first?.contains("the STUN server 198.51.100.3:3478 sees") == true)
        #expect(report.findings.first?.contains("a second NAT") == true, "\(report.findings)")
        #expect(report.advice.first?.contains(advice) == true, "\(report.advice)")
    }

    @Test(arguments: [
        (DoctorReport.IPv6.State.open, "opened by PCP" as String?, "lets them in (opened by PCP)", 0),
        (.closed, "PCP: no", "is closed and does not open for it (PCP: no). Clients are not told", 1),
        (.unknown, nil, "is not known.", 1),
    ])
    func `the way in over IPv6 is open, closed or not known, in words and in JSON`(
        state: DoctorReport.IPv6.State, reason: String?, words: String, advice: Int
    ) throws {
        let status = try mapped("203.0.113.5:4433")
        let report = report {
            $0.mapping = status
            $0.publicIPv6 = [IPAddress("2001:db8::7")].compactMap(\.self)
            $0.ipv6 = .init(address: "2001:db8::7", state: state, reason: reason)
        }
        #expect(report.findings.contains { $0.contains("2001:db8::7") && $0.contains(words) }, "\(report.findings)")
        #expect(report.advice.count == advice && report.ipv6?.state == state)
    }

    @Test func `what routers answer makes IPv6 open, closed or not known`() throws {
        let own = try #require(IPAddress("2001:db8::7"))
        var status = MappingStatus()
        #expect(DoctorReport.IPv6(own, status).state == .unknown)
        status.attempts = [MappingAttempt(method: .pcp, result: "the router does not answer", works: false)]
        let unknown = DoctorReport.IPv6(own, status)
        #expect(unknown.state == .unknown && unknown.reason == "PCP: the router does not answer")
        status.attempts.append(MappingAttempt(method: .igd, result: "error 606", works: false, denial: .unwilling))
        let closed = DoctorReport.IPv6(own, status)
        #expect(closed.state == .closed && closed.reason == "UPnP IGD: error 606")
        status.method = .pcp
        #expect(DoctorReport.IPv6(own, status).state == .open)
    }

    @Test func `a public IPv6 address that the gateway does not listen on is said to be of no use`() throws {
        let report = report { $0.publicIPv6 = [IPAddress("2001:db8::7")].compactMap(\.self) }
        #expect(report.findings.contains { $0.contains("listens on IPv4 alone") } && report.ipv6 == nil)
    }

    @Test func `a router that has no public address itself is said to stand behind another NAT`() throws {
        var status = MappingStatus()
        status.attempts = [
            MappingAttempt(method: .pcp, result: "NO_RESOURCES", works: false, denial: .unwilling),
            MappingAttempt(method: .igd, result: "no external address", works: false, denial: .noPublicAddress),
        ]
        let report = report { $0.mapping = status }
        #expect(report.findings.first?.contains("behind another NAT") == true, "\(report.findings)")
        #expect(
            report.advice.first?.contains("bridge mode") == true
                && !report.advice.contains { $0.contains("Switch UPnP") })
        let seen = self.report {
            $0.mapping = status
            $0.seenAt = .v4(IPv4Address(203, 0, 113, 9))
        }
        #expect(seen.findings.first?.contains("whose address is 203.0.113.9") == true, "\(seen.findings)")
    }

    @Test func `without a mapping the owner is told what to switch on, or what to forward where`() {
        let none = report { $0.mapping = MappingStatus() }
        #expect(none.advice.first?.contains("forward TCP port 4433 to 192.168.1.7:4433") == true, "\(none.advice)")
        let off = report { _ in }
        #expect(off.findings.first?.contains("gateway.mapping is off") == true)
        let unpublished = report { $0.isPublished = false }
        #expect(unpublished.advice.last?.contains("dynamic DNS") == true)
    }

    @Test func `a report is read back from its JSON, and its lines are sentences`() throws {
        var full = report { $0.mapping = MappingStatus() }
        full.ownNAT = .init(external: "203.0.113.5:1", mapping: "endpoint-independent", filtering: "address-dependent")
        full.paths = [.init(peer: "ann", path: "tcp 203.0.113.7:5000")]
        let lines = DoctorProgram.lines(full)
        #expect(lines.contains("  ann: tcp 203.0.113.7:5000"))
        #expect(lines.contains { $0.contains("endpoint-independent mapping, address-dependent filtering") })
        let answer = ControlAnswer.result(.doctor(full))
        #expect(try JSONDecoder().decode(ControlAnswer.self, from: JSONEncoder().encode(answer)) == answer)
    }
}
