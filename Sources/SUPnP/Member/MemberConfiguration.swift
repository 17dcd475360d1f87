/// What a member is set up with.
package struct MemberConfiguration: Sendable {
    /// Its registration.
    package let device: DeviceEngine.Configuration
    /// The services that it offers.
    package var offers: [ServiceOffer] = []
    /// The lowest suite over which its requests may travel; a hardened client has to say so to be heard by classic
    /// servers.
    package var lowestSuite: DataPayload.LowestSuite = .hardened
    /// The time between two PINGs, give or take a fifth.
    package var pingInterval: Duration = .seconds(30)
    /// How long the key manager may be silent.
    package var lease: Duration = .seconds(90)
    /// Whether a hardened member keeps its keys over a restart: it writes ``KeptMember`` to a store of its own.
    package var keepsKeys = false
    /// Whether a server takes requests that come in clear (the paper's E = 0), for its services that serve classic clients
    /// too. Nothing about them is secret or proven; see `docs/specs/supnp/security.md` before.
    package var acceptsUnencrypted = false
    /// Whether it registers again by itself when it is lost or could not register.
    package var persists = true

    /// A member.
    package init(device: DeviceEngine.Configuration) { self.device = device }
}
