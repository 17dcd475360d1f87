package import Logging

/// One command as it was typed, with everything that it may use: settings, console and logger.
package struct Invocation: Sendable {
    package let settings: Settings
    package let console: Console
    /// Whether results are printed as JSON, a line each.
    package let json: Bool
    package let environment: [String: String]
    private let level: Logger.Level
    private let format: LogFormat

    /// Gathers the settings and checks the ones that every command has.
    package init(
        commandLine: CommandLineValues,
        configurationFile: String?,
        json: Bool,
        environment: [String: String],
        console: Console
    ) throws {
        self.settings = try Settings.load(
            commandLine: commandLine, configurationFile: configurationFile, environment: environment
        )
        self.console = console
        self.json = json
        self.environment = environment
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        self.level =
            try settings.value(.logLevel, expecting: "one of \(levels)", Logger.Level.init(rawValue:)) ?? .warning
        self.format =
            try settings.value(.logFormat, expecting: "text or json", LogFormat.init(rawValue:)) ?? .text
    }

    /// A logger on standard error, named after the part of the program that writes.
    package func logger(_ label: String) -> Logger {
        Logger(label: label) { label in
            ConsoleLogHandler(label: label, level: level, format: format, console: console)
        }
    }

    /// The state folder that is configured, else the default one.
    package func stateFolder() throws -> StateFolder {
        try settings.stateFolder(environment: environment)
    }
}
