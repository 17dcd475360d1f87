package import TrustCore

/// What a command asks the running gateway or away client, as one line of JSON:
/// `{"request":"revoke","name":"phone"}`.
package enum ControlRequest: Hashable, Sendable {
    /// Is anybody there?
    case ping
    /// What the program is doing.
    case status
    /// How it is reached, and what would improve that.
    case doctor
    /// The sessions that are being served.
    case sessions
    /// The devices that are known: at home for a gateway, mirrored for an away client.
    case devices
    /// The clients that were ever paired.
    case clients
    /// Ends a client's rights, by its name or identifier.
    case revoke(name: String)
    /// Makes a pairing code.
    case pair(PairingOrder)
    /// Changes over to the next server key.
    case rotateKey
    /// Something about the secure group.
    case group(GroupControlRequest)
    /// Something about the policy.
    case policy(PolicyControlRequest)
    /// Something about what clients wait for the owner's consent to.
    case consent(ConsentOrder)
    /// Something about the role of an away client's session.
    case role(RoleOrder)
    /// Something about the ACL of the gateway's own services.
    case protection(ProtectionOrder)
}

/// What a pairing code is to allow.
package struct PairingOrder: Codable, Hashable, Sendable {
    /// What the client will be called.
    package var name: String
    /// `media`, `control` or `full`; nil when device types are listed.
    package var preset: String?
    /// The device types that the client may see and use; empty with a preset.
    package var deviceTypes: [String]
    /// How long the code is good for, in seconds.
    package var expiresIn: Int
    /// Whether the client may share with its neighbours.
    package var sharing: Bool
    /// `host:port` of the gateway as the client reaches it; empty means those that are configured.
    package var addresses: [String]
    /// What limits it besides, for a guest.
    package var pass: GuestPass?
    /// Whether the code is handed over on the home's own network, to who tells the PIN that is answered.
    package var lan: Bool

    package init(
        name: String, preset: String?, deviceTypes: [String], expiresIn: Int, sharing: Bool = true,
        addresses: [String] = [], pass: GuestPass? = nil, lan: Bool = false
    ) {
        self.name = name
        self.preset = preset
        self.deviceTypes = deviceTypes
        self.expiresIn = expiresIn
        self.sharing = sharing
        self.addresses = addresses
        self.pass = pass
        self.lan = lan
    }
}

/// What the program answers, one kind for each request.
package enum ControlReply: Hashable, Sendable {
    case pong(ProgramIdentity)
    case status(StatusReport)
    case doctor(DoctorReport)
    case sessions([SessionReport])
    case devices([DeviceReport])
    case clients([ClientReport])
    case revoked(RevocationReport)
    case pairing(PairingReport)
    case introduction(IntroductionReport)
    case rotated(KeyReport)
    case group(GroupControlReply)
    case policy(PolicyControlReply)
    case consents([ConsentReport])
    case role(RoleReport)
    case protection(ProtectionReport)
    case pins([DevicePinReport])
}

/// Answers control requests: the running gateway, the running away client, or the store alone.
///
/// An error's description goes to the person who typed the command, so it is a sentence.
package protocol ControlRequestHandler: Sendable {
    func handle(_ request: ControlRequest) async throws -> ControlReply
}

extension ControlRequest: Codable {
    private enum Key: String, CodingKey { case request, name, order, group, policy, consent, role, protection }

