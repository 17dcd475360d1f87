import Groups
import NIOUPnP
import NetworkTypes

/// What `latchkey member run` is to do, as it was typed.
package struct MemberOrders: Sendable {
    /// The one member; nil with a roster.
    package var id: String?
    /// The file with its setup code; `-` is standard input.
    package var passwordFile: String?
    /// A file of lines `ID CODE`, one for each member.
    package var roster: String?
    /// The services that it offers.
    package var offers: [String] = []
    /// What it answers to every request.
    package var answer: String?
    /// A command that answers: the request on its standard input, the answer on its standard output.
    package var answerCommand: String?
    /// The service that it asks.
    package var ask: String?
    /// What it asks.
    package var payload: String?
    /// How often it asks.
    package var every: String?
    /// How many times it asks.
    package var count: Int?
    /// How long it waits for answers.
    package var window: String?
    /// Whether it asks what standard input says.
    package var readsInput = false
    /// The controller's address and port.
    package var controller: String?
    /// The file that keeps its keys.
    package var keep: String?
    /// Whether the code is a password of the paper's protocol.
    package var isClassic = false
    /// Whether derivations for laboratories are taken.
    package var takesTestDerivation = false

    /// No orders.
    package init() {}
}

/// What the orders come to.
struct MemberPlan: Sendable {
    /// How requests are answered.
    enum Answering: Hashable, Sendable {
        case nothing
        case text(String)
        case command(String)
    }

    /// What is asked, and how often.
    struct Asking: Hashable, Sendable {
        var service: String
        var payload: String
        var every: Duration?
        /// Nil for ever.
        var count: Int?
    }

    var members: [GroupMemberConfiguration]
    var offers: [String]
    var answering: Answering
    var asking: Asking?
    var window: Duration
    var readsInput: Bool

    /// Whether it is over when all has been asked.
    var isFinite: Bool {
        offers.isEmpty && (readsInput || asking?.count != nil) && (asking == nil || asking?.count != nil)
    }

    init(_ orders: MemberOrders, _ invocation: Invocation) throws {
        let base = try Self.configuration(orders, invocation)
        let credentials = try MemberCredentials.read(orders, console: invocation.console)
        offers = orders.offers
        readsInput = orders.readsInput
        window = try Self.duration(orders.window, "--window") ?? .seconds(2)
        answering =
            if let text = orders.answer { .text(text) } else if let command = orders.answerCommand {
                .command(command)
            } else { .nothing }
        if let service = orders.ask {
            let every = try Self.duration(orders.every, "--every")
            asking = Asking(
                service: service, payload: orders.payload ?? "", every: every,
                count: orders.count ?? (every == nil ? 1 : nil))
        }
        members = []
        let patience: Duration? = isFinite ? .seconds(60) : nil
        members = credentials.map { credential in
            var configuration = base
            configuration.id = credential.id
            configuration.secret =
                orders.isClassic ? .classicPassword(credential.code) : .setupCode(credential.code)
            configuration.patience = patience
            return configuration
        }
    }

    private static func configuration(
        _ orders: MemberOrders, _ invocation: Invocation
    ) throws -> GroupMemberConfiguration {
        var configuration = GroupMemberConfiguration(id: "", setupCode: "")
        configuration.interfaces = try invocation.settings.upnpInterfaces()
        configuration.families = try invocation.settings.upnpFamilies()
        configuration.ssdp.group = try SSDPSettings(invocation.settings).group
        configuration.ssdp.families = configuration.families
        configuration.keepFile = orders.keep
        configuration.asksClassicServers = orders.isClassic
        configuration.takesTestDerivation = orders.takesTestDerivation
        if let text = orders.controller {
            guard let endpoint = SocketEndpoint(text), endpoint.port > 0 else {
                throw ProgramError.usage(
                    "--controller “\(text)” is no address and port, such as 192.168.1.2:58081 or [fd00::2]:58081")
            }
            configuration.controller = endpoint
        }
        return configuration
    }

    private static func duration(_ text: String?, _ option: String) throws -> Duration? {
        guard let text else { return nil }
        guard let duration = DurationText.duration(text), duration > .zero else {
            throw ProgramError.usage("\(option) “\(text)” is no time, such as 500ms, 2s or 10m")
        }
        return duration
    }
}
