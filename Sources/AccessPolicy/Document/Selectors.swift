package import NetworkTypes

/// Of whom a rule speaks.
package enum PolicySubject: Hashable, Sendable {
    /// Every paired client.
    case everyone
    /// The client of that name or id.
    case client(String)
    /// The clients of a group.
    case group(String)
    /// Sessions in a role.
    case role(RoleName)

    /// As a policy has it: `everyone`, `group:family`, `role:Admin`, `client:alice`, or a client's name alone.
    package init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        if text == "everyone" {
            self = .everyone
        } else if text.hasPrefix("group:") {
            let name = String(text.dropFirst(6))
            guard PolicyRule.isName(name) else { return nil }
            self = .group(name)
        } else if text.hasPrefix("role:") {
            guard let role = RoleName(text.dropFirst(5)) else { return nil }
            self = .role(role)
        } else {
            let name = text.hasPrefix("client:") ? String(text.dropFirst(7)) : text
            guard !name.isEmpty else { return nil }
            self = .client(name)
        }
    }

    /// As a policy has it.
    package var text: String {
        switch self {
        case .everyone: "everyone"
        case .group(let name): "group:\(name)"
        case .role(let role): "role:\(role)"
        case .client(let name):
            name == "everyone" || ["client:", "group:", "role:"].contains(where: name.hasPrefix)
                ? "client:\(name)" : name
        }
    }
}

/// Through whom a rule's requests come.
package enum PolicyVia: Hashable, Sendable {
    /// Programs on the client's own host.
    case ownHost
    /// All of its neighbours.
    case neighbours
    /// The neighbours in a network; one alone for a prefix of full length.
    case prefix(IPPrefix)

    /// As a policy has it: `own-host`, `neighbours`, an address or a prefix.
    package init?(_ text: String) {
        switch text {
        case "own-host": self = .ownHost
        case "neighbours": self = .neighbours
        default:
            if let prefix = IPPrefix(text) {
                self = .prefix(prefix)
                return
            }
            guard let address = IPAddress(text) else { return nil }
            let bits =
                switch address {
                case .v4: 32
                case .v6: 128
                }
            guard let prefix = IPPrefix(address: address, length: bits) else { return nil }
            self = .prefix(prefix)
        }
    }

    /// As a policy has it.
    package var text: String {
        switch self {
        case .ownHost: "own-host"
        case .neighbours: "neighbours"
        case .prefix(let prefix): "\(prefix)"
        }
    }
}

/// Which devices a rule speaks of. Within a list one is enough; of the lists that are not empty each must match.
package struct DeviceSelector: Hashable, Sendable {
    /// Unique device names, with or without `uuid:`.
    package var udn: [String]
    /// Types, as of the root device.
    package var type: [TypeSelector]
    /// Friendly names, where `*` stands for anything.
    package var name: [NamePattern]
    /// Rooms of the policy.
    package var room: [String]

    /// Makes a selector; that of everything without arguments.
    package init(
        udn: [String] = [], type: [TypeSelector] = [], name: [NamePattern] = [], room: [String] = []
    ) {
        self.udn = udn
        self.type = type
        self.name = name
        self.room = room
    }

    /// Whether every device matches.
    package var isEverything: Bool { udn.isEmpty && type.isEmpty && name.isEmpty && room.isEmpty }
}

/// A device or service type as people write it: `MediaRenderer`, `MediaRenderer:2`, or a whole URN with or without
/// a version. A short name is the UPnP Forum's. A version covers itself and those below.
package struct TypeSelector: Hashable, Sendable {
    /// As it was written.
    package let text: String
    let type: TypeName

    /// A device type; nil for what cannot be one.
    package init?(device text: String) { self.init(text, kind: .device) }
    /// A service type; nil for what cannot be one.
    package init?(service text: String) { self.init(text, kind: .service) }

    private init?(_ text: String, kind: TypeName.Kind) {
        let urn = text.lowercased().hasPrefix("urn:") ? text : "urn:schemas-upnp-org:\(kind.rawValue):\(text)"
        guard let type = TypeName(urn), type.kind == kind else { return nil }
        self.text = text
        self.type = type
    }

    func covers(_ type: TypeName) -> Bool { self.type.covers(type) }

    /// Whether nobody is ever given it.
    package var isForbidden: Bool { ForbiddenTypes.contains(type) }
}

/// A name, compared without regard to case, in which `*` stands for any run of characters and `?` for one.
package struct NamePattern: Hashable, Sendable {
    /// As it was written.
    package let text: String
    let folded: [Unicode.Scalar]
    /// How much of it stands before the first and after the last sign that stands for others.
    private let head: Int
    private let tail: Int

    /// Takes a pattern of any text.
    package init(_ text: String) {
        self.text = text
        let folded = Array(text.lowercased().unicodeScalars)
        self.folded = folded
        self.head = folded.firstIndex { $0 == "*" || $0 == "?" } ?? folded.count
        self.tail = folded.lastIndex { $0 == "*" || $0 == "?" }.map { folded.count - 1 - $0 } ?? 0
    }

    /// Whether it is a name, and no pattern of several.
    package var isExact: Bool { head == folded.count }

    /// Whether a name matches. A name's first 256 characters count.
    package func matches(_ name: String) -> Bool { matches(folded: Self.fold(name)) }

    static func fold(_ name: String) -> [Unicode.Scalar] { Array(name.lowercased().unicodeScalars.prefix(256)) }

    /// Goes back to the last `*` only, so that the time is bounded by the product of the lengths.
    func matches(folded name: [Unicode.Scalar]) -> Bool {
        // Most names differ where the pattern is plain.
        guard name.count >= head + tail, !isExact || name.count == head else { return false }
        for index in 0..<head where folded[index] != name[index] { return false }
        for index in 1..<tail + 1 where folded[folded.count - index] != name[name.count - index] { return false }
        if isExact { return true }
        var (at, position, star, resume) = (0, 0, -1, 0)
        while position < name.count {
            if at < folded.count, folded[at] == "*" {
                (star, resume) = (at, position)
                at += 1
            } else if at < folded.count, folded[at] == "?" || folded[at] == name[position] {
                at += 1
                position += 1
            } else if star >= 0 {
                resume += 1
                (at, position) = (star + 1, resume)
            } else {
                return false
            }
        }
        return folded[at...].allSatisfy { $0 == "*" }
    }
}
