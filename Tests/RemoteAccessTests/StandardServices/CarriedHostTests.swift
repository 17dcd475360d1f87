import AccessPolicy
import HTTPTypes
import NIOUPnP
import Testing
import UPnP

/// A protected device that is reached through somebody who carries its TLS unread: `Host` is not its own then.
@Suite("A device that is reached end to end, under another address", .timeLimit(.minutes(1)))
struct CarriedHostTests {
    private static func status(
        _ lock: ProtectedLock, _ host: String, secure: Bool, as security: HTTPClientSecurity?, origin: String? = nil
    ) async throws -> Int {
        let url = secure ? lock.secure : lock.clear
        var request = HTTPRequest(method: .get, scheme: nil, authority: host, path: url.pathAndQuery)
        request.headerFields[.origin] = origin
        return try await lock.client.withResponse(request, to: try #require(url.endpoint), security: security) {
            head, _ in head.status.code
        }
    }

    @Test func `an address is let through over TLS with a client certificate, and nowhere else`() async throws {
        let app = try ProtectedLock.ControlPoint("app")
        try await ProtectedLock.with(acl: AccessControlList()) { lock in
            let known = try lock.security(app)
            let stranger = try lock.security(nil)
            for host in ["192.0.2.7:40123", "[2001:db8::7]:40123", "192.0.2.7"] {
                #expect(try await Self.status(lock, host, secure: true, as: known) == 200, "\(host)")
                #expect(try await Self.status(lock, host, secure: true, as: stranger) == 421, "\(host)")
                #expect(try await Self.status(lock, host, secure: false, as: nil) == 421, "\(host)")
            }
            #expect(try await Self.status(lock, lock.secure.authority, secure: true, as: stranger) == 200)
        }
    }

    @Test func `a name that was made to lead here is refused, whatever certificate comes with it`() async throws {
        let app = try ProtectedLock.ControlPoint("app")
        try await ProtectedLock.with(acl: AccessControlList()) { lock in
            let known = try lock.security(app)
            for host in ["evil.example", "evil.example:40123", "192.0.2.7.evil.example", "localhost:40123"] {
                #expect(try await Self.status(lock, host, secure: true, as: known) == 421, "\(host)")
            }
            let origin = "https://192.0.2.7"
            let status = try await Self.status(lock, "192.0.2.7:40123", secure: true, as: known, origin: origin)
            #expect(status == 403, "a page in a browser was let in")
        }
    }
}
