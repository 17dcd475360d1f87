import AccessPolicy
package import NetworkTypes
package import TrustCore

/// What `latchkey vlan run` does, checked.
package struct VLANConfiguration: Hashable, Sendable {
    package var state: StateFolder
    /// The interface in the network that is shown devices.
    package var shownOn: String
    /// The interface in the network whose devices are shown.
    package var shown: String
    /// Whether the devices of `shownOn` are shown on `shown` too.
    package var bothWays: Bool
    /// Which preset the subject gets; nil leaves the one that it has.
    package var preset: String?
    /// A policy's file that is kept in force; nil leaves the policy that the store keeps.
    package var policy: String?
    /// The bounds of the audit log.
    package var audit: AuditLimits
    /// What the subject of what is asked on `shownOn` is called.
    package var subject: String
    /// The neighbours that are served on `shownOn`; empty means all of the network.
    package var allow: [IPPrefix]
    /// The TCP port at which devices tell events, on this host's own addresses; 0 lets the system choose.
    package var eventsPort: UInt16
    package var ssdp: SSDPSettings

    /// What a subject gets that is made here: it can be used and watched, but opens no door.
    package static let firstPreset = Preset.control.rawValue

    /// What the subject gets, and what one that is made here gets where that is nil. A policy's file alone decides,
    /// unless a preset is named beside it.
    package var scopes: (scope: Grant.Scope?, fresh: Grant.Scope) {
        let fresh = policy == nil ? Self.firstPreset : Preset.rulesOnly.rawValue
        return ((preset ?? policy.map { _ in fresh }).map { .preset($0) }, .preset(fresh))
    }

    package init(_ invocation: Invocation) throws {
        let settings = invocation.settings
        self.state = try invocation.stateFolder()
        self.shownOn = try settings.vlanInterface(.vlanBetween, "the network that is shown devices")
        self.shown = try settings.vlanInterface(.vlanAnd, "the network whose devices are shown")
        guard shownOn != shown else {
            throw ProgramError.usage("--between and --and both name \(shown); two networks are needed")
        }
        self.bothWays = try settings.flag(.vlanBothWays) ?? false
        self.preset = try settings.text(.vlanPreset)
        if let preset, let problem = Preset.problem(with: .preset(preset)) {
            throw ProgramError.usage("--preset: \(problem)")
        }
        self.policy = try settings.value(.vlanPolicy, expecting: "a file's path of 1 to 4096 bytes") { text in
            (1...4096).contains(text.utf8.count) && text != "-" ? text : nil
        }
        self.audit = try settings.auditLimits()
        self.subject =
            try settings.value(.vlanSubject, expecting: "a name of 1 to 56 bytes") { text in
                (1...56).contains(text.utf8.count) ? text : nil
            } ?? "vlan"
        self.allow = try settings.neighbours(.vlanAllow)
        self.eventsPort = UInt16(try settings.integer(.vlanEventsPort, in: 1...65_535) ?? 0)
        self.ssdp = try SSDPSettings(settings)
    }
}

extension Settings {
    fileprivate func vlanInterface(_ key: SettingKey, _ meaning: String) throws -> String {
        guard let name = try value(key, expecting: Self.interfaceName, Self.interfaceName) else {
            throw ProgramError.usage("\(key.option ?? key.dotted) is missing: name the interface in \(meaning)")
        }
        return name
    }
}
