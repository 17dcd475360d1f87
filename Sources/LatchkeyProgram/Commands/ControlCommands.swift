import Foundation
import NIOPosix

/// The commands that ask a running program, or its store when none runs.
package enum ControlCommands {
    /// Which program is asked.
    package enum Role: String, Hashable, Sendable {
        case gateway
        case away
        case vlan

        var sentence: String {
            switch self {
            case .gateway: "the gateway"
            case .away: "the away client"
            case .vlan: "VLAN mode"
            }
        }

        func socket(in folder: StateFolder) throws -> SocketPath {
            switch self {
            case .gateway: try SocketPath(folder.gatewaySocket)
            case .away: try SocketPath(folder.awaySocket)
            case .vlan: try SocketPath(folder.vlanSocket)
            }
        }
    }

    /// Sends a request to the program that runs on the state folder, else to `offline`, and prints the result.
    package static func ask(
        _ request: ControlRequest,
        of role: Role,
        _ invocation: Invocation,
        offline: ((StateFolder) async throws -> ControlReply)? = nil,
        drawsQRCode: Bool = false
    ) async throws {
        let reply = try await reply(to: request, of: role, invocation, offline: offline)
        try ResultPrinter(invocation: invocation, drawsQRCode: drawsQRCode).show(reply)
    }

    /// Sends a request to the program that runs on the state folder, else to `offline`.
    package static func reply(
        to request: ControlRequest, of role: Role, _ invocation: Invocation,
        offline: ((StateFolder) async throws -> ControlReply)? = nil
    ) async throws -> ControlReply {
        let folder = try invocation.stateFolder()
        let client = ControlSocketClient(
            path: try role.socket(in: folder), eventLoopGroup: MultiThreadedEventLoopGroup.singleton
        )
        if let reply = try await client.send(request) { return reply }
        // On a folder where no gateway runs, VLAN mode has the devices and the open questions.
        if role == .gateway, request.isAboutRights {
            let vlan = ControlSocketClient(
                path: try Role.vlan.socket(in: folder), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            if let reply = try await vlan.send(request) { return reply }
        }
        guard let offline else {
            throw ProgramError.failure(
                "\(role.sentence) is not running with the state folder \(folder.path); start it with: "
                    + "latchkey \(role.rawValue) run --state \(folder.path)"
            )
        }
        return try await offline(folder)
    }
}
