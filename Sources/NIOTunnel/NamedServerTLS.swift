package import NIOCore
internal import NIOSSL

/// TLS to a server of the internet that is known by its name, such as a TURN server: its certificate is checked as a
/// browser does it. What the server then does is not trusted further than its protocol goes.
package struct NamedServerTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter roots: A PEM file of authorities; nil for the system's.
    package init(trusting roots: String? = nil) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let roots { configuration.trustRoots = .file(roots) }
        configuration.minimumTLSVersion = .tlsv12
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(1)
        context = try NIOSSLContext(configuration: configuration)
    }

    /// Adds TLS to a connection, on its event loop.
    /// - Parameter name: The server's name, which its certificate must bear; addresses are refused.
    package func prepare(_ channel: any Channel, serverName name: String) throws {
        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
    }
}
