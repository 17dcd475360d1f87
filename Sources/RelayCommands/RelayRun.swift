package import ArgumentParser
import FoundationEssentials
import Logging
import NIOCore
import NetworkTypes
import Relay
import RelayProtocol

/// `relay run`
package struct RelayRun: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Pass clients on to gateways that have registered here, without being able to read a byte.",
        discussion: """
            Everything is on one TCP port: gateways register with TLS and their own key, which is their name; clients \
            ask for a gateway by the name in their TLS greeting, and their TLS ends at the gateway. Prints the pin of \
            its own key, by which a gateway can make sure of it, and “ready” when it serves. SIGTERM or Ctrl-C takes \
            nobody new and waits for the sessions that run; a second one does not wait. SIGHUP reads the invitations anew.

            Example: latchkey-relay run --listen 0.0.0.0:443 --state /var/lib/latchkey-relay --metrics 127.0.0.1:9464
            At home: latchkey gateway run --relay PIN@relay.example.org
            """)

    @Option(help: .init("Where gateways and clients come; 0.0.0.0:443 by default.", valueName: "address:port"))
    var listen = "0.0.0.0:443"

    @Option(help: .init("Where its key is kept; made at the first start.", valueName: "dir"))
    var state: String?

    @Option(
        help: .init(
            "Where metrics are read, as http://ADDRESS:PORT/metrics; nowhere by default.", valueName: "address:port"))
    var metrics: String?

    @Option(
        help: .init(
            "Who may register: a file with a gateway's name in a line, or “token SECRET” for whoever has it. Everybody "
                + "without it.", valueName: "file"))
    var invitations: String?

    @Option(help: .init("How long sessions may go on after it was told to stop.", valueName: "seconds"))
    var drain = 30

    @Flag(help: "Print events as JSON, one a line.")
    var json = false

    @OptionGroup var limits: RelayLimitOptions

    package init() {}

    package func validate() throws {
        guard SocketEndpoint(listen) != nil else {
            throw ValidationError("--listen \(listen) is no address and port such as 0.0.0.0:443")
        }
        guard metrics.map({ SocketEndpoint($0) != nil }) ?? true else {
            throw ValidationError("--metrics is no address and port such as 127.0.0.1:9464")
        }
        guard (0...86_400).contains(drain) else { throw ValidationError("--drain is 0 to 86400 seconds") }
    }

    package func run() async throws {
        guard let listen = SocketEndpoint(listen) else { return }
        OpenFiles.raise()
        let identity = try RelayFolder(path: state ?? RelayFolder.standard).identity()
        var configuration = RelayConfiguration(listen: listen)
        configuration.metrics = metrics.flatMap { SocketEndpoint($0) }
        configuration.limits = limits.limits
        configuration.drainTime = .seconds(Int64(drain))
        configuration.invited = try invitations.map(Self.read)
        let server = RelayServer(
            configuration: configuration, identity: identity, logger: Logger(label: "relay"))
        let events = RelayEventPrinter(json: json)
        let signals = RelaySignals(
            onStop: { server.beginGracefulShutdown() },
            onReload: {
                guard let path = invitations else { return }
                do {
                    server.invite(try Self.read(path))
                    events.print("invitations-read", "read the invitations anew")
                } catch {
                    events.print("invitations-not-read", "the invitations stay as they were: \(error)")
                }
            })
        defer { signals.cancel() }
        events.print(
            "pin", "this relay's pin is \(RelayFolder.text(identity.pin))", ["pin": RelayFolder.text(identity.pin)])
        try await server.run { event in
            switch event {
            case .listening(let endpoint):
                events.print("listening", "serving gateways and clients on \(endpoint)", ["address": "\(endpoint)"])
                if metrics == nil { events.print("ready", "ready") }
            case .metrics(let endpoint):
                events.print("metrics", "metrics are at http://\(endpoint)/metrics", ["address": "\(endpoint)"])
                events.print("ready", "ready")
            case .draining(let sessions):
                events.print(
                    "draining", "nobody new is taken; \(sessions) sessions go on for \(drain) s at most",
                    ["sessions": "\(sessions)"])
            }
        }
    }

    private static func read(_ path: String) throws -> InviteList {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw RelayError("the invitations cannot be read: \(error)")
        }
        do {
            return try InviteList(text: text)
        } catch {
            throw RelayError(
                "\(path), line \(error.line): a gateway's name, or the word token and a secret of 16 to 128 characters, is expected"
            )
        }
    }
}

/// What a relay bears, as it can be told.
struct RelayLimitOptions: ParsableArguments {
    @Option(help: .init("How many gateways may be registered; 20000 by default.", valueName: "count"))
    var maxGateways: Int?

    @Option(help: .init("How many gateways of one source; 64 by default.", valueName: "count"))
    var gatewaysPerSource: Int?

    @Option(help: .init("How many gateways of one source may register in a second; 0.5 by default.", valueName: "rate"))
    var registrationsPerSecond: Double?

    @Option(help: .init("How many client connections there may be; 8192 by default.", valueName: "count"))
    var maxSessions: Int?

    @Option(help: .init("How many client connections of one gateway; 128 by default.", valueName: "count"))
    var sessionsPerGateway: Int?

    @Option(help: .init("How many client connections of one source; 128 by default.", valueName: "count"))
    var sessionsPerSource: Int?

    func validate() throws {
        let counts = [maxGateways, gatewaysPerSource, maxSessions, sessionsPerGateway, sessionsPerSource]
        guard counts.allSatisfy({ $0.map { (1...1_000_000).contains($0) } ?? true }) else {
            throw ValidationError("A limit is a whole number from 1 to 1000000.")
        }
        guard registrationsPerSecond.map({ $0 > 0 && $0 <= 10_000 }) ?? true else {
            throw ValidationError("--registrations-per-second is more than 0 and at most 10000.")
        }
    }

    var limits: SwitchboardLimits {
        var limits = SwitchboardLimits()
        limits.gateways = maxGateways ?? limits.gateways
        limits.gatewaysPerSource = gatewaysPerSource ?? limits.gatewaysPerSource
        if let rate = registrationsPerSecond {
            limits.registrationRate = .init(perSecond: rate, burst: max(16, Int(rate)))
        }
        limits.sessions = maxSessions ?? limits.sessions
        limits.sessionsPerGateway = sessionsPerGateway ?? limits.sessionsPerGateway
        limits.sessionsPerSource = sessionsPerSource ?? limits.sessionsPerSource
        return limits
    }
}
