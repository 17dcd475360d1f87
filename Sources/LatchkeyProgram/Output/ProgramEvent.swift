package import Foundation

/// Something that a running program tells its owner: one line on standard output.
package struct ProgramEvent: Hashable, Sendable {
    /// The kind, for programs that read along: `ready`, `device-appeared`, `client-connected`, ….
    package var name: String
    /// What happened, for people.
    package var sentence: String
    /// Facts for programs.
    package var fields: [String: String]

    package init(_ name: String, _ sentence: String, _ fields: [String: String] = [:]) {
        self.name = name
        self.sentence = sentence
        self.fields = fields
    }

    /// The program serves. As a line it is the single word, so that a script can wait for it.
    package static let ready = ProgramEvent("ready", "ready")
}

/// Prints a running program's events as lines, or as JSON objects with a time.
package struct EventPrinter: Sendable {
    private let console: Console
    private let json: Bool
    private let now: @Sendable () -> Date

    package init(console: Console, json: Bool, now: @escaping @Sendable () -> Date = { Date() }) {
        self.console = console
        self.json = json
        self.now = now
    }

    package func callAsFunction(_ event: ProgramEvent) {
        guard json else { return console.line(event.sentence) }
        var object = event.fields
        object["event"] = event.name
        object["message"] = event.sentence
        object["time"] = now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        do {
            try console.json(object)
        } catch {
            console.error("an event could not be printed: \(error)")
        }
    }
}
