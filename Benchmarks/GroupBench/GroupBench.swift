import Foundation

/// Measures a group on real sockets, each role in a process of its own, so that each one's processor time is known.
@main
struct GroupBench {
    static let help = """
        group-bench measures secure groups on real sockets. Run it as root, inside scripts/in-namespace.

          group-bench run --interface NAME [--family ipv4|ipv6] [--servers 50] [--clients 32] [--payload 64]
                          [--in-flight 100] [--seconds 5] [--rounds 3] [--answers none|one|all] [--asleep yes]
                          [--signatures each|burst]
              one client process asks a service of so many servers, as fast as a closed loop of --in-flight requests
              allows (in flight: sent and not yet accepted). --asleep yes stops the servers' process once it has
              registered: what is left is the forwarder by itself, with nobody on the link. --signatures each has the
              forwarder sign each broadcast alone; otherwise up to 16 datagrams that came in together share a signature,
              but for payloads of about 900 to 1,030 bytes, which fit one datagram only if they are signed alone.
          group-bench register --interface NAME [--devices 200] [--parallel 16]
              so many devices register at once, with the fast test derivation
          group-bench evict --interface NAME [--servers 200] [--loss 5] [--rounds 10]
              a server is evicted urgently; how long until the last of the others is in the new epoch, while each of
              them loses that percentage of all datagrams
          group-bench ROLE …: the roles by themselves, for who puts them into namespaces of their own:
              controller --interface NAME --roster FILE [--servers N] [--clients N] [--signatures each|burst]
              servers    --interface NAME --roster FILE --controller ADDR:PORT [--answers …] [--loss PERCENT]
              client     --interface NAME --roster FILE --controller ADDR:PORT

        Example: scripts/in-namespace group-bench run --interface lk0 --servers 200 --payload 1200

        Every result is one line of JSON on the standard output. `run` prints one for each round:
          {"bench":"run","servers":200,"payload":1200,"in_flight":100,"signatures":"burst","answers":"none",
           "asleep":false,"round":1,
           "seconds":5.0,           how long it was measured
           "messages":21000,        requests that the forwarder has taken (ACCEPTED)
           "messages_per_second":4200.0,
           "lost":0,                requests that were refused or timed out
           "deliveries":4200000,    requests that reached a server's application, in all
           "deliveries_per_second":840000.0,
           "forwarder_seconds":1.2,     processor time of the forwarder's thread
           "forwarder_us_per_message":57.1,
           "messages_per_forwarder_second":17500.0,
           "deliveries_per_forwarder_second":3500000.0,
           "controller_seconds":1.3,    of the whole controller process (forwarder, key manager)
           "client_seconds":0.9,"servers_seconds":8.0,
           "latency_ms_p50":0.9,"latency_ms_p99":2.1,    from the client's call to the server's application; null
                                                         without deliveries
           "controller_mib":24.0}       resident memory of the controller process
        `register`: {"bench":"register","devices":200,"parallel":16,"seconds":…,"registrations_per_second":…,
          "key_manager_seconds":…,"registrations_per_key_manager_second":…}
        `evict`, for each round: {"bench":"evict","members":199,"loss":5,"round":1,"first_ms":…,"median_ms":…,
          "last_ms":…,"missing":0}
        A role prints {"role":"controller","ready":true,"keyManager":"192.0.2.1:40000"} (or "servers", "client") when
        it is ready, then answers each line on its standard input with one line of JSON, and ends with its input:
          controller: `report` {"forwarder_seconds","key_manager_seconds","process_seconds","mib"}
                      `evict ID` {"at": nanoseconds of the monotonic clock}
          servers:    `report` {"deliveries","latency_ms_p50","latency_ms_p99","process_seconds"}: since the last one
                      `epochs` {"at":[…]}: when each member was last in a new epoch, in the same clock
          client:     `run SECONDS PAYLOAD IN-FLIGHT` {"messages","lost","seconds","process_seconds"}
        """

    static func main() async throws {
        let arguments = BenchArguments(Array(CommandLine.arguments.dropFirst()))
        switch arguments.command {
        case "run": try await Measurement(arguments).run()
        case "register": try await Measurement(arguments).register()
        case "evict": try await Measurement(arguments).evict()
        case "controller": try await ControllerRole.run(arguments)
        case "servers": try await DevicesRole.run(arguments, isServer: true)
        case "client": try await DevicesRole.run(arguments, isServer: false)
        default: print(help)
        }
    }
}

/// `COMMAND --name value …`.
struct BenchArguments {
    let command: String
    private var values: [String: String] = [:]

    init(_ words: [String]) {
        command = words.first ?? "help"
        var index = 1
        while index + 1 < words.count {
            values[words[index]] = words[index + 1]
            index += 2
        }
    }

    func text(_ name: String, _ otherwise: String = "") -> String { values["--\(name)"] ?? otherwise }
    func number(_ name: String, _ otherwise: Int) -> Int { values["--\(name)"].flatMap { Int($0) } ?? otherwise }
}

/// One line of JSON.
func printLine(_ fields: [String: Any]) {
    guard
        let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys, .withoutEscapingSlashes])
    else { return }
    // Not `print`: what it keeps back is written out only together with all other streams, which a reader holds.
    try? FileHandle.standardOutput.write(contentsOf: data + [0x0A])
}

/// The lines of the standard input.
func inputLines() -> AsyncStream<String> {
    let (lines, told) = AsyncStream.makeStream(of: String.self)
    // Reading blocks, and the end of the input ends the program.
    Thread.detachNewThread {
        while let line = readLine() { told.yield(line) }
        told.finish()
    }
    return lines
}
