import NIOTunnelQUIC
package import TrustCore
import Tunnel

/// What the owner sees, and ends.
extension RemoteAccessServer {
    /// How many sessions there may be.
    package var maximumSessions: Int { configuration.sessions.sessions }

    /// The home's devices, by name, virtual ones left out.
    var homeDevices: [KnownDevice] { directory.devices.filter { $0.parts.isEmpty } }

    /// The sessions, oldest first.
    package var sessions: [SessionRegistry.Report] { registry.reports }

    /// The home's devices, by name, and why one of them is not reachable for anybody.
    package var devices: [(device: KnownDevice, refusal: String?)] {
        let reach = mirror.reach()
        return directory.devices.map { device in
            (
                device,
                device.addresses.isEmpty
                    ? "it has no address" : device.addresses.lazy.compactMap(reach.refusal(of:)).first
            )
        }
    }

    /// Ends everything that runs for a subject, beneath TLS and at once, whatever its client does (design
    /// invariant 6). Answers how many sessions there were.
    package func endSessions(of subject: SubjectID) async -> Int {
        listener.closeCarriers(of: subject.rawValue, reason: .revoked)
        quicListener.closeCarriers(reason: .revoked) { $0.subject == subject.rawValue }
        let ended = registry.endAll(of: subject)
        for session in ended { await router.endpoints.end(session) }
        return ended.count
    }
}
