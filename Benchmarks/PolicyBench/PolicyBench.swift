import AccessPolicy
import FoundationEssentials
import NetworkTypes
import TrustCore

/// Decides with a policy of many rules, for counting what one decision costs:
///
///     policy-bench [RULES] [DECISIONS]     1000 rules and 200000 decisions by default
///
/// Prints a line per kind of call: `kind rules p50 p99 max`, the times in nanoseconds.
@main
struct PolicyBench {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let rules = arguments.first ?? 1000
        let decisions = arguments.dropFirst().first ?? 200_000
        guard let world = World(rules: rules) else { return print("policy-bench: the world cannot be made") }
        for (kind, requests) in world.requests {
            let times = measure(world.policy, requests, decisions)
            let (p50, p99) = (times[times.count / 2], times[times.count * 99 / 100])
            print("\(kind) \(rules) \(p50) \(p99) \(times.last ?? 0)")
        }
    }

    private static func measure(_ policy: CompiledPolicy, _ requests: [AccessRequest], _ count: Int) -> [Int] {
        let clock = ContinuousClock()
        var times: [Int] = []
        times.reserveCapacity(count)
        var permitted = 0
        for number in 0..<count + count / 10 {
            let request = requests[number % requests.count]
            let begin = clock.now
            if policy.decide(request).permitted { permitted += 1 }
            let spent = begin.duration(to: clock.now).components.attoseconds / 1_000_000_000
            // The first tenth warms up.
            if number >= count / 10 { times.append(Int(spent)) }
        }
        precondition(permitted > 0 || requests.isEmpty, "nothing was permitted, so the wrong thing is measured")
        return times.sorted()
    }
}

/// A home of 50 devices and 30 clients whose rules meet: a tenth for everyone, a tenth by pattern of name.
private struct World {
    let policy: CompiledPolicy
    let requests: [(String, [AccessRequest])]

    init?(rules count: Int) {
        let subjects = (0..<30).compactMap { number in
            SubjectID("s\(number)").map { Subject(id: $0, name: "client \(number)", createdAt: .distantPast) }
        }
        let types = ["MediaRenderer", "MediaServer", "BinaryLight", "DimmableLight", "HVAC_System"]
        let actions = ["SetVolume", "GetVolume", "SetMute", "Play", "Stop", "Seek", "Browse", "SetTarget"]
        let services = ["RenderingControl", "AVTransport", "ContentDirectory", "SwitchPower"]
        var rules: [PolicyRule] = []
        for number in 0..<count {
            var rule = PolicyRule(name: "r\(number)", effect: number % 7 == 0 ? .deny : .permit)
            rule.operations = [
                .action(actions[number % actions.count]), .action(actions[(number / 3) % actions.count]),
            ]
            if number % 5 == 0 { rule.operations = [.actionPrefix("Get")] }
            rule.who = number % 10 == 0 ? [] : [.client("client \(number % 30)"), .group("g\(number % 5)")]
            switch number % 10 {
            case 0...4: rule.device.udn = ["uuid:d\(number % 50)"]
            case 5...6: rule.device.type = [TypeSelector(device: types[number % types.count])].compactMap(\.self)
            case 7: rule.device.name = [NamePattern("*room \(number % 50)*")]
            case 8: rule.device.room = ["room\(number % 8)"]
            default: break
            }
            if number % 2 == 0 {
                rule.service = [TypeSelector(service: services[number % services.count])].compactMap(\.self)
            }
            if number % 3 == 0, rule.operations.allSatisfy(\.isAction) {
                rule.arguments = [.init(name: "DesiredVolume", test: .range(min: nil, max: 20 + number % 60))]
            }
            if number % 11 == 0 { rule.when = PolicySchedule(hours: [.init(from: 420, to: 1320)]) }
            rules.append(rule)
        }
        let groups = (0..<5).map { group in
            PolicyDocument.Group(
                name: "g\(group)", members: subjects.enumerated().filter { $0.offset % 5 == group }.map(\.element.name))
        }
        let rooms = (0..<8).map { room in
            PolicyDocument.Room(
                name: "room\(room)", devices: [NamePattern("*room \(room)*"), NamePattern("uuid:d\(room)")])
        }
        policy = CompiledPolicy(
            document: PolicyDocument(groups: groups, rooms: rooms, rules: rules),
            ledger: TrustLedger(
                subjects: subjects, grants: subjects.map { Grant(subject: $0.id, scope: .preset("control")) }))
        let devices = (0..<50).map { number in
            DeviceFacts(
                udn: "uuid:d\(number)", name: "Player of room \(number)",
                deviceType: "urn:schemas-upnp-org:device:\(types[number % types.count]):1",
                serviceTypes: (services + ["ConnectionManager"]).map { "urn:schemas-upnp-org:service:\($0):1" })
        }
        guard !subjects.isEmpty else { return nil }
        func request(_ number: Int, _ operation: AccessRequest.Operation) -> AccessRequest {
            var request = AccessRequest(
                subject: subjects[number % subjects.count].id, via: .ownHost, device: devices[number % devices.count],
                operation: operation, service: "urn:schemas-upnp-org:service:\(services[number % services.count]):1")
            request.moment = PolicyMoment(Date(timeIntervalSince1970: 1_795_824_000), secondsFromGMT: 3600 * 12)
            guard operation == .control else { return request }
            request.action = actions[number % actions.count]
            request.arguments = [("InstanceID", "0"), ("Channel", "Master"), ("DesiredVolume", "\(number % 100)")]
            return request
        }
        requests = [
            ("control", (0..<2999).map { request($0, .control) }), ("event", (0..<2999).map { request($0, .event) }),
            ("describe", (0..<2999).map { request($0, .describe) }),
        ]
    }
}
