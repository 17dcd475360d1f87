package import Foundation

/// Which program answers on a control socket.
package struct ProgramIdentity: Codable, Hashable, Sendable {
    /// `gateway` or `away`.
    package var role: String
    /// Its process id.
    package var pid: Int32

    package init(role: String, pid: Int32) {
        self.role = role
        self.pid = pid
    }
}

/// What a running program is doing, in words that a person reads.
package struct StatusReport: Codable, Hashable, Sendable {
    /// `gateway` or `away`.
    package var role: String
    /// What it calls itself, or the gateway that it belongs to.
    package var name: String
    /// What it is doing: `serving`, `connected`, `reconnecting`, `silent: the same device answers here`, ….
    package var state: String
    /// Further facts, such as `listen` and `interface`.
    package var details: [String: String]

    package init(role: String, name: String, state: String, details: [String: String] = [:]) {
        self.role = role
        self.name = name
        self.state = state
        self.details = details
    }
}

/// One session of the gateway's table.
package struct SessionReport: Codable, Hashable, Sendable {
    package var id: String
    /// The client's name.
    package var client: String
    /// The client's address and port on the path in use.
    package var peer: String
    package var since: Date
    /// How many devices the client is shown.
    package var devices: Int
    /// Bytes from home to the client.
    package var bytesOut: UInt64
    /// Bytes from the client to home.
    package var bytesIn: UInt64
    /// The NAT in front of the client, as it has told; nil where it has not.
    package var nat: DoctorReport.NAT?

    package init(
        id: String, client: String, peer: String, since: Date, devices: Int, bytesOut: UInt64, bytesIn: UInt64,
        nat: DoctorReport.NAT? = nil
    ) {
        self.id = id
        self.client = client
        self.peer = peer
        self.since = since
        self.devices = devices
        self.bytesOut = bytesOut
        self.bytesIn = bytesIn
        self.nat = nat
    }
}

/// One root device.
package struct DeviceReport: Codable, Hashable, Sendable {
    package var udn: String
    package var name: String
    package var type: String
    /// Where its description is read: at home for the gateway, on this host for the away client.
    package var location: String?
    /// `present`, `mirrored`, or why it is not.
    package var state: String

    package init(udn: String, name: String, type: String, location: String?, state: String) {
        self.udn = udn
        self.name = name
        self.type = type
        self.location = location
        self.state = state
    }
}

/// One client that was paired.
package struct ClientReport: Codable, Hashable, Sendable {
    package var id: String
    package var name: String
    package var createdAt: Date
    package var revokedAt: Date?
    /// What it may do: `media`, `control`, `full`, or the device types.
    package var grants: [String]
    /// SHA-256 of each certificate.
    package var certificates: [String]
    /// The secure group's devices that belong to it.
    package var groupDevices: [String]

    package init(
        id: String, name: String, createdAt: Date, revokedAt: Date?, grants: [String], certificates: [String],
        groupDevices: [String] = []
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.revokedAt = revokedAt
        self.grants = grants
        self.certificates = certificates
        self.groupDevices = groupDevices
    }
}

/// What a revocation ended.
package struct RevocationReport: Codable, Hashable, Sendable {
    package var id: String
    package var name: String
    /// How many live sessions were ended; 0 when the gateway is not running.
    package var sessionsEnded: Int
    /// How many members of the secure group were evicted.
    package var membersEvicted: Int
    /// Members that are struck off, and out as soon as the group is served again.
    package var membersPending: Int
    /// The group's epoch after it; nil without devices of the group.
    package var epoch: UInt32?

    package init(
        id: String, name: String, sessionsEnded: Int, membersEvicted: Int = 0, membersPending: Int = 0,
        epoch: UInt32? = nil
    ) {
        self.id = id
        self.name = name
        self.sessionsEnded = sessionsEnded
        self.membersEvicted = membersEvicted
        self.membersPending = membersPending
        self.epoch = epoch
    }
}

/// A pairing code that was made.
package struct PairingReport: Codable, Hashable, Sendable {
    /// The `latchkey:` URI. It holds the one-time secret.
    package var code: String
    /// The code's identifier, without the secret.
    package var id: String
    package var expires: Date

    package init(code: String, id: String, expires: Date) {
        self.code = code
        self.id = id
        self.expires = expires
    }
}

/// The time for one introduction on the home's own network, which was opened.
package struct IntroductionReport: Codable, Hashable, Sendable {
    /// The PIN for whoever is to be let in: eight digits in two groups.
    package var pin: String
    /// The identifier of the pairing code that is handed over.
    package var id: String
    package var expires: Date

    package init(pin: String, id: String, expires: Date) {
        self.pin = pin
        self.id = id
        self.expires = expires
    }
}

/// The server's keys, as clients pin them.
package struct KeyReport: Codable, Hashable, Sendable {
    /// The pin that clients trust and the gateway shows.
    package var current: String
    /// The successor's pin, announced inside the tunnel.
    package var next: String?

    package init(current: String, next: String?) {
        self.current = current
        self.next = next
    }
}
