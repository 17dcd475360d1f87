package import FoundationEssentials
import NetworkTypes

/// Who is logged in over which connection: challenges, logins, wrong answers, all bounded.
///
/// A login belongs to one TLS connection and to the control point that opened it; it gives the user's roles on top
/// of the control point's and never changes the ACL. Roles are read from the ACL of the moment, each time, so that
/// what is taken away is gone at once also for who is logged in, and whatever a resumed TLS session remembers.
///
/// The owner tells it when a connection ends.
package struct LoginSessions: Sendable {
    /// How much it bears.
    package struct Limits: Hashable, Sendable {
        /// Connections with a challenge or a login.
        package var connections = 512
        /// Wrong answers on a connection until it has to be closed.
        package var failuresPerConnection = 5
        /// Wrong answers for a user or from a control point, whatever the connection, within ``failureTime``.
        package var failures = 20
        /// Seconds after which wrong answers are forgotten.
        package var failureTime = 600.0
        /// Names for which wrong answers are counted.
        package var counted = 256

        /// What a person's typing errors stay under.
        package init() {}
    }

    private struct Session {
        let controlPoint: DeviceProtectionID
        var challenge: (user: UserName, bytes: [UInt8])?
        var user: UserName?
        var failures = 0
    }

    private struct Count {
        var failures = 0
        var since: Date
    }

    private enum Counted: Hashable {
        case user(UserName)
        case controlPoint(DeviceProtectionID)
    }

    /// How much it bears.
    package let limits: Limits
    private var sessions: [UInt64: Session] = [:]
    private var counts: [Counted: Count] = [:]

    /// Makes one in which nobody is logged in.
    package init(limits: Limits = .init()) {
        self.limits = limits
    }

    /// A user's challenge, for a connection's control point.
    ///
    /// The latest one only counts. A control point that has no role but `Public` gets none for a user with `Admin`.
    package mutating func challenge(
        for name: UserName, on connection: UInt64, from controlPoint: DeviceProtectionID, in acl: AccessControlList,
        using random: inout some RandomNumberGenerator
    ) throws(DeviceProtectionError) -> (salt: [UInt8], challenge: [UInt8]) {
        guard let user = acl.user(name) else {
            throw DeviceProtectionError(.argumentValueInvalid, "There is no user of this name.")
        }
        if user.roles.contains(.admin), acl.roles(of: controlPoint) == [.public] {
            throw DeviceProtectionError(
                .notAuthorized,
                "Nobody with the role Admin logs in at a control point that has no role but Public.")
        }
        guard let secret = user.secret else {
            throw DeviceProtectionError(.argumentValueInvalid, "This user has no password, and cannot log in.")
        }
        guard sessions[connection] != nil || sessions.count < limits.connections else {
            throw DeviceProtectionError(.notAuthorized, "Too many log in at a time: try again later.")
        }
        let challenge = random.bytes(UserLogin.byteCount)
        sessions[connection, default: Session(controlPoint: controlPoint)].challenge = (name, challenge)
        return (secret.salt, challenge)
    }

    /// What becomes of a login.
    package enum Outcome: Hashable, Sendable {
        /// The connection has the user's roles from here on.
        case loggedIn(UserName)
        /// The answer was wrong, or nobody asked for it.
        case refused(DeviceProtectionError)
        /// It was wrong once too often: answer with the error, and close the connection.
        case closing(DeviceProtectionError)
    }

    /// A login with an authenticator.
    package mutating func login(
        challenge: [UInt8], authenticator: [UInt8], on connection: UInt64, from controlPoint: DeviceProtectionID,
        device: DeviceProtectionID, in acl: AccessControlList, now: Date
    ) -> Outcome {
        guard var session = sessions[connection], session.controlPoint == controlPoint,
            let asked = session.challenge, UserLogin.matches(asked.bytes, challenge)
        else {
            return .refused(DeviceProtectionError(.argumentValueInvalid, "This challenge was not given here."))
        }
        let isHeldBack =
            failures(of: .user(asked.user), now: now) >= limits.failures
            || failures(of: .controlPoint(controlPoint), now: now) >= limits.failures
        let secret = acl.user(asked.user)?.secret
        let expected = secret.map {
            UserLogin.authenticator(
                stored: $0.stored, challenge: asked.bytes, device: device, controlPoint: controlPoint)
        }
        if !isHeldBack, let expected, UserLogin.matches(expected, authenticator) {
            session.challenge = nil
            session.user = asked.user
            session.failures = 0
            sessions[connection] = session
            counts[.user(asked.user)] = nil
            return .loggedIn(asked.user)
        }
        count(.user(asked.user), now: now)
        count(.controlPoint(controlPoint), now: now)
        session.failures += 1
        let error = DeviceProtectionError(
            .authenticationFailure,
            isHeldBack ? "Too many wrong passwords: wait ten minutes." : "The password is wrong.")
        guard session.failures < limits.failuresPerConnection else {
            sessions[connection] = nil
            return .closing(error)
        }
        sessions[connection] = session
        return .refused(error)
    }

    /// `UserLogout`: the connection has the control point's roles only. Without a login it does nothing.
    package mutating func logout(_ connection: UInt64) { sessions[connection] = nil }

    /// The connection has ended.
    package mutating func closed(_ connection: UInt64) { sessions[connection] = nil }

    /// Who is logged in.
    package func user(on connection: UInt64) -> UserName? { sessions[connection]?.user }

    /// The roles of the moment: the control point's and its user's, by the ACL of the moment.
    package func roles(
        on connection: UInt64?, of controlPoint: DeviceProtectionID?, in acl: AccessControlList
    ) -> Set<RoleName> {
        var roles = acl.roles(of: controlPoint)
        if let connection, let session = sessions[connection], session.controlPoint == controlPoint,
            let user = session.user.flatMap({ acl.user($0) }), user.secret != nil
        {
            roles.formUnion(user.roles)
        }
        return roles
    }

    /// Whether anything is known of a connection.
    package func knows(_ connection: UInt64) -> Bool { sessions[connection] != nil }

    /// Ends the logins of a user who was removed, or has another password; but for the one that changed it.
    package mutating func end(_ user: UserName, except own: UInt64?) {
        for (connection, session) in sessions where connection != own {
            if session.user == user || session.challenge?.user == user { sessions[connection] = nil }
        }
    }

    private mutating func failures(of who: Counted, now: Date) -> Int {
        guard let count = counts[who] else { return 0 }
        guard now.timeIntervalSince(count.since) < limits.failureTime else {
            counts[who] = nil
            return 0
        }
        return count.failures
    }

    private mutating func count(_ who: Counted, now: Date) {
        if counts[who] == nil, counts.count >= limits.counted {
            // The oldest goes: certificates cost nothing, and the table is not theirs to fill.
            if let oldest = counts.min(by: { $0.value.since < $1.value.since })?.key { counts[oldest] = nil }
        }
        counts[who, default: Count(since: now)].failures += 1
    }
}
