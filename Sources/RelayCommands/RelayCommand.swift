package import ArgumentParser

/// `latchkey relay …`
package struct RelayCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Run a blind relay on a public machine, for gateways that nobody can connect to.",
        subcommands: [RelayRun.self])

    package init() {}
}

/// `latchkey-relay …`, the program with nothing but the relay in it.
package struct RelayRootCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "latchkey-relay",
        abstract: "A blind relay for Latchkey gateways that nobody can connect to.",
        version: "0.1.0",
        subcommands: [RelayRun.self], defaultSubcommand: RelayRun.self)

    package init() {}
}
