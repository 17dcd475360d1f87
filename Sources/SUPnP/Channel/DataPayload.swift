/// A data message of the application, inside the seal of both suites (specification 3.10.1):
/// `u8 kind ‖ u8 flags ‖ u16 serviceLength ‖ u32 windowMs ‖ u64 id ‖ u32 alias ‖ service ‖ payload`.
///
/// Every field that a kind does not use is zero, so that there is one encoding of each message.
package enum DataPayload: Hashable, Sendable {
    /// A client asks the forwarder to pass a request to the servers of a service.
    case request(Request)
    /// The forwarder passes it on.
    case broadcast(Broadcast)
    /// A server answers the forwarder.
    case answer(Answer)
    /// The forwarder passes an answer to the client.
    case deliver(Answer)
    /// The forwarder has taken the request with this number.
    case accepted(id: UInt64)
    /// The window of the request is over: how many answers there were, and why it ended.
    case complete(id: UInt64, answers: UInt16, reason: UInt16)
    /// The forwarder does not pass the request on.
    case refused(id: UInt64, reason: UInt16)

    /// A client's request.
    package struct Request: Hashable, Sendable {
        /// The client's number for it.
        package var id: UInt64
        /// The service's URN, 1...255 bytes of UTF-8.
        package var service: String
        /// How long answers are collected, 50...30,000 ms.
        package var windowMilliseconds: UInt32
        /// How many answers end it early, 1...63; 0 for no limit.
        package var maximumAnswers: UInt8
        /// The lowest suite of a channel that it may be passed to: no downgrade by mixing (3.10.5).
        package var lowestSuite: LowestSuite
        /// What the service is asked.
        package var payload: [UInt8]

        /// A request.
        package init(
            id: UInt64, service: String, windowMilliseconds: UInt32 = 2_000, maximumAnswers: UInt8 = 0,
            lowestSuite: LowestSuite = .hardened, payload: [UInt8]
        ) {
            self.id = id
            self.service = service
            self.windowMilliseconds = windowMilliseconds
            self.maximumAnswers = maximumAnswers
            self.lowestSuite = lowestSuite
            self.payload = payload
        }
    }

    /// What a client accepts at least, as `alias` of a request.
    package enum LowestSuite: UInt32, CaseIterable, Hashable, Sendable {
        /// The classic channel will do.
        case classic = 0
        /// Never the classic channel.
        case hardened = 1
    }

    /// A request as servers get it.
    package struct Broadcast: Hashable, Sendable {
        /// The forwarder's number for it.
        package var id: ForwardID
        /// Which client asks, by a number that says nothing of who it is (P28).
        package var alias: UInt32
        /// The service's URN, 1...255 bytes of UTF-8.
        package var service: String
        /// How long answers are collected, 50...30,000 ms.
        package var windowMilliseconds: UInt32
        /// Whether the client has come by a hardened channel; sensitive services refuse others (3.10.5).
        package var isFromHardened: Bool
        /// What the service is asked.
        package var payload: [UInt8]

        /// A broadcast request.
        package init(
            id: ForwardID, alias: UInt32, service: String, windowMilliseconds: UInt32, isFromHardened: Bool,
            payload: [UInt8]
        ) {
            self.id = id
            self.alias = alias
            self.service = service
            self.windowMilliseconds = windowMilliseconds
            self.isFromHardened = isFromHardened
            self.payload = payload
        }
    }

    /// An answer, from a server or as delivered.
    package struct Answer: Hashable, Sendable {
        /// From a server the forwarder's number of the request (`ForwardID.rawValue`), to a client the client's.
        package var id: UInt64
        /// From a server its sequence number, to a client the number of the server, the same for all its answers.
        package var alias: UInt32
        /// Whether the server will send no more.
        package var isLast: Bool
        /// What the service says.
        package var payload: [UInt8]

        /// An answer.
        package init(id: UInt64, alias: UInt32, isLast: Bool, payload: [UInt8]) {
            self.id = id
            self.alias = alias
            self.isLast = isLast
            self.payload = payload
        }
    }

    /// `fwdId`: controller (16) ‖ counter (48).
    package struct ForwardID: Hashable, Sendable {
        /// The number on the wire.
        package let rawValue: UInt64

        /// Takes a number off the wire; nil if it has no controller.
        package init?(rawValue: UInt64) {
            guard rawValue >> 48 != 0 else { return nil }
            self.rawValue = rawValue
        }

        /// The number of a controller's request; nil for a counter of 2^48 or more.
        package init?(_ controller: ControllerID, counter: UInt64) {
            guard counter < 1 << 48 else { return nil }
            rawValue = UInt64(controller.rawValue) << 48 | counter
        }

        /// Whose it is.
        package var controller: ControllerID? { ControllerID(UInt32(rawValue >> 48)) }
    }

    /// The bytes before the service.
    package static let headLength = 20
    /// The longest service, in bytes.
    package static let serviceLimit = 255
    /// How long a client may have answers collected, in milliseconds.
    package static let windows: ClosedRange<UInt32> = 50...30_000
    /// How many answers a client can limit a request to.
    package static let answerLimit: UInt8 = 63
    /// The longest message, as `Frame.messageLimit`.
    package static let lengthLimit = Frame.messageLimit
}

/// Why bytes are no data message.
package enum DataPayloadError: Error, Hashable, Sendable {
    /// Fewer bytes than the head, or than the head says.
    case short
    /// More than 65,536 bytes.
    case tooLong
    /// The kind is none of 0...6.
    case kind(UInt8)
    /// A field that this kind does not use is not zero, or one that it uses is out of its bounds.
    case field
    /// The service is empty, longer than 255 bytes, or not UTF-8.
    case service
    /// A kind with a fixed payload has another.
    case payload
}
