import ArgumentParser
import LatchkeyProgram

/// What limits a guest.
struct GuestPassOptions: ParsableArguments {
    @Flag(help: "Make a guest pass: the options that follow limit what it gives.")
    var guest = false

    @Option(help: .init("A device that the guest may use, by name or UDN. May be repeated.", valueName: "name|udn"))
    var device: [String] = []

    @Option(help: .init("The hours of the day, as 18:00-23:00. May be repeated.", valueName: "from-to"))
    var hours: [String] = []

    @Option(help: .init("The days of the week, as fri-sun or mon,wed.", valueName: "days"))
    var days: String?

    @Option(help: .init("The last day, as 2026-12-01.", valueName: "date"))
    var until: String?

    @Option(name: .customLong("for"), help: .init("How long it lasts, such as 3d or 2h.", valueName: "time"))
    var lasts: String?

    @Flag(help: "Ask the owner before the first use.")
    var consent = false

    /// Whether an option that limits a guest was given without `--guest`.
    func validate() throws {
        guard guest || (device.isEmpty && hours.isEmpty && days == nil && until == nil && lasts == nil && !consent)
        else {
            throw ValidationError(
                "--device, --hours, --days, --until, --for and --consent limit a guest pass: add --guest.")
        }
        _ = try words?.pass()
    }

    /// As they were typed; nil without `--guest`.
    var words: GuestPassWords? {
        guest
            ? GuestPassWords(
                devices: device, hours: hours, days: days, until: until, lasts: lasts, consent: consent) : nil
    }
}
