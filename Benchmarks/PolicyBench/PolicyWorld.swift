import AccessPolicy
import FoundationEssentials
import NetworkTypes
import TrustCore

/// A home of 60 devices with a policy of some shape, and calls of its clients.
struct PolicyWorld {
    /// Of what rules the policy is made.
    enum Shape: String, CaseIterable {
        /// A rule for each client and device, as an access list has it: clients and devices by name.
        case list
        /// Groups of clients, rooms and patterns of names, types, times, consent.
        case rooms
        /// Limits on arguments for clients and device types, permitting and denying, the most specific to be found.
        case limits
        /// A third of each.
        case mixed
        /// The worst: every rule speaks of every call of one action.
        case overlapping
    }

    /// What is asked.
    enum Kind: String, CaseIterable {
        case control, event, media
        /// Whether the action is in its service's description.
        case action
        /// Whether the service is in its device's description.
        case service
        /// Whether the device is announced.
        case discover
    }

    let policy: CompiledPolicy
    let clients: Int
    private let subjects: [SubjectID]
    private let devices: [DeviceFacts]

    private static let types = [
        "MediaRenderer", "MediaServer", "BinaryLight", "DimmableLight", "HVAC_System", "DigitalSecurityCamera",
    ]
    private static let actions = ["SetVolume", "GetVolume", "SetMute", "Play", "Stop", "Seek", "Browse", "SetTarget"]
    private static let services = ["RenderingControl", "AVTransport", "ContentDirectory", "SwitchPower"]

    init?(_ shape: Shape, rules count: Int) {
        clients = min(max(count / 10, 5), 1000)
        let subjects = (0..<clients).compactMap { SubjectID("s\($0)") }
        self.subjects = subjects
        devices = (0..<60).map { number in
            DeviceFacts(
                udn: "uuid:2fac1234-31f8-11b4-a222-08002b34c\(100 + number)",
                name: "Player \(number) of room \(number % 12)",
                deviceType: "urn:schemas-upnp-org:device:\(Self.types[number % Self.types.count]):1",
                embeddedTypes: number % 20 == 0 ? ["urn:schemas-upnp-org:device:DimmableLight:1"] : [],
                serviceTypes: (Self.services + ["ConnectionManager"]).map { "urn:schemas-upnp-org:service:\($0):1" })
        }
        let udns = devices.map(\.udn)
        let rules = (0..<count).map { number in
            switch shape {
            case .list: Self.listed(number, clients: subjects.count, udns: udns)
            case .rooms: Self.ofRooms(number)
            case .limits: Self.limited(number, clients: subjects.count)
            case .overlapping: Self.overlapping(number)
            case .mixed:
                switch number % 3 {
                case 0: Self.listed(number, clients: subjects.count, udns: udns)
                case 1: Self.ofRooms(number)
                default: Self.limited(number, clients: subjects.count)
                }
            }
        }
        let groups = (0..<10).map { group in
            PolicyDocument.Group(
                name: "g\(group)", members: (0..<subjects.count).filter { $0 % 10 == group }.map { "client \($0)" })
        }
        let rooms = (0..<12).map { room in
            PolicyDocument.Room(name: "room\(room)", devices: [NamePattern("* room \(room)"), NamePattern(udns[room])])
        }
        let presets = ["watch", "listen", "control", "guest", "camera-viewer"]
        policy = CompiledPolicy(
            document: PolicyDocument(groups: groups, rooms: rooms, rules: rules),
            ledger: TrustLedger(
                subjects: subjects.enumerated().map {
                    Subject(id: $0.element, name: "client \($0.offset)", createdAt: .distantPast)
                },
                grants: subjects.enumerated().map {
                    Grant(subject: $0.element, scope: .preset(presets[$0.offset % presets.count]))
                }))
        guard subjects.count == clients else { return nil }
    }

