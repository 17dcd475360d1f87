import AccessPolicy
import Testing
import TrustCore

@testable import RemoteAccess

@Suite(
    "A session in the role Admin", .serialized, .timeLimit(.minutes(1)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct HeldRoleTests {
    /// Returns when the one session has the role, or has it no more; the suite's limit bounds it.
    private static func wait(until holds: Bool, _ street: Street) async throws {
        while street.server.registry.all.first?.heldRoles.holds(.admin) != holds {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test func `the role is had from the moment that it is taken up until it is laid down`() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                _ = try await app.device(named: "Lock")
                let session = try #require(street.server.registry.all.first)
                #expect(!session.heldRoles.holds(.admin))
                let held = try await app.client.roles.takeUp("Admin", seconds: 600)
                #expect(held.role == "Admin")
                #expect(session.heldRoles.holds(.admin))
                #expect(app.client.roles.current == held)
                app.client.roles.layDown()
                try await Self.wait(until: false, street)
                #expect(app.client.roles.current == nil)
            }
        }
    }

    @Test func `the role ends by itself at its time, and with the right to it`() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                _ = try await app.device(named: "Lock")
                _ = try await app.client.roles.takeUp("Admin", seconds: 1)
                try await Self.wait(until: false, street)
                while app.client.roles.current != nil { try await Task.sleep(for: .milliseconds(5)) }
                _ = try await app.client.roles.takeUp("Admin", seconds: 600)
                try await street.regrant(.preset("control"))
                try await street.trust.reload()
                try await Self.wait(until: false, street)
            }
        }
    }

    @Test func `who is no administrator is refused with a sentence, and so are other roles and times`() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("control"), at: endpoint) { app in
                _ = try await app.device(named: "Speaker")
                for (role, seconds, kind) in [
                    ("Admin", 60, Problem.Kind.refused), ("Basic", 60, .badRequest), ("Admin", 3_601, .badRequest),
                    ("Admin", 0, .badRequest),
                ] {
                    let error = await #expect(throws: Problem.self) {
                        try await app.client.roles.takeUp(role, seconds: seconds)
                    }
                    #expect(error?.kind == kind, "\(role) \(seconds)")
                }
                #expect(street.server.registry.all.first?.heldRoles.holds(.admin) == false)
                #expect(app.client.roles.current == nil)
            }
        }
    }
}
