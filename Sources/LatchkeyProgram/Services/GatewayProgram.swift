import NIOUPnP
import SQLiteStore
import TrustCore

/// `latchkey gateway …`, beyond its arguments.
package enum GatewayProgram {
    /// Runs the gateway until it is told to stop.
    package static func run(_ invocation: Invocation) async throws {
        let configuration = try GatewayConfiguration(invocation)
        try configuration.state.create()
        throw ProgramError.failure("the gateway's services are not part of this build")
    }

    /// Makes a pairing code and prints it; at the first use this also makes the gateway's identity.
    package static func pair(_ order: PairingOrder, drawsQRCode: Bool, _ invocation: Invocation) async throws {
        var order = order
        order.addresses = try invocation.settings.gatewayAddresses().map(\.description)
        try await ask(.pair(order), invocation, drawsQRCode: drawsQRCode)
    }

    /// Asks the running gateway, else its store, and prints the answer.
    package static func ask(
        _ request: ControlRequest, _ invocation: Invocation, drawsQRCode: Bool = false
    ) async throws {
        try await ControlCommands.ask(
            request, of: .gateway, invocation,
            offline: { folder in try await askStore(request, folder, GatewayConfiguration(invocation)) },
            drawsQRCode: drawsQRCode
        )
    }

    private static func askStore(
        _ request: ControlRequest, _ folder: StateFolder, _ configuration: GatewayConfiguration
    ) async throws -> ControlReply {
        if case .pair = request {
            try folder.create()
        } else if !SQLiteGatewayStore.exists(in: folder.path) {
            throw ProgramError.failure(
                "the state folder \(folder.path) holds no gateway; start one with: "
                    + "latchkey gateway run --state \(folder.path)"
            )
        }
        let store = try SQLiteGatewayStore(folder: folder.path)
        do {
            let reply = try await storeHandler(store, configuration).handle(request)
            try store.close()
            return reply
        } catch {
            try? store.close()
            throw error
        }
    }

    static func storeHandler(
        _ store: any GatewayStore, _ configuration: GatewayConfiguration
    ) -> StoreControlHandler {
        StoreControlHandler(store: store, name: configuration.name) {
            guard configuration.addresses.isEmpty else { return configuration.addresses }
            return ReachableAddresses.choose(
                listen: configuration.listen,
                preferred: configuration.interface ?? DefaultInterface.choose(from: InterfaceFacts.all())?.name,
                interfaces: (try? NetworkInterface.all()) ?? []
            )
        }
    }
}
