import Tunnel

extension Link {
    /// Asks the gateway where it is reached, and how it is found again; nil where it does not tell.
    package func addresses() async -> AddressAnswer? {
        try? await carrier.post(
            AddressQuestion(), to: WirePath.addresses, session: session, answer: AddressAnswer.self, limits: .init())
    }
}
