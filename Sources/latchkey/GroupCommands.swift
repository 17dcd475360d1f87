import ArgumentParser
import LatchkeyProgram

/// `latchkey group …`: who belongs to the secure group.
struct GroupCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Enrol devices in the secure group, see its members, and evict them.",
        discussion: """
            The gateway serves the group as soon as there is one; the first “enrol” makes it. All but --may-return \
            works while the gateway is stopped, too.
            """,
        subcommands: [
            GroupEnrol.self, GroupDevices.self, GroupMembers.self, GroupAllow.self, GroupEvict.self, GroupStatus.self,
        ]
    )
}

struct GroupEnrol: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrol",
        abstract: "Let a device register with the group: makes its setup code.",
        discussion: """
            Prints the code once, on a terminal also as a QR code. Whoever has it can be the device. A device may ask \
            for nothing until it is allowed to: with --allow here, or later with “latchkey group allow”.

            Example: latchkey group enrol kiosk-7 --role client --allow 'urn:example:board:*' --owner library
            Example: latchkey group enrol kiosk-7 --role client --owner library --again
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("What the device is called in the group: 1 to 64 bytes.", valueName: "id"))
    var id: String

    @Option(help: .init("What it does: client (asks), server (answers) or both; client by default.", valueName: "role"))
    var role = Role.client

    @Option(
        help: .init(
            "A service that it may ask for, or the beginning of names and a *. May be repeated.", valueName: "pattern"))
    var allow: [String] = []

    @Option(
        help: .init(
            "Whose it is: revoking that client evicts the device, too. By default somebody called like the device.",
            valueName: "name"))
    var owner: String?

    @Option(help: .init("Enrol so many devices, ID-0001 and so on; needs --out.", valueName: "count"))
    var count: Int?

    @Option(help: .init("Write the codes to this new file, a line “ID CODE” for each device.", valueName: "file"))
    var out: String?

    @Flag(help: "Draw the QR code also when standard output is no terminal.")
    var qr = false

    @Flag(help: "Make another code for a device that is enrolled and no member: its code was lost.")
    var again = false

    @Flag(help: .hidden)
    var insecureTestDerivation = false

    enum Role: String, ExpressibleByArgument, CaseIterable {
        case client, server, both
    }

    func validate() throws {
        if let count, !(1...100_000).contains(count) {
            throw ValidationError("--count is \(count); a number from 1 to 100000 is expected.")
        }
        guard (count == nil) == (out == nil) else {
            throw ValidationError("--count and --out go together: the codes of many devices are written to a file.")
        }
    }

    func perform(_ invocation: Invocation) async throws {
        let order = GroupProgram.Order(
            id: id, role: role.rawValue, patterns: allow, owner: owner, count: count, file: out,
            usesTestDerivation: insecureTestDerivation, again: again)
        try await GroupProgram.enrol(order, drawsQRCode: qr, invocation)
    }
}

struct GroupDevices: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the devices that may register, whose they are, and what they may ask for.",
        discussion: "Example: latchkey group devices"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await GroupProgram.ask(.devices, invocation) }
}

struct GroupMembers: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "List the members and the services that they offer.",
        discussion: "Example: latchkey group members --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await GroupProgram.ask(.members, invocation) }
}

struct GroupAllow: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow",
        abstract: "Say which services a device may ask for.",
        discussion: """
            The list replaces the one before, at once also for a member; without patterns the device may ask for \
            nothing.

            Example: latchkey group allow kiosk-7 urn:example:board:news 'urn:example:lights:*'
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("The device.", valueName: "id"))
    var id: String

    @Argument(help: .init("Names of services, or the beginning of names and a *.", valueName: "pattern"))
    var patterns: [String] = []

    func perform(_ invocation: Invocation) async throws {
        try await GroupProgram.ask(.allow(id: id, patterns: patterns), invocation)
    }
}

struct GroupEvict: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict",
        abstract: "Evict a device at once: the group gets new keys that it does not have.",
        discussion: """
            The device is struck off and cannot register any more, unless --may-return says otherwise. While the \
            gateway is stopped, it is struck off, and the keys change when the gateway starts.

            Example: latchkey group evict kiosk-7
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("The device.", valueName: "id"))
    var id: String

    @Flag(help: "End its membership alone: it may register again with the code that it has.")
    var mayReturn = false

    func perform(_ invocation: Invocation) async throws {
        try await GroupProgram.ask(.evict(id: id, mayReturn: mayReturn), invocation)
    }
}

struct GroupStatus: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the group is: epoch, members, devices.",
        discussion: "Example: latchkey group status --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await GroupProgram.ask(.status, invocation) }
}
