/// How direct paths are looked for.
package struct TraversalSettings: Hashable, Sendable {
    package var stunServers: [TraversalServer]
    package var turnServers: TURNServers
    /// Whether clients and gateway look for a direct path of datagrams at all.
    package var isEnabled: Bool

    /// Settings of one side, by its keys.
    package init(
        _ settings: Settings, stun: SettingKey, turn: SettingKey, turnFile: SettingKey, direct: SettingKey
    ) throws {
        stunServers =
            try settings.list(stun, limit: 4, expecting: TraversalServer.expectedSTUN, TraversalServer.init(stun:))
            ?? []
        let named =
            try settings.list(
                turn, limit: TURNServers.most, expecting: TraversalServer.expectedTURN, TraversalServer.init(turn:))
            ?? []
        turnServers = try TURNServers(named, file: try settings.text(turnFile), of: turnFile.dotted)
        isEnabled = try settings.flag(direct) ?? true
    }
}
