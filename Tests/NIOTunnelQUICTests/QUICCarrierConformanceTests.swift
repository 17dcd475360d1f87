import TestKit
import Testing
import Tunnel

@Suite("The QUIC carrier", .timeLimit(.minutes(1)))
struct QUICCarrierConformanceTests {
    @Test("does what every carrier does", arguments: CarrierConformance.all)
    func conformance(_ check: CarrierConformance) async throws {
        try await check.run { answer, body in
            try await QUICTestTunnel.run(answer: answer) { tunnel in
                try await tunnel.withCarrier { carrier in
                    try await body(
                        .init(asking: carrier) { reason in
                            for carrier in tunnel.doors.carriers { carrier.close(reason) }
                        }
                    )
                }
            }
        }
    }
}
