import ArgumentParser
import LatchkeyProgram

/// How a direct path is looked for.
struct PathOptions: ParsableArguments {
    @Option(
        help: .init(
            "A STUN server, which says where this end is outside. May be repeated; TURN servers are for the configuration "
                + "file or the environment (LATCHKEY_GATEWAY_TURN, LATCHKEY_AWAY_TURN), because they have passwords.",
            valueName: "host:port"))
    var stun: [String] = []

    @Flag(help: "Look for no direct path of datagrams through NATs.")
    var noDirect = false

    func note(_ values: inout CommandLineValues, stun key: SettingKey, direct: SettingKey) {
        values.set(key, stun)
        if noDirect { values.setChoice(direct, false) }
    }
}
