import Foundation

/// Prints what a control request led to: tables for people, JSON for programs.
package struct ResultPrinter: Sendable {
    private let console: Console
    private let json: Bool
    private let drawsQRCode: Bool

    /// `drawsQRCode`: whether a pairing code is also drawn when standard output is no terminal.
    package init(invocation: Invocation, drawsQRCode: Bool = false) {
        self.init(console: invocation.console, json: invocation.json, drawsQRCode: drawsQRCode)
    }

    package init(console: Console, json: Bool, drawsQRCode: Bool) {
        self.console = console
        self.json = json
        self.drawsQRCode = drawsQRCode
    }

    package func show(_ result: ControlReply) throws {
        if json { return try showJSON(result) }
        switch result {
        case .pong(let identity): console.line("\(identity.role) is running, process \(identity.pid)")
        case .status(let status): show(status)
        case .doctor(let report): DoctorProgram.lines(report).forEach(console.line)
        case .sessions(let sessions): show(sessions)
        case .devices(let devices): show(devices)
        case .clients(let clients): show(clients)
        case .revoked(let report):
            console.line("revoked \(report.name) (\(report.id)); sessions ended: \(report.sessionsEnded)")
            show(membersOf: report)
        case .pairing(let report): show(report)
        case .introduction(let report):
            console.line("PIN \(report.pin)")
            console.line(
                "good for one try, until \(time(report.expires)); on a device of this network: latchkey away pair --lan"
            )
        case .rotated(let report):
            console.line("current key: \(report.current)")
            console.line("next key:    \(report.next ?? "none")")
        case .group(let reply): try show(reply, json: json, on: console)
        case .policy(let reply): try PolicyProgram.show(reply, json: json, on: console)
        case .role(let report): show(report)
        case .protection(let report): show(report)
        case .pins(let reports):
            if reports.isEmpty { console.line("no protected device was met so far") }
            for pin in reports { console.line("\(pin.udn)  \(pin.name ?? "-")  certificate \(pin.id)") }
        case .consents(let reports):
            if reports.isEmpty { console.line("nobody waits for a consent") }
            for report in reports {
                console.line(
                    "\(report.client) asks for \(report.action) of \(report.device) since \(time(report.asked)); "
                        + "latchkey gateway consent allow \(report.client) \(report.rule)")
            }
        }
    }

    private func showJSON(_ result: ControlReply) throws {
        switch result {
        case .pong(let report): try console.json(report)
        case .status(let report): try console.json(report)
        case .doctor(let report): try console.json(report)
        case .sessions(let reports): try reports.forEach(console.json)
        case .devices(let reports): try reports.forEach(console.json)
        case .clients(let reports): try reports.forEach(console.json)
        case .revoked(let report): try console.json(report)
        case .pairing(let report):
            try console.json(report)
            if drawsQRCode { draw(report.code) }
        case .introduction(let report): try console.json(report)
        case .rotated(let report): try console.json(report)
        case .group(let reply): try show(reply, json: json, on: console)
        case .policy(let reply): try PolicyProgram.show(reply, json: json, on: console)
        case .consents(let reports): try reports.forEach(console.json)
        case .role(let report): try console.json(report)
        case .protection(let report): try console.json(report)
        case .pins(let reports): try reports.forEach(console.json)
        }
    }

    private func show(_ report: RoleReport) {
        guard let role = report.role, let until = report.until else {
            return console.line("the session has the roles that its grants give it, and no other")
        }
        console.line("the session has the role \(role) until \(time(until)); end it with: latchkey away role --end")
    }

    private func show(_ report: ProtectionReport) {
        console.line("the gateway's own identity: \(report.device)")
        guard !report.entries.isEmpty else {
            return console.line("nobody has a role; see: latchkey gateway protection grant --help")
        }
        let rows = report.entries.map { entry in
            [
                entry.id ?? "user:\(entry.name)", entry.name, entry.roles.joined(separator: " "),
                entry.client ?? "-", entry.isOwn ? "given by name" : "by the client's grants",
            ]
        }
        Table(["IDENTITY", "NAME", "ROLES", "CLIENT", "WHY"], rows: rows).lines.forEach(console.line)
    }

    private func show(membersOf report: RevocationReport) {
        guard let epoch = report.epoch else { return }
        console.line("group members evicted: \(report.membersEvicted), epoch \(epoch)")
        guard report.membersPending > 0 else { return }
        console.line(
            "struck off and evicted when the gateway serves the group again: \(report.membersPending)")
    }

    private func show(_ status: StatusReport) {
        console.line("\(status.role) “\(status.name)”: \(status.state)")
        for (name, value) in status.details.sorted(by: { $0.key < $1.key }) { console.line("  \(name): \(value)") }
    }

    private func show(_ sessions: [SessionReport]) {
        guard !sessions.isEmpty else { return console.line("no sessions") }
        let rows = sessions.map { session in
            [
                session.client, session.peer, time(session.since), "\(session.devices)",
                bytes(session.bytesOut), bytes(session.bytesIn), session.nat?.mapping ?? "-", session.id,
            ]
        }
        Table(["CLIENT", "FROM", "SINCE", "DEVICES", "SENT", "RECEIVED", "NAT", "SESSION"], rows: rows).lines
            .forEach(console.line)
    }

    private func show(_ devices: [DeviceReport]) {
        guard !devices.isEmpty else { return console.line("no devices") }
        let rows = devices.map { [$0.name, $0.type, $0.state, $0.location ?? "-", $0.udn] }
        Table(["NAME", "TYPE", "STATE", "LOCATION", "UDN"], rows: rows).lines.forEach(console.line)
    }

    private func show(_ clients: [ClientReport]) {
        guard !clients.isEmpty else {
            return console.line("no clients; pair one with: latchkey gateway pair --name NAME --preset media")
        }
        let rows = clients.map { client in
            [
                client.name, client.grants.joined(separator: ", "), time(client.createdAt),
                client.revokedAt.map { "revoked \(time($0))" } ?? "active",
                some(client.groupDevices), client.id,
            ]
        }
        Table(["NAME", "MAY USE", "PAIRED", "STATE", "GROUP DEVICES", "ID"], rows: rows).lines.forEach(console.line)
    }

    private func show(_ report: PairingReport) {
        if drawsQRCode || console.outputIsTerminal { draw(report.code) }
        console.line(report.code)
        console.line("good once, until \(time(report.expires)); on the other device: latchkey away pair CODE")
    }

    private func draw(_ code: String) {
        // A pairing code reads the same in capitals, and is a smaller drawing.
        guard let drawn = QRCode(code.uppercased()) else { return }
        console.drawing(drawn.lines(colours: console.outputIsTerminal))
    }

    /// The first few of a list that may be long; a program has all with `--json`.
    private func some(_ texts: [String]) -> String {
        guard !texts.isEmpty else { return "-" }
        let shown = texts.prefix(3).joined(separator: ", ")
        return texts.count > 3 ? "\(shown) and \(texts.count - 3) more" : shown
    }

    private func time(_ date: Date) -> String { date.formatted(.iso8601) }

    private func bytes(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
