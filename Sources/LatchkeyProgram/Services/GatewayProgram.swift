import NIOUPnP
import TrustCore

/// `latchkey gateway …`, beyond its arguments.
package enum GatewayProgram {
    /// Runs the gateway until it is told to stop.
    package static func run(_ invocation: Invocation) async throws {
        let configuration = try GatewayConfiguration(invocation)
        try configuration.state.create()
        throw ProgramError.failure("the gateway's services are not part of this build")
    }

    /// Makes a pairing code and prints it.
    package static func pair(_ order: PairingOrder, drawsQRCode: Bool, _ invocation: Invocation) async throws {
        var order = order
        order.addresses = try invocation.settings.gatewayAddresses().map(\.description)
        try await ControlCommands.ask(
            .pair(order), of: .gateway, invocation, offline: offline(invocation), drawsQRCode: drawsQRCode
        )
    }

    /// Answers from the store alone, while no gateway runs.
    package static func offline(
        _ invocation: Invocation
    ) -> (StateFolder) async throws -> any ControlRequestHandler {
        { folder in
            let configuration = try GatewayConfiguration(invocation)
            try folder.create()
            return storeHandler(try await openStore(folder), configuration)
        }
    }

    static func openStore(_ folder: StateFolder) async throws -> any GatewayStore {
        throw ProgramError.failure("the store is not part of this build")
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
