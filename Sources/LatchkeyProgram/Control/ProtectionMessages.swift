package import Foundation

/// What the owner does about the ACL of the gateway's own services (DeviceProtection:1).
package enum ProtectionOrder: Codable, Hashable, Sendable {
    /// Tells the ACL.
    case show
    /// Gives a role: to a control point, by the UUID of its certificate; to the identities of a paired client, by its
    /// name; or to a user, as `user:NAME`. Who is new is added.
    case grant(who: String, role: String, name: String?)
    /// Takes a role, or with nil everything, from the same.
    case withdraw(who: String, role: String?)
    /// Enters a certificate, in DER, as the DeviceProtection identity of a paired client.
    case attach(client: String, certificate: Data, name: String)
    /// Tells by which certificates the home's protected devices are recognised.
    case pins
    /// Forgets the certificate of a device, by its UDN or name.
    case forgetPin(device: String)
}

/// The ACL of the gateway's own services.
package struct ProtectionReport: Codable, Hashable, Sendable {
    /// Somebody in it.
    package struct Entry: Codable, Hashable, Sendable {
        /// `control-point` or `user`.
        package var kind: String
        /// A control point's UUID; nil for a user.
        package var id: String?
        /// What it calls itself.
        package var name: String
        /// The roles that it has.
        package var roles: [String]
        /// The paired client that it belongs to; its roles follow from what that one was granted, unless `isOwn`.
        package var client: String?
        /// Whether somebody gave it these roles by name.
        package var isOwn: Bool
    }

    /// The identity of the device itself, by which control points know it.
    package var device: String
    /// Who has roles in it, control points first.
    package var entries: [Entry]

    package init(device: String, entries: [Entry]) {
        self.device = device
        self.entries = entries
    }
}

/// By which certificate a home device with DeviceProtection is recognised.
package struct DevicePinReport: Codable, Hashable, Sendable {
    package var udn: String
    /// What it was called when it was seen last; nil when it is not remembered.
    package var name: String?
    /// The UUID of its certificate.
    package var id: String
}