    private enum Word: String, Codable {
        case ping, status, doctor, sessions, devices, clients, revoke, pair, group, policy, consent, role, protection
        case rotateKey = "rotate-key"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decode(Word.self, forKey: .request) {
        case .ping: self = .ping
        case .status: self = .status
        case .doctor: self = .doctor
        case .sessions: self = .sessions
        case .devices: self = .devices
        case .clients: self = .clients
        case .revoke: self = .revoke(name: try container.decode(String.self, forKey: .name))
        case .pair: self = .pair(try container.decode(PairingOrder.self, forKey: .order))
        case .rotateKey: self = .rotateKey
        case .group: self = .group(try container.decode(GroupControlRequest.self, forKey: .group))
        case .policy: self = .policy(try container.decode(PolicyControlRequest.self, forKey: .policy))
        case .consent: self = .consent(try container.decode(ConsentOrder.self, forKey: .consent))
        case .role: self = .role(try container.decode(RoleOrder.self, forKey: .role))
        case .protection: self = .protection(try container.decode(ProtectionOrder.self, forKey: .protection))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let word: Word =
            switch self {
            case .ping: .ping
            case .status: .status
            case .doctor: .doctor
            case .sessions: .sessions
            case .devices: .devices
            case .clients: .clients
            case .revoke: .revoke
            case .pair: .pair
            case .rotateKey: .rotateKey
            case .group: .group
            case .policy: .policy
            case .consent: .consent
            case .role: .role
            case .protection: .protection
            }
        try container.encode(word, forKey: .request)
        switch self {
        case .revoke(let name): try container.encode(name, forKey: .name)
        case .pair(let order): try container.encode(order, forKey: .order)
        case .group(let request): try container.encode(request, forKey: .group)
        case .policy(let request): try container.encode(request, forKey: .policy)
        case .consent(let order): try container.encode(order, forKey: .consent)
        case .role(let order): try container.encode(order, forKey: .role)
        case .protection(let order): try container.encode(order, forKey: .protection)
        default: break
        }
    }
}

/// One line of answer: a result, or the sentence that says why there is none.
package enum ControlAnswer: Hashable, Sendable, Codable {
    case result(ControlReply)
    case error(String)

    private enum Key: String, CodingKey {
        case error, pong, status, doctor, sessions, devices, clients, revoked, pairing, introduction, rotated, group,
            policy,
            consents, role, protection, pins
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        guard let key = container.allKeys.first, container.allKeys.count == 1 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not one known answer")
            )
        }
        func read<Value: Decodable>(_: Value.Type = Value.self) throws -> Value {
            try container.decode(Value.self, forKey: key)
        }
        self =
            switch key {
            case .error: .error(try read())
            case .pong: .result(.pong(try read()))
            case .status: .result(.status(try read()))
            case .doctor: .result(.doctor(try read()))
            case .sessions: .result(.sessions(try read()))
            case .devices: .result(.devices(try read()))
            case .clients: .result(.clients(try read()))
            case .revoked: .result(.revoked(try read()))
            case .pairing: .result(.pairing(try read()))
            case .introduction: .result(.introduction(try read()))
            case .rotated: .result(.rotated(try read()))
            case .group: .result(.group(try read()))
            case .policy: .result(.policy(try read()))
            case .consents: .result(.consents(try read()))
            case .role: .result(.role(try read()))
            case .protection: .result(.protection(try read()))
            case .pins: .result(.pins(try read()))
            }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .error(let sentence): try container.encode(sentence, forKey: .error)
        case .result(.pong(let report)): try container.encode(report, forKey: .pong)
        case .result(.status(let report)): try container.encode(report, forKey: .status)
        case .result(.doctor(let report)): try container.encode(report, forKey: .doctor)
        case .result(.sessions(let reports)): try container.encode(reports, forKey: .sessions)
        case .result(.devices(let reports)): try container.encode(reports, forKey: .devices)
        case .result(.clients(let reports)): try container.encode(reports, forKey: .clients)
        case .result(.revoked(let report)): try container.encode(report, forKey: .revoked)
        case .result(.pairing(let report)): try container.encode(report, forKey: .pairing)
        case .result(.introduction(let report)): try container.encode(report, forKey: .introduction)
        case .result(.rotated(let report)): try container.encode(report, forKey: .rotated)
        case .result(.group(let reply)): try container.encode(reply, forKey: .group)
        case .result(.policy(let reply)): try container.encode(reply, forKey: .policy)
        case .result(.consents(let reports)): try container.encode(reports, forKey: .consents)
        case .result(.role(let report)): try container.encode(report, forKey: .role)
        case .result(.protection(let report)): try container.encode(report, forKey: .protection)
        case .result(.pins(let reports)): try container.encode(reports, forKey: .pins)
        }
    }
}
