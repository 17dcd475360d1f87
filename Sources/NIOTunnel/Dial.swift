internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NetworkTypes
internal import Tunnel

/// One attempt after another to reach the same gateway in the same way.
struct Dial: Sendable {
    let configuration: TunnelDialerConfiguration
    let contexts: ClientContextCache
    let group: any EventLoopGroup
    let identity: TunnelIdentity?
    let verifyServer: @Sendable (PeerCertificate) -> String?

    /// One connection to one address, its handshake complete. The peer has said nothing yet of whether
    /// it lets us in: with TLS 1.3 the client is done first.
    func connect(_ address: TunnelAddress, _ purpose: ConnectionPurpose) async throws -> TunnelConnection {
        let outcome = ClientGate.Outcome()
        let bootstrap = try bootstrap(purpose, outcome, serverName: address.serverName)
        let connecting: EventLoopFuture<any Channel>
        if let ip = IPAddress(address.host) {
            connecting = bootstrap.connect(to: try SocketEndpoint(ip, port: address.port).socketAddress())
        } else {
            connecting = bootstrap.connect(host: address.host, port: Int(address.port))
        }
        connecting.whenFailure { error in
            outcome.set(.failure(TunnelError(.unreachable, "\(address) cannot be reached: \(error).")))
        }
        guard let result = await outcome.wait() else {
            outcome.set(.failure(TunnelError(.timedOut, "The attempt was cancelled.")))
            connecting.whenSuccess { channel in
                channel.eventLoop.execute { ConnectionCore.closeBeneathTLS(channel) }
            }
            throw CancellationError()
        }
        return try result.get()
    }

    private func bootstrap(
        _ purpose: ConnectionPurpose, _ outcome: ClientGate.Outcome, serverName: String?
    ) throws -> ClientBootstrap {
        let context: NIOSSLContext
        do {
            context = try contexts.context(for: identity, purpose)
        } catch {
            throw TunnelError(.badIdentity, "The client's certificate or its private key cannot be used: \(error).")
        }
        return ClientBootstrap(group: group)
            .connectTimeout(configuration.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try SocketOptions.apply(to: channel)
                    let tls = try NIOSSLClientHandler(
                        context: context, serverHostname: serverName,
                        customVerificationCallback: { chain, promise in
                            promise.completeWith(verify(chain, outcome))
                        }, configuration: .init()
                    )
                    let gate = ClientGate(purpose, configuration, outcome, isRelayed: serverName != nil)
                    try channel.pipeline.syncOperations.addHandlers([tls, gate])
                }
            }
    }

    /// Replaces all of BoringSSL's checks but the proof that the server has the key.
    private func verify(
        _ chain: [NIOSSLCertificate], _ outcome: ClientGate.Outcome
    ) -> Result<NIOSSLVerificationResult, any Error> {
        guard let leaf = chain.first, let certificate = try? PeerCertificate(leaf) else {
            outcome.set(.failure(TunnelError(.untrustedPeer, "The server showed no certificate that can be read.")))
            return .success(.failed)
        }
        guard let sentence = verifyServer(certificate) else { return .success(.certificateVerified) }
        outcome.set(.failure(TunnelError(.untrustedPeer, sentence)))
        return .success(.failed)
    }
}
