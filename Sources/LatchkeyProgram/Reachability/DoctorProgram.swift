import Traversal

/// `latchkey doctor`, beyond its arguments.
package enum DoctorProgram {
    /// Asks the gateway of the state folder, else its away client.
    package static func run(_ invocation: Invocation) async throws {
        let folder = try invocation.stateFolder()
        try await ControlCommands.ask(
            .doctor, of: .gateway, invocation,
            offline: { _ in
                try await ControlCommands.reply(
                    to: .doctor, of: .away, invocation,
                    offline: { _ in
                        throw ProgramError.failure(
                            "neither a gateway nor an away client runs with the state folder \(folder.path)")
                    })
            })
    }

    /// A report as people read it, a line each.
    package static func lines(_ report: DoctorReport) -> [String] {
        var lines = report.findings
        lines.append(report.paths.isEmpty ? "Nobody is connected." : "Paths in use:")
        for path in report.paths {
            lines.append("  \(path.peer): \(path.path)")
            if let nat = path.nat { lines.append("    its NAT: \(words(nat))") }
            if let hole = path.hole { lines.append("    \(hole)") }
        }
        func nat(_ nat: DoctorReport.NAT?, _ whose: String) {
            if let nat { lines.append("\(whose) NAT: \(words(nat))") }
        }
        nat(report.ownNAT, "This side's")
        nat(report.peerNAT, "The other side's")
        if !report.attempts.isEmpty { lines.append("Tried:") }
        for attempt in report.attempts {
            let time = attempt.milliseconds.map { " (\($0) ms)" } ?? ""
            lines.append("  \(attempt.works ? "yes" : "no ") \(attempt.what): \(attempt.result)\(time)")
        }
        lines.append(report.advice.isEmpty ? "Nothing has to be done." : "What would improve it:")
        lines += report.advice.map { "  \($0)" }
        return lines
    }

    private static func words(_ nat: DoctorReport.NAT) -> String {
        let parts = [
            nat.external.map { "seen from outside at \($0)" },
            nat.mapping.map { $0 == NATBehavior.Mapping.none.rawValue ? "no mapping at all" : "\($0) mapping" },
            nat.filtering.map { "\($0) filtering" },
        ].compactMap(\.self)
        let teller = nat.server.map { ", by the word of the STUN server \($0)" } ?? ""
        return (parts.isEmpty ? "not known" : parts.joined(separator: ", ")) + teller
    }
}
