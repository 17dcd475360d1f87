import GroupKeys
import Groups
import SUPnP

// A group's records as commands carry and report them.
extension DeviceEnrolment {
    /// A role by its name on the command line.
    static let roles: [String: DeviceRoles] = [
        "client": .client, "server": .server, "both": [.client, .server],
    ]

    /// Throws a sentence when patterns are none, or too many.
    package static func check(_ patterns: [String]) throws {
        guard patterns.count <= AccessList.maximumPatterns else {
            throw ProgramError.failure("a device is allowed at most \(AccessList.maximumPatterns) patterns of services")
        }
        guard let wrong = patterns.first(where: { ServicePattern($0) == nil }) else { return }
        throw ProgramError.failure(
            "“\(wrong)” is no pattern of services; a name such as urn:example:light is, or the beginning of names and "
                + "a * such as urn:example:*")
    }

    /// What the key manager keeps.
    func record() throws -> CredentialRecord {
        try Self.check(patterns)
        guard let device = DeviceID(id), let roles = Self.roles[role],
            let derivation = PasswordDerivation(rawValue: derivation),
            let verifier = w0.isEmpty ? nil : VerifierRecord(w0: SecretBytes(w0), l: Array(l)),
            let record = CredentialRecord(
                id: device, roles: roles, salt: Array(salt), secret: .hardened(derivation, verifier),
                servicePatterns: patterns)
        else { throw ProgramError.failure("“\(id)” cannot be enrolled: its record is not complete") }
        return record
    }
}

extension GroupDeviceReport {
    init(_ record: CredentialRecord, owner: String?, member: UInt32?) {
        self.init(
            id: "\(record.id)", role: record.roles.name, owner: owner, allows: record.servicePatterns, member: member)
    }
}

extension GroupMemberReport {
    init(_ record: MemberRecord, offers: [ServiceName]) {
        self.init(
            member: record.id, id: "\(record.device)", role: record.roles.name, offers: offers.map(\.description))
    }
}

extension DeviceRoles {
    /// `client`, `server` or `both`.
    var name: String { self == .client ? "client" : self == .server ? "server" : "both" }
}
