package import NIOCore
internal import NIOSSL
package import Tunnel

/// TLS for a device of ours that has DeviceProtection, and for a control point of ours that calls one.
///
/// Both ends show a certificate that nobody validates: its hash is a name in an ACL. Any certificate is let in, and
/// so is a peer that shows none; which roles it has is decided at each action, from the ACL of the moment, so that
/// nothing depends on how old a resumed session is. TLS 1.2 and 1.3 only, where the standard of 2011 names 1.0.
package struct DeviceTLS: Sendable {
    private let context: NIOSSLContext
    private let check: (@Sendable ([UInt8]) -> Bool)?

    /// The device's side.
    package init(server identity: TunnelIdentity) throws {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try identity.sources(), privateKey: try identity.keySource())
        // Asks for a certificate and goes on without one.
        configuration.certificateVerification = .optionalVerification
        Self.apply(to: &configuration)
        self.context = try NIOSSLContext(configuration: configuration)
        self.check = nil
    }

    /// The control point's side.
    /// - Parameters:
    ///   - identity: What it shows; nil to come as a stranger.
    ///   - accepts: Decides about the device's leaf certificate, in DER, before anything is sent.
    package init(client identity: TunnelIdentity?, accepts: @escaping @Sendable ([UInt8]) -> Bool) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.certificateChain = try identity?.sources() ?? []
        configuration.privateKey = try identity?.keySource()
        Self.apply(to: &configuration)
        self.context = try NIOSSLContext(configuration: configuration)
        self.check = accepts
    }

    private static func apply(to configuration: inout TLSConfiguration) {
        configuration.trustRoots = .certificates([])
        configuration.minimumTLSVersion = .tlsv12
        // Renegotiation is refused (DeviceProtection:1, the section on TLS).
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(1)
    }

    /// Adds TLS to a connection, on its event loop.
    package func prepare(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        guard let check else {
            // The certificate's key is proven by the handshake; who it belongs to is the ACL's affair.
            return try pipeline.addHandler(
                NIOSSLServerHandler(
                    context: context,
                    customVerificationCallback: { _, promise in promise.succeed(.certificateVerified) },
                    configuration: .init()))
        }
        try pipeline.addHandler(
            NIOSSLClientHandler(
                context: context, serverHostname: nil,
                customVerificationCallback: { chain, promise in
                    let leaf = try? chain.first?.toDERBytes()
                    promise.succeed(leaf.map(check) == true ? .certificateVerified : .failed)
                }, configuration: .init()))
    }

    /// The leaf certificate that the peer of an accepted connection has shown, on its event loop.
    package func peerCertificate(_ channel: any Channel) -> [UInt8]? {
        let tls = try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        return try? tls?.peerCertificate?.toDERBytes()
    }
}
