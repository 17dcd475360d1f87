import Foundation

extension PolicyProgram {
    /// Prints an answer: for people, or as JSON.
    static func show(_ reply: PolicyControlReply, _ invocation: Invocation) throws {
        try show(reply, json: invocation.json, on: invocation.console)
    }

    static func show(_ reply: PolicyControlReply, json: Bool, on console: Console) throws {
        switch reply {
        case .shown(let report):
            if json { return try console.json(report) }
            guard report.version > 0 else {
                return console.line(
                    "# there is no policy yet, and grants alone decide; write one with: latchkey policy edit")
            }
            // What is printed is the text, to the byte: its last line's end is the printer's.
            let text = report.text ?? ""
            console.text(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        case .stored(let report):
            if json { return try console.json(report) }
            console.line("version \(report.version) is in force")
            report.changes.forEach { console.line("  \($0)") }
        case .history(let reports):
            if json { return try reports.forEach { try console.json($0) } }
            guard !reports.isEmpty else { return console.line("there is no policy yet") }
            let rows = reports.map {
                ["\($0.version)", $0.storedAt?.formatted(.iso8601) ?? "-", $0.author, String($0.sha256.prefix(16))]
            }
            Table(["VERSION", "STORED", "AUTHOR", "SHA-256"], rows: rows).lines.forEach { console.line($0) }
        case .explained(let report):
            if json { return try console.json(report) }
            show(report, on: console)
        }
    }

    private static func show(_ report: ExplanationReport, on console: Console) {
        console.line("\(report.permitted ? "permitted" : "denied"): \(report.reason)")
        if let rule = report.rule {
            console.line("decided by: \(rule)\(report.line.map { $0 > 0 ? ", line \($0)" : "" } ?? "")")
        }
        if let needs = report.needs { console.line("needs: \(needs)") }
        if !report.below.isEmpty {
            console.line("the answer holds only what lies below: \(report.below.joined(separator: ", "))")
        }
        report.notes.forEach { console.line("note: \($0)") }
        guard !report.considered.isEmpty else { return }
        console.line("considered:")
        let rows = report.considered.map { ["  \($0.name)", "\($0.line)", $0.effect, $0.verdict, $0.why] }
        Table(["  RULE", "LINE", "EFFECT", "VERDICT", "WHY"], rows: rows).lines.forEach { console.line($0) }
    }
}
