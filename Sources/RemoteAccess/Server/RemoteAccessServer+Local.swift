import NIOTunnel
import NetworkTypes
import TrustCore
import Tunnel

extension RemoteAccessServer {
    /// Serves the carriers of this process until the task is cancelled or the entrance is closed.
    func serve(_ entrance: LocalEntrance) async throws {
        defer { entrance.close() }
        let peer = try localPeer(of: entrance.subject)
        await withDiscardingTaskGroup { group in
            for await carrier in entrance.carriers {
                group.addTask {
                    let name = self.registry.nameCarrier()
                    await self.serve(carrier, of: peer, name: name)
                    carrier.close(.closed)
                }
            }
            group.cancelAll()
        }
    }

    /// The peer that a local carrier stands for. Sessions are bound to a certificate, so it gets one that
    /// nobody holds the key of.
    private func localPeer(of subject: SubjectID) throws -> AdmittedPeer {
        let nowhere = SocketEndpoint(.v4(.loopback), port: 0)
        var random = SystemRandomNumberGenerator()
        return AdmittedPeer(
            subject: subject.rawValue,
            certificate: PeerCertificate(der: random.bytes(32), publicKeyInfoDER: random.bytes(32)),
            remote: nowhere, local: nowhere, purpose: .session)
    }
}
