package import Foundation

/// What a command asks of the secure group: `{"request":"group","group":{"evict":{"id":"lamp","mayReturn":false}}}`.
package enum GroupControlRequest: Codable, Hashable, Sendable {
    /// Which group is it? Makes one when there is none.
    case open
    /// Lets devices register.
    case enrol([DeviceEnrolment])
    /// The devices that may register.
    case devices
    /// The members.
    case members
    /// Gives a device another list of services that it may ask for.
    case allow(id: String, patterns: [String])
    /// How the group is.
    case status
    /// Evicts a device: it is struck off, or may register again.
    case evict(id: String, mayReturn: Bool)
}

/// What is answered.
package enum GroupControlReply: Codable, Hashable, Sendable {
    case opened(GroupOpening)
    case enrolled(count: Int)
    case devices([GroupDeviceReport])
    case members([GroupMemberReport])
    case allowed(GroupDeviceReport)
    case status(GroupStatusReport)
    case evicted(GroupEvictionReport)
}

/// A group, by its name on the wire.
package struct GroupOpening: Codable, Hashable, Sendable {
    /// 32 hexadecimal digits.
    package var groupID: String

    package init(groupID: String) { self.groupID = groupID }
}

/// A device that is to be enrolled. Its code is not in it: only what checks the code.
package struct DeviceEnrolment: Codable, Hashable, Sendable {
    package var id: String
    /// `client`, `server` or `both`.
    package var role: String
    /// The patterns of services that it may ask for.
    package var patterns: [String]
    /// The name of the subject that it belongs to.
    package var owner: String
    /// How its code was stretched (KDF_ID).
    package var derivation: UInt8
    /// The salt of that, 16 bytes.
    package var salt: Data
    /// w0 of the verifier, 32 bytes.
    package var w0: Data
    /// L of the verifier, 65 bytes.
    package var l: Data
    /// Whether this replaces the record of a device that is enrolled and no member, whose code was lost.
    package var again: Bool

    package init(
        id: String, role: String, patterns: [String], owner: String, derivation: UInt8, salt: Data, w0: Data, l: Data,
        again: Bool = false
    ) {
        self.id = id
        self.role = role
        self.patterns = patterns
        self.owner = owner
        self.derivation = derivation
        self.salt = salt
        self.w0 = w0
        self.l = l
        self.again = again
    }
}

/// A device that may register.
package struct GroupDeviceReport: Codable, Hashable, Sendable {
    package var id: String
    /// `client`, `server` or `both`.
    package var role: String
    /// The name of the subject that it belongs to; nil for none.
    package var owner: String?
    /// The patterns of services that it may ask for.
    package var allows: [String]
    /// Its number if it is a member.
    package var member: UInt32?

    package init(id: String, role: String, owner: String?, allows: [String], member: UInt32?) {
        self.id = id
        self.role = role
        self.owner = owner
        self.allows = allows
        self.member = member
    }
}

/// A member of the group.
package struct GroupMemberReport: Codable, Hashable, Sendable {
    /// Its number.
    package var member: UInt32
    /// Which device it is.
    package var id: String
    /// `client`, `server` or `both`.
    package var role: String
    /// What it offers.
    package var offers: [String]

    package init(member: UInt32, id: String, role: String, offers: [String]) {
        self.member = member
        self.id = id
        self.role = role
        self.offers = offers
    }
}

/// How the group is.
package struct GroupStatusReport: Codable, Hashable, Sendable {
    /// 32 hexadecimal digits.
    package var groupID: String
    /// `serving`, or why it is not served.
    package var state: String
    /// The last epoch.
    package var epoch: UInt32
    package var members: Int
    /// How many of the members are servers.
    package var servers: Int
    /// How many devices may register.
    package var devices: Int
    /// How many services are on offer.
    package var offers: Int
    /// Where devices are registered.
    package var addresses: [String]

    package init(
        groupID: String, state: String, epoch: UInt32, members: Int, servers: Int, devices: Int, offers: Int,
        addresses: [String]
    ) {
        self.groupID = groupID
        self.state = state
        self.epoch = epoch
        self.members = members
        self.servers = servers
        self.devices = devices
        self.offers = offers
        self.addresses = addresses
    }
}

/// What an eviction led to.
package struct GroupEvictionReport: Codable, Hashable, Sendable {
    package var id: String
    /// Whether the device may register again.
    package var mayReturn: Bool
    /// How many members are out.
    package var members: Int
    /// The epoch after it.
    package var epoch: UInt32
    /// Members that are struck off in the store, and out as soon as the group is served again.
    package var pending: Int

    package init(id: String, mayReturn: Bool, members: Int, epoch: UInt32, pending: Int) {
        self.id = id
        self.mayReturn = mayReturn
        self.members = members
        self.epoch = epoch
        self.pending = pending
    }
}
