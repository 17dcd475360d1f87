import AccessPolicy
import NIOPosix
import RemoteAccess
import SQLiteStore
import TrustCore

/// `latchkey gateway protection`: by which names the gateway is known to devices with DeviceProtection.
package enum ProtectionProgram {
    private struct Report: Codable {
        let role: String
        let id: String
    }

    /// Prints the gateway's identity in each role in which it comes; makes those that there are not yet. Works also
    /// while the gateway runs.
    package static func show(_ invocation: Invocation) async throws {
        let folder = try GatewayConfiguration(invocation).state
        guard SQLiteGatewayStore.exists(in: folder.path) else {
            throw ProgramError.failure(
                "the state folder \(folder.path) holds no gateway; start one with: "
                    + "latchkey gateway run --state \(folder.path)")
        }
        let store = try SQLiteGatewayStore(folder: folder.path)
        let nested = NestedAuthorization(
            store: store.deviceProtection, pin: { try await store.secret(named: $0, orStore: $1) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: invocation.logger("gateway"))
        var reports: [Report] = []
        for role in [RoleName.basic, .guest] {
            reports.append(Report(role: role.rawValue, id: try await nested.identity(for: role).id.description))
        }
        try store.close()
        if invocation.json { return try invocation.console.json(reports) }
        for report in reports { invocation.console.line("\(report.id)  \(report.role)") }
    }
}
