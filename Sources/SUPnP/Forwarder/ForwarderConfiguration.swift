package import Crypto
package import GroupKeys

/// Which controller an engine is.
package struct ControllerIdentity: Sendable {
    /// Its number. The key manager and a forwarder have different ones, also in one process: they share no counter.
    package let id: ControllerID
    /// Its process; drawn afresh at every start.
    package let boot: BootID
    /// The key of its certificate.
    package let signingKey: Curve25519.Signing.PrivateKey
    /// Its certificate.
    package internal(set) var certificate: ControllerCertificate

    /// Names a controller.
    package init(
        id: ControllerID, boot: BootID, signingKey: Curve25519.Signing.PrivateKey, certificate: ControllerCertificate
    ) {
        self.id = id
        self.boot = boot
        self.signingKey = signingKey
        self.certificate = certificate
    }
}

/// What a forwarder is set up with.
package struct ForwarderConfiguration: Sendable {
    /// Which controller it is.
    package let identity: ControllerIdentity
    /// The group.
    package let group: GroupID
    /// The hardened channel's suite.
    package let suite: Suite
    /// Over which channels requests go.
    package var bridge = SuiteBridge(.directory)
    /// What it holds at most.
    package var limits = ForwarderLimits()
    /// Whether it relays requests that anybody sends in clear, as a broadcast in clear, and the answers to them in clear
    /// (the paper's E = 0). Nothing about them is secret or proven; see `docs/specs/supnp/security.md` before.
    package var acceptsUnencrypted = false
    /// What it holds of such requests at most.
    package var unencrypted = UnencryptedLimits()
    /// How many broadcasts may share a signature, 1 to 16. With 1, each is signed alone and leaves at once.
    package var broadcastsPerSignature = GroupSender.burstLimit
    /// When it fences itself.
    package var lease = ForwarderLease.Limits()

    /// A forwarder of a group.
    package init(identity: ControllerIdentity, group: GroupID, suite: Suite) {
        self.identity = identity
        self.group = group
        self.suite = suite
    }
}

/// Why a request is refused (REFUSED).
package enum RequestRefusal: UInt16, Hashable, Sendable {
    /// The client's access list does not have the service.
    case notAllowed = 1
    /// No server that the request may reach offers the service.
    case noSuchService = 2
    /// The client, or everybody together, has too many open requests.
    case tooMany = 3
    /// The client asks too often.
    case tooFast = 4
    /// The forwarder is not able to speak for the group.
    case unavailable = 5
}
