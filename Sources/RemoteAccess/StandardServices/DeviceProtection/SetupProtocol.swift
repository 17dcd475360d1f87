package import AccessPolicy

/// Who sends setup messages: a control point, proven by its certificate, on one connection. An introduction belongs
/// to both, so that nobody else can finish what it has begun.
package struct SetupPeer: Hashable, Sendable {
    /// The TLS connection.
    package let connection: UInt64
    /// The control point.
    package let controlPoint: DeviceProtectionID
    /// The common name of its certificate; may be empty.
    package let name: String

    /// Makes a peer.
    package init(connection: UInt64, controlPoint: DeviceProtectionID, name: String) {
        self.connection = connection
        self.controlPoint = controlPoint
        self.name = name
    }
}

/// What an introduction answers.
package struct SetupAnswer: Hashable, Sendable {
    /// The message for the control point; may be empty.
    package var message: [UInt8]
    /// Whether the control point has proven to know what only the owner could have told it: it is then in the ACL.
    package var introduces: Bool

    /// Makes an answer.
    package init(message: [UInt8], introduces: Bool = false) {
        self.message = message
        self.introduces = introduces
    }
}

/// A protocol that introduces control points over `SendSetupMessage`, such as WPS.
package protocol SetupProtocol: Sendable {
    /// The name in `ProtocolType`.
    var name: String { get }
    /// Whether an introduction may be tried: the time for it is open, and no other one runs.
    var isReady: Bool { get }
    /// Answers a message.
    ///
    /// Throws `busy` (708) while nothing may be introduced, and `processingError` (704) when it has failed.
    func answer(_ message: [UInt8], from peer: SetupPeer) async throws(DeviceProtectionError) -> SetupAnswer
    /// The peer's connection has closed.
    func closed(_ connection: UInt64) async
}

/// The protocol of a device that introduces nobody at the moment.
package struct ClosedSetup: SetupProtocol {
    package let name: String
    package let isReady = false

    /// Makes one.
    package init(name: String = "WPS") {
        self.name = name
    }

    package func answer(
        _ message: [UInt8], from peer: SetupPeer
    ) async throws(DeviceProtectionError) -> SetupAnswer {
        throw DeviceProtectionError(
            .busy, "Nobody can be introduced at the moment: open the time for it on the device first.")
    }

    package func closed(_ connection: UInt64) async {}
}
