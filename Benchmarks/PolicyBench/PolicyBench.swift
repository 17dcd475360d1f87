import AccessPolicy

/// Decides with a policy of many rules, for counting what one decision costs:
///
///     policy-bench [RULES] [DECISIONS]     1000 rules and 100000 decisions by default
///
/// Prints a line per shape of policy and kind of call: `shape kind rules clients permitted-% p50 p99 max`, the times in
/// nanoseconds and with the cost of looking at the clock, about 40 ns. Each decision is asked for anew, with facts of a
/// device that was taken apart when it became known, as in the gateway.
@main
struct PolicyBench {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let rules = arguments.first ?? 1000
        let decisions = arguments.dropFirst().first ?? 100_000
        for shape in PolicyWorld.Shape.allCases {
            guard let world = PolicyWorld(shape, rules: rules) else {
                return print("policy-bench: the world cannot be made")
            }
            for kind in PolicyWorld.Kind.allCases {
                let requests = world.requests(kind)
                let (times, permitted) = measure(
                    world.policy, requests, shape == .overlapping ? decisions / 10 : decisions)
                // A policy that decides every call alike would be the wrong thing to measure.
                guard kind != .control || (1...99).contains(permitted) else {
                    return print("policy-bench: \(permitted) % of the calls are permitted")
                }
                let (p50, p99) = (times[times.count / 2], times[times.count * 99 / 100])
                print(
                    "\(shape.rawValue) \(kind.rawValue) \(rules) \(world.clients) \(permitted) \(p50) \(p99) \(times.last ?? 0)"
                )
            }
        }
    }

    private static func measure(
        _ policy: CompiledPolicy, _ requests: [AccessRequest], _ count: Int
    ) -> (times: [Int], permitted: Int) {
        let clock = ContinuousClock()
        var times: [Int] = []
        times.reserveCapacity(count)
        var permitted = 0
        for number in 0..<count + count / 10 {
            let request = requests[number % requests.count]
            let begin = clock.now
            let decision = policy.decide(request)
            let spent = begin.duration(to: clock.now).components.attoseconds / 1_000_000_000
            // The first tenth warms up.
            guard number >= count / 10 else { continue }
            times.append(Int(spent))
            if decision.permitted { permitted += 1 }
        }
        return (times.sorted(), permitted * 100 / count)
    }
}
