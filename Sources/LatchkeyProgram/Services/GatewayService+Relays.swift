import Foundation
import NIOTunnel
import NetworkTypes
import RelayProtocol
import Tunnel

extension ProgramEvent {
    /// How it stands with a relay.
    init(_ relay: TunnelAddress, _ event: RelayRegistrar.Event) {
        let fields = ["relay": relay.description]
        switch event {
        case .registered(let name, let endpoint):
            self.init(
                "relay-registered", "clients can also come through the relay \(relay)",
                fields.merging(["name": name.description, "address": endpoint.description]) { own, _ in own })
        case .waiting(let reason, let next):
            self.init(
                "relay-waiting",
                "nobody comes through the relay \(relay): \(reason); next attempt in "
                    + String(format: "%.1f", next.seconds) + " s",
                fields.merging(["reason": reason]) { own, _ in own })
        case .draining(let seconds):
            self.init(
                "relay-draining", "the relay \(relay) stops in \(seconds) s at most",
                fields.merging(["seconds": String(seconds)]) { own, _ in own })
        }
    }
}
