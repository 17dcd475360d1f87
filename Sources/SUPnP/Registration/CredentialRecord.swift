package import GroupKeys

/// What a device may act as: the value of ROLE (3.3, P13).
package struct DeviceRoles: OptionSet, Hashable, Sendable {
    /// The value on the wire.
    package let rawValue: UInt8

    /// Takes a value; bits above the two are dropped.
    package init(rawValue: UInt8) { self.rawValue = rawValue & 3 }

    /// It sends requests.
    package static let client = DeviceRoles(rawValue: 1)
    /// It answers requests, and so gets the group's keys.
    package static let server = DeviceRoles(rawValue: 2)
}

/// The name of a device: 1...64 bytes of UTF-8 (3.3).
package struct DeviceID: Hashable, Sendable {
    /// Its bytes.
    package let bytes: [UInt8]

    /// Nil unless the bytes are UTF-8 and 1 to 64.
    package init?(_ bytes: [UInt8]) {
        guard (1...64).contains(bytes.count), String(validating: bytes, as: UTF8.self) != nil else { return nil }
        self.bytes = bytes
    }

    /// Nil unless the text has 1 to 64 bytes.
    package init?(_ text: String) { self.init(Array(text.utf8)) }
}

extension DeviceID: CustomStringConvertible, Comparable {
    /// Its text.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The order of the bytes.
    package static func < (left: DeviceID, right: DeviceID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// The key manager's record of a device (3.7.1): what it registers with, and what it may do.
package struct CredentialRecord: Equatable, Sendable {
    /// How a device proves itself.
    package enum Secret: Equatable, Sendable {
        /// s = SHA-256(SALT ‖ password), 32 bytes (3.5). It is as good as the password (F6): sealed at rest.
        case classic(salted: SecretBytes)
        /// The code's derivation, w0 and L (3.7.1).
        case hardened(PasswordDerivation, VerifierRecord)
    }

    /// The device.
    package let id: DeviceID
    /// What it may act as.
    package var roles: DeviceRoles
    /// SALT, 16 bytes.
    package let salt: [UInt8]
    /// How it proves itself.
    package let secret: Secret
    /// Patterns of the service types that it may request (3.10.4); none until somebody grants them.
    package var servicePatterns: [String]
    /// The lowest suite that it may use. Classic is below every hardened one, and those are alike.
    package var minimumSuite: Suite

    /// Makes a record. Its lowest suite is hardened unless said otherwise.
    package init?(
        id: DeviceID, roles: DeviceRoles, salt: [UInt8], secret: Secret, servicePatterns: [String] = [],
        minimumSuite: Suite = .hardenedAESGCM
    ) {
        guard salt.count == 16 else { return nil }
        self.id = id
        self.roles = roles
        self.salt = salt
        self.secret = secret
        self.servicePatterns = servicePatterns
        self.minimumSuite = minimumSuite
    }

    /// The record of a new device with a setup code: stretches the code, so it takes 30 to 400 ms (3.7.1).
    package static func provision(
        id: DeviceID, code: SetupCode, groupID: [UInt8], roles: DeviceRoles,
        derivation: PasswordDerivation = .scrypt15, using random: inout some RandomNumberGenerator
    ) -> CredentialRecord? {
        var salt: [UInt8] = []
        for _ in 0..<16 { salt.append(random.next()) }
        let work = PasswordDerivationWork(
            derivation, code: code.bytes, deviceID: id.bytes, groupID: groupID, salt: salt)
        guard let record = work.run().secrets?.record else { return nil }
        return CredentialRecord(id: id, roles: roles, salt: salt, secret: .hardened(derivation, record))
    }

    /// The first of the offered suites that this record can serve and that is not below any floor.
    package func choose(from offered: [Suite], floor: Suite) -> Suite? {
        offered.first { suite in
            guard suite.isHardened || !(floor.isHardened || minimumSuite.isHardened) else { return false }
            return switch secret {
            case .classic: !suite.isHardened
            case .hardened: suite.isHardened
            }
        }
    }
}
