import Foundation

/// What a device is set up with, as a URI for its QR code: `supnp:ID?code=CODE&group=GROUP` (supnp registration,
/// section 1).
enum SetupURI {
    static func text(id: String, code: String, groupID: String) -> String {
        let safe = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let name = id.addingPercentEncoding(withAllowedCharacters: safe) ?? id
        return "supnp:\(name)?code=\(code)&group=\(groupID)"
    }
}

/// Prints what devices are set up with.
struct EnrolmentPrinter: Sendable {
    let invocation: Invocation
    let groupID: String
    let drawsQRCode: Bool

    private struct Report: Encodable {
        var id: String
        var code: String
        var role: String
        var owner: String
        var uri: String
    }

    private struct Summary: Encodable {
        var devices: Int
        var file: String
    }

    func show(_ device: EnrolledDevice) throws {
        let console = invocation.console
        let uri = SetupURI.text(id: device.enrolment.id, code: device.code, groupID: groupID)
        if drawsQRCode || (console.outputIsTerminal && !invocation.json), let drawn = QRCode(uri) {
            console.drawing(drawn.lines(colours: console.outputIsTerminal))
        }
        if invocation.json {
            try console.json(
                Report(
                    id: device.enrolment.id, code: device.code, role: device.enrolment.role,
                    owner: device.enrolment.owner, uri: uri))
        } else {
            console.line("id:    \(device.enrolment.id)")
            console.line("code:  \(device.code)")
            console.line("role:  \(device.enrolment.role)")
            console.line("owner: \(device.enrolment.owner)")
            console.line("the code is shown this once; it lets a device be “\(device.enrolment.id)”")
        }
    }

    func show(count: Int, path: String) throws {
        if invocation.json { return try invocation.console.json(Summary(devices: count, file: path)) }
        invocation.console.line("\(count) devices are enrolled; their codes are in \(path)")
    }
}

extension ResultPrinter {
    /// Prints what a request about the group led to.
    func show(_ reply: GroupControlReply, json: Bool, on console: Console) throws {
        switch reply {
        case .opened(let group): json ? try console.json(group) : console.line("group \(group.groupID)")
        case .enrolled(let count): console.line("devices enrolled: \(count)")
        case .devices(let devices):
            if json { return try devices.forEach(console.json) }
            show(devices, on: console)
        case .members(let members):
            if json { return try members.forEach(console.json) }
            guard !members.isEmpty else { return console.line("no members") }
            let rows = members.map { ["\($0.member)", $0.id, $0.role, $0.offers.joined(separator: ", ")] }
            Table(["MEMBER", "ID", "ROLE", "OFFERS"], rows: rows).lines.forEach(console.line)
        case .allowed(let device):
            if json { return try console.json(device) }
            let allows = device.allows.isEmpty ? "nothing" : device.allows.joined(separator: ", ")
            console.line("\(device.id) may ask for: \(allows)")
        case .status(let status): json ? try console.json(status) : show(status, on: console)
        case .evicted(let report): json ? try console.json(report) : show(report, on: console)
        }
    }

    private func show(_ devices: [GroupDeviceReport], on console: Console) {
        guard !devices.isEmpty else {
            return console.line("no devices; enrol one with: latchkey group enrol ID --role server")
        }
        let rows = devices.map { device in
            [
                device.id, device.role, device.owner ?? "-", device.member.map { "member \($0)" } ?? "not registered",
                device.allows.isEmpty ? "-" : device.allows.joined(separator: ", "),
            ]
        }
        Table(["ID", "ROLE", "OWNER", "STATE", "MAY ASK FOR"], rows: rows).lines.forEach(console.line)
    }

    private func show(_ status: GroupStatusReport, on console: Console) {
        console.line("group \(status.groupID): \(status.state)")
        console.line("  epoch: \(status.epoch)")
        console.line("  members: \(status.members), of them servers: \(status.servers)")
        console.line("  devices: \(status.devices)")
        console.line("  services on offer: \(status.offers)")
        if !status.addresses.isEmpty { console.line("  addresses: \(status.addresses.joined(separator: ", "))") }
    }

    private func show(_ report: GroupEvictionReport, on console: Console) {
        let struckOff = report.mayReturn ? "" : "; it cannot register any more"
        if report.members > 0 {
            console.line("\(report.id) is evicted, epoch \(report.epoch)\(struckOff)")
        } else if report.pending > 0 {
            console.line(
                "\(report.id) is struck off in the store; it is evicted, and the group rekeyed, when the gateway serves "
                    + "the group again (epoch \(report.epoch) until then)")
        } else {
            console.line("\(report.id) was no member, epoch \(report.epoch)\(struckOff)")
        }
    }
}
