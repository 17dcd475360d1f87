/// A device of the home as the away client has to announce it: every advertised name of its tree, and the
/// sealed path of its description. Nothing here is an address.
package struct MirroredDevice: Codable, Hashable, Sendable {
    /// One device of the tree: the root, or an embedded one.
    package struct Node: Codable, Hashable, Sendable {
        /// `uuid:…`, the same as at home.
        package var udn: String
        package var deviceType: String
        /// The distinct service types of this device, in document order.
        package var serviceTypes: [String]
        package var embedded: [Node]

        package init(udn: String, deviceType: String, serviceTypes: [String], embedded: [Node]) {
            self.udn = udn
            self.deviceType = deviceType
            self.serviceTypes = serviceTypes
            self.embedded = embedded
        }

        /// The UDNs of this device and of everything below it.
        package var allUDNs: [String] { [udn] + embedded.flatMap(\.allUDNs) }
    }

    package var root: Node
    package var friendlyName: String
    /// The local path of the translated description: `/d/<token>/<name>`.
    package var descriptionPath: String
    /// Another number, below 2^24, whenever what the client sees of the descriptions changes, so that control points
    /// read them again.
    package var revision: Int
    /// The path of the description at the device's SECURELOCATION, where the client may reach it end to end.
    package var securePath: String?

    package init(
        root: Node, friendlyName: String, descriptionPath: String, revision: Int, securePath: String? = nil
    ) {
        self.root = root
        self.friendlyName = friendlyName
        self.descriptionPath = descriptionPath
        self.revision = revision
        self.securePath = securePath
    }
}

/// The state of a mirrored service, or a change of it: name and value of each evented variable.
package struct MirroredProperty: Codable, Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// `POST /v1/session`: what the away client says of itself.
package struct SessionRequest: Codable, Hashable, Sendable {
    /// The `host:port` that the client serves to its apps; the gateway writes URLs with it.
    package var authority: String
    /// The session to go on with, after its carrier was lost.
    package var resume: String?

    package init(authority: String, resume: String?) {
        self.authority = authority
        self.resume = resume
    }
}

/// The answer to `POST /v1/session`.
package struct SessionAnswer: Codable, Hashable, Sendable {
    /// The session's id, 128 random bits in hexadecimal.
    package var session: String
    /// Whether the session asked for in `resume` goes on; otherwise the mirror starts from a snapshot.
    package var resumed: Bool
    package var gatewayName: String
    /// The UDN under which the gateway announces itself at home: seeing it means being at home.
    package var gatewayUDN: String
    /// The pins to accept from now on: of the current server key, and of its successor.
    package var pins: [String]
    /// The name under which the client was paired.
    package var clientName: String

    package init(
        session: String, resumed: Bool, gatewayName: String, gatewayUDN: String, pins: [String], clientName: String
    ) {
        self.session = session
        self.resumed = resumed
        self.gatewayName = gatewayName
        self.gatewayUDN = gatewayUDN
        self.pins = pins
        self.clientName = clientName
    }
}

/// One line of `GET /v1/events`, which the client reads by cursor so that nothing is lost or doubled when
/// a carrier is replaced.
package struct SessionEvent: Codable, Hashable, Sendable {
    /// What happened.
    package enum Content: Codable, Hashable, Sendable {
        /// Everything as it stands: the start of a session, or after the cursor fell out of the log.
        case snapshot(devices: [MirroredDevice], subscriptions: [SubscriptionState])
        case appeared(MirroredDevice)
        case disappeared(udn: String)
        /// Variables of a subscribed service changed.
        case properties(subscription: String, changes: [MirroredProperty])
        /// The home's device ended the subscription, and it could not be had again.
        case subscriptionEnded(subscription: String)
        /// The gateway goes down in good order: byebye now, and come back later.
        case stopping
    }

    /// The position after this event.
    package var cursor: UInt64
    package var content: Content

    package init(cursor: UInt64, content: Content) {
        self.cursor = cursor
        self.content = content
    }
}

/// `POST /v1/subscriptions`: asks for the events of the service behind a sealed event path.
package struct SubscriptionRequest: Codable, Hashable, Sendable {
    package var path: String

    package init(path: String) {
        self.path = path
    }
}

/// A subscription and the full state of its service at `cursor`.
package struct SubscriptionState: Codable, Hashable, Sendable {
    package var subscription: String
    /// Nil while the device has not told it: not every device sends the initial event that it owes.
    package var state: [MirroredProperty]?
    /// Changes after this position are not in `state`.
    package var cursor: UInt64

    package init(subscription: String, state: [MirroredProperty]?, cursor: UInt64) {
        self.subscription = subscription
        self.state = state
        self.cursor = cursor
    }
}

/// A refusal or a failure, as RFC 9457 writes them.
package struct Problem: Codable, Hashable, Sendable, Error {
    /// One of `Problem.Kind`, or another peer's own.
    package var type: String
    /// A sentence for the person at the other end.
    package var title: String
    package var status: Int

    package init(_ kind: Kind, _ title: String, status: Int) {
        self.type = kind.rawValue
        self.title = title
        self.status = status
    }

    /// The problems that the two ends know.
    package enum Kind: String, Sendable {
        case refused = "urn:latchkey:refused"
        case serverFull = "urn:latchkey:server-full"
        case noSession = "urn:latchkey:no-session"
        case denied = "urn:latchkey:denied"
        case notFound = "urn:latchkey:not-found"
        case badRequest = "urn:latchkey:bad-request"
        case device = "urn:latchkey:device"
        case pairing = "urn:latchkey:pairing"
        case unavailable = "urn:latchkey:unavailable"
    }

    /// The kind, when this end knows it.
    package var kind: Kind? { Kind(rawValue: type) }
}
