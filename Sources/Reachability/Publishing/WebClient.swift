import Foundation
package import HTTPTypes
package import Logging
package import NIOCore
import NIOPosix
package import NIOTunnel
import NIOUPnP
import NetworkTypes
package import UPnP

/// One request to a web server that a setting names; no redirect is followed.
package struct WebClient: Sendable {
    /// What came back.
    package struct Answer: Sendable, Hashable {
        package let status: Int
        package let text: String
    }

    /// Why there was no answer, in a sentence without a full stop.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Bytes of an answer that are read.
    private static let answerBytes = 512 << 10

    private let client: HTTPClient
    private let tls: WebTLS

    package init(tls: WebTLS, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        self.tls = tls
    }

    /// - Parameter authorization: The field's value: `Basic …` or `Bearer …`. It goes to HTTPS alone, or to this host.
    package func send(
        _ method: HTTPRequest.Method, _ url: HTTPURL, authorization: String? = nil, contentType: String? = nil,
        body: String? = nil
    ) async throws -> Answer {
        let endpoint = try await resolve(url)
        guard authorization == nil || url.scheme == "https" || endpoint.address.isLoopback else {
            throw Failure(description: "a password is not sent to \(url.host) without TLS: use https")
        }
        let target = url.query.map { "\(url.path)?\($0)" } ?? url.path
        let isUsual = url.port == (url.scheme == "https" ? 443 : 80)
        let authority = isUsual ? url.host : "\(url.host):\(url.port)"
        var request = HTTPRequest(method: method, scheme: url.scheme, authority: authority, path: target)
        request.headerFields[.userAgent] = "Latchkey/1"
        request.headerFields[.authorization] = authorization
        request.headerFields[.contentType] = contentType
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(20)
        let security = url.scheme == "https" ? security(url.host) : nil
        do {
            return try await client.withResponse(
                request, body: body.map { ByteBuffer(string: $0) }, to: endpoint, limits: limits, security: security
            ) { head, body in
                let bytes = try await body.collect(upTo: Self.answerBytes)
                return Answer(status: head.status.code, text: String(decoding: bytes.readableBytesView, as: UTF8.self))
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Failure(description: "\(url.host) cannot be reached: \(error)")
        }
    }

    private func security(_ host: String) -> HTTPClientSecurity {
        HTTPClientSecurity(name: "web \(host)") { [tls] channel in try tls.prepare(channel, host: host) }
    }

    private func resolve(_ url: HTTPURL) async throws -> SocketEndpoint {
        if let address = url.ipAddress { return SocketEndpoint(address, port: url.port) }
        let (host, port) = (url.host, Int(url.port))
        do {
            // The system's resolver blocks.
            let address = try await NIOThreadPool.singleton.runIfActive {
                try SocketAddress.makeAddressResolvingHost(host, port: port)
            }
            if let endpoint = SocketEndpoint(nioAddress: address) { return endpoint }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw Failure(description: "the name \(host) cannot be looked up: \(error)")
        }
        throw Failure(description: "the name \(host) has no address")
    }

    /// The value of Basic authentication (RFC 7617).
    package static func basic(_ user: String, _ password: String) -> String {
        "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }
}
