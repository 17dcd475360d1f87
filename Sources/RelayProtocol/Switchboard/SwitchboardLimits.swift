/// What a relay bears.
package struct SwitchboardLimits: Hashable, Sendable {
    /// Gateways that are registered at once.
    package var gateways = 20_000
    /// Gateways of one source at once (an address, or an IPv6 /64); carriers put many homes behind one address.
    package var gatewaysPerSource = 64
    /// How fast one source may register.
    package var registrationRate = RateLimit.Rate(perSecond: 0.5, burst: 16)
    /// Client connections at once.
    package var sessions = 8_192
    /// Client connections to one gateway at once. A session has two: control and media.
    package var sessionsPerGateway = 128
    /// How fast clients may come to one gateway.
    package var gatewayRate = RateLimit.Rate(perSecond: 10, burst: 64)
    /// Client connections of one source at once.
    package var sessionsPerSource = 128
    /// How fast one source may come.
    package var sourceRate = RateLimit.Rate(perSecond: 10, burst: 64)
    /// Sources that are told apart.
    package var sources = 65_536
    /// Clients at once whose gateway has not come.
    package var waiting = 1_024
    /// How long a gateway may take to come, and to open its standby connection.
    package var answerTime = Duration.seconds(10)
    /// How often a gateway is to be heard; it is given up after three times that.
    package var keepalive = Duration.seconds(50)

    /// Makes the default limits.
    package init() {}
}
