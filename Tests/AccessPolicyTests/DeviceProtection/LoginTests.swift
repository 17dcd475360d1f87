import AccessPolicy
import Crypto
import Foundation
import NetworkTypes
import Testing

@Suite("Logging in to a protected device")
struct LoginTests {
    private let controlPoint = DeviceProtectionID(certificateDER: Array("control point leaf certificate".utf8))
    private let device = DeviceProtectionID(certificateDER: Array("device leaf certificate".utf8))
    private let now = Date(timeIntervalSinceReferenceDate: 800_000_000)
    private let admin: UserName
    private let ann: UserName

    init() throws {
        admin = try #require(UserName("Admin"))
        ann = try #require(UserName("Ann"))
    }

    @Test func `identities are the hashes that the vector says`() {
        #expect(controlPoint.description == "9258baad-1d4d-5627-99f8-2ce7e4e3afcc")
        #expect(device.description == "ad21b939-2895-53db-ae11-33326e100a73")
        #expect(DeviceProtectionID("uuid:\(device)".uppercased()) == device)
        #expect(DeviceProtectionID("00000000-0000-0000-0000-00000000000") == nil)
        #expect(DeviceProtectionID("0000000-00000-0000-0000-000000000000") == nil)
    }

    @Test func `the vector of the login protocol holds`() throws {
        let salt = Array(UInt8(0)...15)
        let stored = UserLogin.stored(password: "secret password", name: admin, salt: salt)
        #expect(Data(stored).base64EncodedString() == "AuTXLvfkptH6W02lhncfkw==")
        let proof = UserLogin.authenticator(
            stored: stored, challenge: Array(16...31), device: device, controlPoint: controlPoint)
        #expect(Data(proof).base64EncodedString() == "vOhgot4/iLvt1ZsvI0HInQ==")
    }

    @Test func `blanks in names count as one, and case counts`() {
        #expect(UserName("  Ann   Lee ") == UserName("Ann Lee"))
        #expect(UserName("ann lee") != UserName("Ann Lee"))
        #expect(UserName(" \t ") == nil)
        #expect(UserName("Ann \u{301}Lee") != UserName("Ann Lee"), "a mark on a blank is of the name")
        #expect(UserName(String(repeating: "x", count: 129)) == nil)
    }

