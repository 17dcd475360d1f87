/// A policy as people write it. It knows neither clients nor devices; `CompiledPolicy` brings them together.
package struct PolicyDocument: Hashable, Sendable {
    /// Clients that are named together.
    package struct Group: Hashable, Sendable {
        /// Unique among the groups.
        package var name: String
        /// Names or ids of clients.
        package var members: [String]

        /// Makes a group.
        package init(name: String, members: [String]) {
            self.name = name
            self.members = members
        }
    }

    /// Devices that are named together.
    package struct Room: Hashable, Sendable {
        /// Unique among the rooms.
        package var name: String
        /// UDNs (`uuid:…`), and friendly names, where `*` stands for anything.
        package var devices: [NamePattern]

        /// Makes a room.
        package init(name: String, devices: [NamePattern]) {
            self.name = name
            self.devices = devices
        }
    }

    /// The groups in their order.
    package var groups: [Group]
    /// The rooms in their order.
    package var rooms: [Room]
    /// The rules in their order, which decides nothing but which of equals is named.
    package var rules: [PolicyRule]

    /// Makes a document.
    package init(groups: [Group] = [], rooms: [Room] = [], rules: [PolicyRule] = []) {
        self.groups = groups
        self.rooms = rooms
        self.rules = rules
    }

    /// The same policy without the lines where its rules stand: equal for documents that mean the same.
    package var withoutLines: PolicyDocument {
        var copy = self
        for index in copy.rules.indices { copy.rules[index].line = 0 }
        return copy
    }
}

/// How much a policy may have.
package struct PolicyLimits: Hashable, Sendable {
    /// Bytes of its text.
    package var textBytes = 1 << 20
    /// Rules.
    package var rules = 2048
    /// Groups, and rooms.
    package var groups = 256
    /// Members of a group, devices of a room, and entries of every list of a rule.
    package var entries = 256
    /// Conditions on arguments of one rule.
    package var arguments = 16
    /// Bytes of every name, pattern and value.
    package var nameBytes = 256

    /// The documented limits.
    package init() {}
}
