package import Foundation
package import Logging

/// How log lines are written.
package enum LogFormat: String, Hashable, Sendable, CaseIterable {
    /// `time level label: message key=value …`
    case text
    /// One JSON object a line.
    case json
}

/// Writes log events to a console's standard error, one line each.
package struct ConsoleLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let console: Console
    private let now: @Sendable () -> Date

    package init(
        label: String,
        level: Logger.Level,
        format: LogFormat,
        console: Console,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.console = console
        self.now = now
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        fields.merge(metadataProvider?.get() ?? [:]) { _, new in new }
        fields.merge(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { fields["error"] = "\(error)" }
        let time = now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        switch format {
        case .text: console.log(text(event, fields: fields, time: time))
        case .json: console.log(json(event, fields: fields, time: time))
        }
    }

    private func text(_ event: LogEvent, fields: Logger.Metadata, time: String) -> String {
        let pairs = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return "\(time) \(event.level) \(label): \(event.message)\(pairs)"
    }

    private func json(_ event: LogEvent, fields: Logger.Metadata, time: String) -> String {
        let line = Line(
            time: time,
            level: event.level.rawValue,
            label: label,
            message: "\(event.message)",
            metadata: fields.isEmpty ? nil : fields.mapValues { "\($0)" }
        )
        guard let data = try? Console.encoder().encode(line) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    private struct Line: Encodable {
        var time: String
        var level: String
        var label: String
        var message: String
        var metadata: [String: String]?
    }
}
