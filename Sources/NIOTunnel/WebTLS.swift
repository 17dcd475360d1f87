package import NIOCore
internal import NIOSSL
internal import NetworkTypes

/// TLS to a public web server: its certificate is checked as a browser does, by the system's authorities and its name.
///
/// For the one place where the gateway speaks to somebody who is neither paired nor a device: dynamic DNS and push.
package struct WebTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter rootsFile: Authorities, in PEM, that are believed in the place of the system's; for a server of one's
    ///   own.
    package init(rootsFile: String? = nil) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let rootsFile { configuration.trustRoots = .file(rootsFile) }
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = .seconds(1)
        context = try NIOSSLContext(configuration: configuration)
    }

    /// Adds TLS to a connection, on its event loop. `host`: the name or address that the certificate has to be for.
    package func prepare(_ channel: any Channel, host: String) throws {
        let handler = try NIOSSLClientHandler(
            context: context, serverHostname: IPAddress(host) == nil ? host : nil)
        try channel.pipeline.syncOperations.addHandler(handler)
    }
}
