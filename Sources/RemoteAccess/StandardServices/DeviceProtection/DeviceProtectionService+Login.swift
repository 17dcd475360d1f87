import AccessPolicy
import Logging
import NIOUPnP
import Synchronization
import TrustCore
import UPnP

/// The actions about one connection: logging in and out, and being introduced.
extension DeviceProtectionService {
    func userLoginChallenge(_ call: ActionInvocation, _ type: String, _ name: String) throws -> ([UInt8], [UInt8]) {
        try Self.check(login: type)
        let (connection, id) = try secured(call)
        guard let name = UserName(name) else {
            throw UPnPFault(.argumentValueInvalid, description: "There is no user of this name.")
        }
        let acl = acl
        var random = SystemRandomNumberGenerator()
        do {
            watch(connection)
            let given = try state.withLock { state throws(DeviceProtectionError) in
                try state.sessions.challenge(for: name, on: connection.id, from: id, in: acl, using: &random)
            }
            return (given.salt, given.challenge)
        } catch {
            throw UPnPFault(error)
        }
    }

    func userLogin(_ call: ActionInvocation, _ type: String, _ challenge: [UInt8], _ proof: [UInt8]) throws {
        try Self.check(login: type)
        let (connection, caller) = try secured(call)
        let (acl, now, id) = (acl, configuration.now(), id)
        let outcome = state.withLock {
            $0.sessions.login(
                challenge: challenge, authenticator: proof, on: connection.id, from: caller, device: id, in: acl,
                now: now)
        }
        note(outcome, of: caller)
        switch outcome {
        case .loggedIn: logger.info("a user logged in to a protected device", metadata: ["cp": "\(caller)"])
        case .refused(let error): throw UPnPFault(error)
        case .closing(let error):
            logger.warning("too many wrong passwords at a protected device", metadata: ["cp": "\(caller)"])
            connection.closeAfterAnswer()
            throw UPnPFault(error)
        }
    }

    /// Tells the audit log of a login: who tried, from which control point, and how it went. Never the password's parts.
    private func note(_ outcome: LoginSessions.Outcome, of caller: DeviceProtectionID) {
        var event = AuditEvent(
            .login, .denied, subject: "\(caller)", device: configuration.udn, service: Self.serviceType,
            action: "UserLogin")
        switch outcome {
        case .loggedIn(let user):
            event.outcome = .done
            event.client = "\(user)"
        case .refused(let error): event.detail = error.message
        case .closing(let error): event.detail = "\(error.message) The connection was closed."
        }
        configuration.audits(event)
    }

    func userLogout(_ call: ActionInvocation) throws {
        guard let connection = call.connection else {
            throw UPnPFault(.actionNotAuthorized, description: "Logging out is served over HTTPS only.")
        }
        state.withLock { $0.sessions.logout(connection.id) }
    }

    func setUserLoginPassword(
        _ call: ActionInvocation, _ type: String, _ name: String, _ stored: [UInt8], _ salt: [UInt8]
    ) async throws {
        try Self.check(login: type)
        let (connection, _) = try secured(call)
        guard let name = UserName(name), let secret = LoginSecret(stored: stored, salt: salt) else {
            throw UPnPFault(.argumentValueInvalid, description: "A password is told as 16 bytes and 16 bytes of salt.")
        }
        // The restricted role: without Admin, one's own password only.
        if !caller(call).roles.contains(.admin), state.withLock({ $0.sessions.user(on: connection.id) }) != name {
            throw UPnPFault(
                .actionNotAuthorized, description: "Without the role Admin one sets one's own password only.")
        }
        try await faulting {
            try await self.change { acl throws(DeviceProtectionError) in try acl.setSecret(secret, of: name) }
        }
        // Who logged in with the old one is out; who has just changed it stays.
        state.withLock { $0.sessions.end(name, except: connection.id) }
    }

    func sendSetupMessage(_ call: ActionInvocation, _ type: String, _ message: [UInt8]) async throws -> [UInt8] {
        let setup = configuration.setup
        guard type == setup.name else {
            throw UPnPFault(
                .argumentValueInvalid, description: "This device has no introduction protocol of this name.")
        }
        let (connection, id) = try secured(call)
        let peer = SetupPeer(connection: connection.id, controlPoint: id, name: caller(call).name ?? "")
        watch(connection)
        return try await faulting {
            let answer: SetupAnswer
            do {
                answer = try await setup.answer(message, from: peer)
            } catch {
                await self.setupChanged()
                throw error
            }
            if answer.introduces {
                let role = self.configuration.defaultRole
                try await self.change { acl throws(DeviceProtectionError) in
                    try acl.introduce(id, name: peer.name, role: role)
                }
            }
            await self.setupChanged()
            return answer.message
        }
    }

    /// Forgets what belongs to a connection, once it has closed.
    private func watch(_ connection: SecureConnection) {
        let id = connection.id
        guard state.withLock({ $0.watched.insert(id).inserted }) else { return }
        let setup = configuration.setup
        connection.onClose { [weak self] in
            self?.state.withLock { state in
                state.watched.remove(id)
                state.sessions.closed(id)
            }
            // Unstructured: the connection has ended, and nobody waits for what is cleared away after it.
            Task { await setup.closed(id) }
        }
    }

    /// The connection and the control point of a call that needs both.
    private func secured(_ call: ActionInvocation) throws -> (SecureConnection, DeviceProtectionID) {
        guard let connection = call.connection, let der = connection.peerCertificateDER else {
            throw UPnPFault(
                .actionNotAuthorized,
                description: "This is served over HTTPS only, to control points that show a certificate.")
        }
        return (connection, DeviceProtectionID(certificateDER: der))
    }

    private static func check(login type: String) throws {
        guard type == UserLogin.protocolName else {
            throw UPnPFault(.argumentValueInvalid, description: "There is no login protocol of this name.")
        }
    }
}
