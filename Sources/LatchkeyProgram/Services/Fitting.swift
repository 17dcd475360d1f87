/// Fits the gateway's services to the program.
package enum GatewayFitting {
    /// Makes the gateway.
    package static let make: GatewayProgram.Factory = { _ in
        throw ProgramError.failure("the gateway's services are not part of this build")
    }
}

/// Fits the away client's services to the program.
package enum AwayFitting {
    /// Makes the away client.
    package static let make: AwayProgram.Factory = { _ in
        throw ProgramError.failure("the away client's services are not part of this build")
    }

    /// Pairs with a gateway.
    package static let pair: AwayProgram.Pairing = { _, _, _ in
        throw ProgramError.failure("pairing is not part of this build")
    }
}
