/// `latchkey gateway consent …`, beyond its arguments.
package enum ConsentProgram {
    /// Answers a question, says what holds then, and which other questions are open.
    package static func answer(_ order: ConsentOrder, _ invocation: Invocation) async throws {
        let reply = try await ControlCommands.reply(to: .consent(order), of: .gateway, invocation)
        if !invocation.json {
            switch order {
            case .allow(let client, let rule):
                invocation.console.line("\(client) may use what the rule \(rule) permits")
            case .refuse(let client, let rule):
                invocation.console.line("\(client) may not use what the rule \(rule) permits")
            case .list: break
            }
            if case .consents(let open) = reply, open.isEmpty { return }
        }
        try ResultPrinter(invocation: invocation).show(reply)
    }
}
