import ArgumentParser
import Groups
import Support

/// A campus bulletin board: content servers have notices, kiosks ask for them, and what is announced reaches every
/// display.
@main
struct BulletinBoard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulletin-board", abstract: "A campus bulletin board in a secure group.",
        subcommands: [Content.self, Kiosk.self, Display.self, Announce.self])

    /// Where kiosks ask: a topic in, notices out.
    static let notices = "urn:example:service:Board:1"
    /// Where displays hear.
    static let news = "urn:example:service:BoardNews:1"
}

/// What every device of the board is started with.
struct DeviceOptions: ParsableArguments {
    @Option(help: "The device's name, as it was enrolled.")
    var id: String

    @Option(help: "A file with its setup code.")
    var codeFile: String

    func join(_ body: @escaping @Sendable (GroupMember) async throws -> Void) async throws {
        let configuration = GroupMemberConfiguration(id: id, setupCode: try setupCode(in: codeFile))
        try await runUntilSignal { try await withGroup(configuration, body) }
    }
}

/// Has notices, and answers with those that a kiosk asks for: each in an answer of its own.
struct Content: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Answer kiosks with notices.")

    @OptionGroup var device: DeviceOptions

    @Argument(help: "Notices, each “TOPIC: TEXT”.")
    var notices: [String]

    func run() async throws {
        let notices = notices
        try await device.join { group in
            say("content is ready")
            try await group.serve(BulletinBoard.notices) { request in
                let found = notices.filter { $0.hasPrefix("\(request.text):") }
                for notice in found.dropLast() { try request.answer(notice) }
                return found.last.map { Array($0.utf8) }
            }
        }
    }
}

/// Asks all content servers for the notices of a topic.
struct Kiosk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ask for the notices of a topic.")

    @OptionGroup var device: DeviceOptions

    @Argument(help: "The topic.")
    var topic: String

    func run() async throws {
        let topic = topic
        try await device.join { group in
            for try await notice in group.request(BulletinBoard.notices, topic, window: .seconds(1)) {
                say(notice.text)
            }
        }
    }
}

/// Shows what is announced.
struct Display: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show announcements.")

    @OptionGroup var device: DeviceOptions

    func run() async throws {
        try await device.join { group in
            say("display is ready")
            try await group.serve(BulletinBoard.news) { news in
                say("*** \(news.text)")
                return nil
            }
        }
    }
}

/// Tells every display something.
struct Announce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Announce something on every display.")

    @OptionGroup var device: DeviceOptions

    @Argument(help: "What to announce.")
    var text: String

    func run() async throws {
        let text = text
        try await device.join { try await $0.announce(BulletinBoard.news, text) }
    }
}
