internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Synchronization
internal import Tunnel

extension TunnelTLS {
    /// The post-quantum hybrid first (draft-ietf-tls-ecdhe-mlkem), then what every peer has.
    private static let groups: [NIOTLSCurve] = [.x25519_MLKEM768, .x25519, .secp256r1]

    func serverContext(_ identity: TunnelIdentity) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try identity.sources(), privateKey: try identity.keySource()
        )
        // Asks for a certificate and goes on without one; which certificates are good is decided after
        // the handshake, because a resumed one never comes to the callback.
        configuration.certificateVerification = .optionalVerification
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = ConnectionPurpose.allCases.map(\.rawValue)
        apply(to: &configuration)
        return try NIOSSLContext(configuration: configuration)
    }

    func clientContext(_ identity: TunnelIdentity?, _ purpose: ConnectionPurpose) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.certificateChain = try identity?.sources() ?? []
        configuration.privateKey = try identity?.keySource()
        configuration.applicationProtocols = [purpose.rawValue]
        apply(to: &configuration)
        return try NIOSSLContext(configuration: configuration)
    }

    private func apply(to configuration: inout TLSConfiguration) {
        configuration.minimumTLSVersion = minimumVersion == .tls12 ? .tlsv12 : .tlsv13
        configuration.curves = Self.groups
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(1)
        configuration.keyLogCallback = keyLog
    }
}

/// The server's TLS context, made again only when the identity changes: making one costs a millisecond,
/// and tickets are good for one context.
final class ServerContextCache: Sendable {
    private let tls: TunnelTLS
    private let last = Mutex<(TunnelIdentity, NIOSSLContext)?>(nil)

    init(_ tls: TunnelTLS) {
        self.tls = tls
    }

    func context(for identity: TunnelIdentity) throws -> NIOSSLContext {
        try last.withLock { last in
            if let (known, context) = last, known == identity { return context }
            let context = try tls.serverContext(identity)
            last = (identity, context)
            return context
        }
    }
}

/// A dialer's TLS contexts, one for each purpose of the last identity.
final class ClientContextCache: Sendable {
    private let tls: TunnelTLS
    private let last = Mutex<(identity: TunnelIdentity?, contexts: [ConnectionPurpose: NIOSSLContext])>((nil, [:]))

    init(_ tls: TunnelTLS) {
        self.tls = tls
    }

    func context(for identity: TunnelIdentity?, _ purpose: ConnectionPurpose) throws -> NIOSSLContext {
        try last.withLock { last in
            if last.identity != identity { last = (identity, [:]) }
            if let context = last.contexts[purpose] { return context }
            let context = try tls.clientContext(identity, purpose)
            last.contexts[purpose] = context
            return context
        }
    }
}
