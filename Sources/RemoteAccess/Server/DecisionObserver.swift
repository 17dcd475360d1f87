package import AccessPolicy
package import Tunnel

/// Hears each decision about something that a client asked for: the audit.
///
/// What a client is merely shown (the devices, services and actions in lists) is decided by the same policy and not
/// told here: nobody asked.
package protocol DecisionObserver: Sendable {
    /// A decision was made. Called on the request's way, so that it must neither wait nor block for long.
    func observed(_ decision: Decision, of request: AccessRequest, session: SessionID)
}

/// Hears and forgets.
package struct NoDecisionObserver: DecisionObserver {
    /// The default of a gateway without an audit.
    package init() {}

    package func observed(_ decision: Decision, of request: AccessRequest, session: SessionID) {}
}