    private static func listed(_ number: Int, clients: Int, udns: [String]) -> PolicyRule {
        var rule = PolicyRule(name: "r\(number)", effect: number % 7 == 0 ? .deny : .permit)
        rule.operations = [.action(actions[number % actions.count]), .action(actions[(number / 3) % actions.count])]
        if number % 5 == 0 { rule.operations = [.everything] }
        rule.who = [.client("client \(number % clients)")]
        rule.device.udn = [udns[number / 7 % udns.count]]
        return rule
    }

    private static func ofRooms(_ number: Int) -> PolicyRule {
        var rule = PolicyRule(name: "r\(number)", effect: number % 5 == 0 ? .deny : .permit)
        rule.operations = number % 2 == 0 ? [.actionPrefix("Get"), .events] : [.actions]
        if number % 7 == 0 { rule.operations = [.media, .discover] }
        rule.who = [.group("g\(number % 10)")]
        switch number / 10 % 4 {
        case 0: rule.device.room = ["room\(number / 40 % 12)"]
        case 1: rule.device.name = [NamePattern("Player *\(number / 40 % 12)")]
        case 2: rule.device.name = [NamePattern("Player \(number / 40 % 60) of room \(number / 40 % 12)")]
        default: rule.device.type = [TypeSelector(device: types[number / 40 % types.count])].compactMap(\.self)
        }
        if number % 3 == 0 { rule.service = [TypeSelector(service: services[number % 4])].compactMap(\.self) }
        if number % 11 == 0 { rule.when = PolicySchedule(hours: [.init(from: 420, to: 1320)]) }
        rule.consent = rule.effect == .permit && number % 23 == 0
        return rule
    }

    private static func limited(_ number: Int, clients: Int) -> PolicyRule {
        var rule = PolicyRule(name: "r\(number)", effect: number % 4 == 0 ? .deny : .permit)
        rule.operations = [.action(actions[number / 4 % actions.count])]
        rule.who = number % 10 == 0 ? [] : [.client("client \(number % clients)")]
        if number % 2 == 0 { rule.device.type = [TypeSelector(device: types[number % types.count])].compactMap(\.self) }
        let limit = 20 + number % 60
        rule.arguments = [
            .init(
                name: "DesiredVolume",
                test: rule.effect == .permit ? .range(min: nil, max: limit) : .range(min: limit, max: nil))
        ]
        if number % 3 == 0 { rule.arguments.append(.init(name: "Channel", test: .oneOf(["Master", "LF", "RF"]))) }
        return rule
    }

    private static func overlapping(_ number: Int) -> PolicyRule {
        var rule = PolicyRule(name: "r\(number)", effect: number % 4 == 0 ? .deny : .permit)
        rule.operations = [.action("SetVolume")]
        rule.device.name = [NamePattern("Player*")]
        rule.arguments = [.init(name: "DesiredVolume", test: .range(min: number % 90, max: 100))]
        return rule
    }

    /// Calls of all clients and devices, many more than the caches of the machine hold at once.
    func requests(_ kind: Kind) -> [AccessRequest] {
        (0..<9973).map { number in
            let operation: AccessRequest.Operation =
                switch kind {
                case .control: .control
                case .event: .event
                case .media: .media
                case .action, .service: .describe
                case .discover: .discover
                }
            var request = AccessRequest(
                subject: subjects[number % subjects.count], via: .ownHost, device: devices[number / 7 % devices.count],
                operation: operation)
            if number % 5 == 0 { request.via = .neighbour(.v4(IPv4Address(192, 0, 2, UInt8(number % 250)))) }
            request.moment = PolicyMoment(Date(timeIntervalSince1970: 1_795_824_000), secondsFromGMT: 3600 * 12)
            request.roles = [.public, .basic]
            guard kind != .media, kind != .discover else { return request }
            request.service = "urn:schemas-upnp-org:service:\(Self.services[number % Self.services.count]):1"
            guard kind == .control || kind == .action else { return request }
            request.action = Self.actions[number / 3 % Self.actions.count]
            request.arguments = [("InstanceID", "0"), ("Channel", "Master"), ("DesiredVolume", "\(number % 100)")]
            return request
        }
    }
}
