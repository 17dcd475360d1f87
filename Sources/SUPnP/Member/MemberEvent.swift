/// A request that a server is asked to answer.
package struct InboundRequest: Hashable, Sendable {
    /// The forwarder's number for it.
    package let id: DataPayload.ForwardID
    /// Which service.
    package let service: ServiceName
    /// A number of the client that says nothing of who it is.
    package let alias: UInt32
    /// Whether the client has come by a hardened channel.
    package let isFromHardened: Bool
    /// What is asked.
    package let payload: [UInt8]
    /// Whether it came in clear: anybody may have asked, under any name, and anybody reads the answer. Only a server that
    /// has set ``MemberConfiguration/acceptsUnencrypted`` is asked so.
    package internal(set) var isUnencrypted = false
}

/// What a member tells its application.
package enum MemberEvent: Hashable, Sendable {
    /// It is a member, with this number.
    case registered(UInt32)
    /// Its registration has failed.
    case registrationFailed(DeviceFailure)
    /// The group is in this epoch, and the member with it.
    case epoch(UInt32)
    /// A client's request was taken by a forwarder.
    case accepted(UInt64)
    /// An answer to a client's request, by a server's alias.
    case answer(UInt64, alias: UInt32, isLast: Bool, payload: [UInt8])
    /// A client's request is over, with so many answers.
    case completed(UInt64, answers: UInt16, reason: UInt16)
    /// A client's request was refused.
    case refused(UInt64, reason: UInt16)
    /// No forwarder has taken a client's request, or its end was not heard.
    case timedOut(UInt64)
    /// A server is asked.
    case request(InboundRequest)
    /// A service can be asked for, or no longer.
    case directory(DirectoryView.Change)
    /// What the server offers is known to the key manager.
    case servicesRegistered
    /// The pairwise secrets are fresh.
    case refreshed
    /// It is no member any more, as it wanted.
    case left
    /// It is no member any more: it was evicted.
    case evicted
    /// The key manager has not been heard for the length of the lease: the member registers again.
    case lost
}
