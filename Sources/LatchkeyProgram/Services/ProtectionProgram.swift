import AccessPolicy
import Foundation
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

    /// Enters the certificate of a file as the identity of a paired client.
    package static func attach(client: String, file: String, _ invocation: Invocation) async throws {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        } catch {
            throw ProgramError.failure("the file \(file) cannot be read")
        }
        guard bytes.count <= 1 << 16, let der = certificate(in: bytes) else {
            throw ProgramError.failure("the file \(file) holds no certificate in PEM or DER")
        }
        try await GatewayProgram.ask(
            .protection(.attach(client: client, certificate: der, name: client)), invocation)
    }

    /// The DER of the first certificate; PEM's frame is RFC 7468's.
    static func certificate(in bytes: Data) -> Data? {
        guard let text = String(data: bytes, encoding: .utf8),
            let begin = text.range(of: "-----BEGIN CERTIFICATE-----"),
            let end = text.range(of: "-----END CERTIFICATE-----", range: begin.upperBound..<text.endIndex)
        else { return bytes.first == 0x30 ? bytes : nil }
        return Data(base64Encoded: String(text[begin.upperBound..<end.lowerBound]), options: .ignoreUnknownCharacters)
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
        for role in [RoleName.basic, .guest, .admin] {
            reports.append(Report(role: role.rawValue, id: try await nested.identity(for: role).id.description))
        }
        try store.close()
        if invocation.json { return try invocation.console.json(reports) }
        for report in reports { invocation.console.line("\(report.id)  \(report.role)") }
    }
}
