import AccessPolicy
import HTTPTypes
import NIOCore
import TrustCore
import Tunnel

/// `POST /v1/role`: a session takes up the role Admin, for as long as the exchange stands.
///
/// No grant gives a session that role by itself. An administrator's client asks for it when its owner wants to do what
/// only an administrator of a device may, and the gateway comes to devices as one only meanwhile: when the exchange ends,
/// for whichever reason, the role's identity is given up with its TLS connections.
struct RoleEndpoint: Sendable {
    let trust: GatewayTrust
    let nested: NestedAuthorization?
    let limits: WireLimits

    func hold(_ exchange: any InboundExchange, of session: RemoteSession) async throws {
        var lines = exchange.body.lines(upTo: limits.messageBytes).makeAsyncIterator()
        guard let line = try await lines.next(), let request = try? WireCoding.decode(RoleRequest.self, from: line),
            (1...RoleRequest.longest).contains(request.seconds)
        else { throw Problem(.badRequest, "This is not a request for a role.", status: 400) }
        guard request.role == RoleName.admin.rawValue else {
            throw Problem(
                .badRequest, "A session has its other roles by what it was granted; Admin alone is taken up.",
                status: 400)
        }
        let (policy, subject) = (trust.policy, session.subject.id)
        guard policy.isAdministrator(subject) else {
            throw Problem(
                .refused,
                "The role Admin is for administrators: pair this client with --preset full, or ask the gateway's owner.",
                status: 403)
        }
        session.heldRoles.takeUp(.admin)
        defer { if session.heldRoles.layDown(.admin) { nested?.ended(session.id.description, in: .admin) } }
        var response = HTTPResponse(status: .ok)
        response.headerFields[.contentType] = "application/x-ndjson"
        try await exchange.respond(response)
        var answer = try WireCoding.encode(RoleAnswer(role: request.role, seconds: request.seconds))
        answer.writeString("\n")
        try await exchange.send(answer)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // What comes is nothing; its end, or the carrier's, is what is waited for.
                for try await _ in exchange.body {}
            }
            group.addTask { try await Task.sleep(for: .seconds(request.seconds)) }
            group.addTask {
                while policy.isAdministrator(subject) { try await Task.sleep(for: .milliseconds(200)) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        try await exchange.finish()
    }
}

extension AccessContext {
    /// The DeviceProtection roles of the session at the moment: those of its grants, and the one that it has taken up.
    var roles: Set<RoleName> {
        let (policy, session) = (policy, session)
        let granted = policy.roles(of: session.subject.id)
        guard session.heldRoles.holds(.admin), policy.isAdministrator(session.subject.id) else { return granted }
        return granted.union([.admin])
    }
}
