import NIOCore
import NIOPosix
import NIOTraversal
import NIOTunnel
import Traversal

/// The laboratory's way to a single path, without a gateway around it.
///
///     latchkey-lab-path nat --server ADDRESS:PORT --from ADDRESS
///     latchkey-lab-path ice --from ADDRESS [--role controlled] [--stun …] [--turn …] [--echo]
@main
struct LabPath {
    static func main() async {
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst(2))
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            switch CommandLine.arguments.dropFirst().first {
            case "nat": try await tellNAT(arguments, loop)
            case "ice": try await converse(arguments, loop)
            default: throw Arguments.Misuse(sentence: "one of: nat, ice")
            }
        } catch let misuse as Arguments.Misuse {
            Output.line("usage: \(misuse.sentence)")
        } catch {
            Output.line("error \(error)")
        }
    }

    private static func tellNAT(_ arguments: Arguments, _ loop: any EventLoop) async throws {
        guard let server = arguments.server, let own = arguments.own.first else {
            throw Arguments.Misuse(sentence: "--server ADDRESS:PORT is needed")
        }
        let behavior = try await findNATBehavior(server: server, from: own, on: loop)
        let outside = behavior.outside.map { "\($0)" } ?? "unknown"
        Output.line(
            "nat mapping=\(behavior.mapping?.rawValue ?? "unknown") "
                + "filtering=\(behavior.filtering?.rawValue ?? "unknown") outside=\(outside)")
    }

    private static func converse(_ arguments: Arguments, _ loop: any EventLoop) async throws {
        var configuration = ICESession.Configuration(arguments.role, addresses: arguments.own)
        configuration.engine = arguments.engine
        if arguments.engine.relays.contains(where: { $0.stream == .tls }) {
            let tls = try NamedServerTLS(trusting: arguments.roots)
            let name = arguments.relayName
            configuration.secure = { channel, _ in try tls.prepare(channel, serverName: name) }
        }
        let session = try await ICESession(configuration, on: loop)
        await Conversation(session: session, echoes: arguments.echoes).run()
    }
}