    private func list(pointRoles: [RoleName] = [.basic]) throws -> AccessControlList {
        var random = SeededGenerator(seed: 7)
        var acl = AccessControlList()
        try acl.put(
            .init(name: admin, roles: [.admin], secret: .init(password: "a", name: admin, using: &random)))
        try acl.put(.init(name: ann, roles: [.guest], secret: .init(password: "b", name: ann, using: &random)))
        try acl.add(users: [try #require(UserName("New"))], controlPoints: [])
        try acl.put(.init(id: controlPoint, name: "phone", roles: pointRoles))
        return acl
    }

    private func proof(_ password: String, _ name: UserName, _ given: (salt: [UInt8], challenge: [UInt8])) -> [UInt8] {
        UserLogin.authenticator(
            stored: UserLogin.stored(password: password, name: name, salt: given.salt), challenge: given.challenge,
            device: device, controlPoint: controlPoint)
    }

    @Test func `a login adds the user's roles on its connection only, and the ACL stays`() throws {
        let acl = try list()
        var random = SeededGenerator(seed: 1)
        var sessions = LoginSessions()
        let given = try sessions.challenge(for: admin, on: 1, from: controlPoint, in: acl, using: &random)
        let first = sessions.login(
            challenge: given.challenge, authenticator: proof("a", admin, given), on: 1, from: controlPoint,
            device: device, in: acl, now: now)
        #expect(first == .loggedIn(admin))
        #expect(sessions.roles(on: 1, of: controlPoint, in: acl) == [.public, .basic, .admin])
        #expect(sessions.roles(on: 2, of: controlPoint, in: acl) == [.public, .basic])
        #expect(sessions.roles(on: 1, of: device, in: acl) == [.public])
        // Taken away while logged in, it is gone at once.
        var changed = acl
        try changed.remove([.admin], from: .user(admin))
        #expect(sessions.roles(on: 1, of: controlPoint, in: changed) == [.public, .basic])
        // The challenge was good for once.
        guard
            case .refused(let error) = sessions.login(
                challenge: given.challenge, authenticator: proof("a", admin, given), on: 1, from: controlPoint,
                device: device, in: acl, now: now)
        else { return #expect(Bool(false), "a challenge works twice") }
        #expect(error.code == .argumentValueInvalid)
        sessions.logout(1)
        #expect(sessions.roles(on: 1, of: controlPoint, in: acl) == [.public, .basic])
    }

    @Test func `only the latest challenge counts, and only for who asked for it`() throws {
        let acl = try list()
        var random = SeededGenerator(seed: 2)
        var sessions = LoginSessions()
        let old = try sessions.challenge(for: ann, on: 1, from: controlPoint, in: acl, using: &random)
        let latest = try sessions.challenge(for: ann, on: 1, from: controlPoint, in: acl, using: &random)
        func login(_ given: (salt: [UInt8], challenge: [UInt8]), on connection: UInt64, _ who: DeviceProtectionID)
            -> LoginSessions.Outcome
        {
            sessions.login(
                challenge: given.challenge, authenticator: proof("b", ann, given), on: connection, from: who,
                device: device, in: acl, now: now)
        }
        for outcome in [
            login(old, on: 1, controlPoint), login(latest, on: 2, controlPoint), login(latest, on: 1, device),
        ] {
            guard case .refused(let error) = outcome else { return #expect(Bool(false), "\(outcome)") }
            #expect(error.code == .argumentValueInvalid)
        }
        let last = login(latest, on: 1, controlPoint)
        #expect(last == .loggedIn(ann))
    }

    @Test func `five wrong passwords close the connection, and twenty hold the user back for ten minutes`() throws {
        let acl = try list()
        var random = SeededGenerator(seed: 3)
        var sessions = LoginSessions()
        var wrong = 0
        func attempt(_ password: String, on connection: UInt64, at time: Date) throws -> LoginSessions.Outcome {
            let given = try sessions.challenge(for: ann, on: connection, from: controlPoint, in: acl, using: &random)
            return sessions.login(
                challenge: given.challenge, authenticator: proof(password, ann, given), on: connection,
                from: controlPoint, device: device, in: acl, now: time)
        }
        for connection in UInt64(0)..<4 {
            for number in 1...5 {
                let outcome = try attempt("wrong", on: connection, at: now)
                wrong += 1
                guard case .closing(let error) = outcome else {
                    #expect(number < 5, "the fifth closes")
                    continue
                }
                #expect(number == 5 && error.code == .authenticationFailure)
            }
        }
        #expect(wrong == 20)
        guard case .refused = try attempt("b", on: 9, at: now.addingTimeInterval(599)) else {
            return #expect(Bool(false), "the right password works although it is guessed at")
        }
        let last = try attempt("b", on: 9, at: now.addingTimeInterval(601))
        #expect(last == .loggedIn(ann))
    }

    @Test func `no challenge for strangers' administrators, unknown names, and users without a password`() throws {
        var random = SeededGenerator(seed: 4)
        var sessions = LoginSessions()
        let acl = try list(pointRoles: [.public])
        func code(_ name: UserName) -> DeviceProtectionError.Code? {
            do throws(DeviceProtectionError) {
                _ = try sessions.challenge(for: name, on: 1, from: controlPoint, in: acl, using: &random)
                return nil
            } catch { return error.code }
        }
        #expect(code(admin) == .notAuthorized)
        #expect(code(ann) == nil)
        #expect(code(try #require(UserName("New"))) == .argumentValueInvalid)
        #expect(code(try #require(UserName("Nobody"))) == .argumentValueInvalid)
    }

    @Test func `connections with a challenge are bounded, and make room when they end`() throws {
        let acl = try list()
        var random = SeededGenerator(seed: 5)
        var limits = LoginSessions.Limits()
        limits.connections = 2
        var sessions = LoginSessions(limits: limits)
        for connection in UInt64(1)...2 {
            _ = try sessions.challenge(for: ann, on: connection, from: controlPoint, in: acl, using: &random)
        }
        #expect(throws: DeviceProtectionError.self) {
            try sessions.challenge(for: ann, on: 3, from: controlPoint, in: acl, using: &random)
        }
        sessions.closed(1)
        _ = try sessions.challenge(for: ann, on: 3, from: controlPoint, in: acl, using: &random)
    }
}
