/// A request to all servers of a service: a sequence of their answers.
///
/// It is sent when it is iterated, each time anew, and ends when the time for answers is over or enough have come.
/// Whoever stops to iterate hears no more of it.
///
///     for try await answer in group.request("urn:example:service:Board:1", "news") {
///         print(answer.text)
///     }
///
/// ``updates`` tells more: that a forwarder has taken it, and how it ended.
public struct GroupRequest: AsyncSequence, Sendable {
    /// An answer.
    public typealias Element = GroupAnswer

    let member: GroupMember
    let order: RequestOrder

    /// Everything that becomes of the request.
    public var updates: GroupRequestUpdates { GroupRequestUpdates(request: self) }

    /// Sends the request, and gives all answers and the end when it is over.
    ///
    /// - Throws: ``GroupError``; `CancellationError`.
    public func collect() async throws -> (answers: [GroupAnswer], completion: GroupCompletion) {
        var answers: [GroupAnswer] = []
        for try await update in updates {
            switch update {
            case .accepted: continue
            case .answer(let answer): answers.append(answer)
            case .completed(let completion): return (answers, completion)
            }
        }
        throw GroupError.timedOut
    }

    /// The answers, one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: GroupRequestUpdates.AsyncIterator

        /// The next answer; nil when the request is over.
        ///
        /// - Throws: ``GroupError`` when it was refused, not taken or cut short; `CancellationError`.
        public mutating func next() async throws -> GroupAnswer? {
            while let update = try await base.next() {
                if case .answer(let answer) = update { return answer }
            }
            return nil
        }
    }

    /// Sends the request at the first answer that is asked for.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: updates.makeAsyncIterator()) }
}

/// What a request consists of.
struct RequestOrder: Sendable {
    let service: String
    let payload: [UInt8]
    let window: Duration
    let maximumAnswers: Int
}

/// An answer of a server.
public struct GroupAnswer: Hashable, Sendable {
    /// A number that tells the servers of one request apart, from 1 in the order in which they answer. It says nothing
    /// of who they are.
    public let server: UInt32
    /// What the server says.
    public let payload: [UInt8]
    /// Whether this server says no more.
    public let isLast: Bool

    /// The payload as UTF-8; what is none is replaced.
    public var text: String { String(decoding: payload, as: UTF8.self) }
}

/// How a request ended.
public struct GroupCompletion: Hashable, Sendable {
    /// Why a request ended.
    public enum Reason: Hashable, Sendable {
        /// Its time was over.
        case windowOver
        /// As many answers came as were asked for.
        case enoughAnswers
        /// The forwarder may not speak for the group any more; answers may be missing.
        case forwarderStopped
        /// A reason that this version does not know.
        case other(UInt16)

        init(_ reason: UInt16) {
            self =
                switch reason {
                case 0: .windowOver
                case 1: .enoughAnswers
                case 2: .forwarderStopped
                default: .other(reason)
                }
        }

        /// A short name, for programs: `window-over`, `enough-answers`, `forwarder-stopped`, or a number.
        public var name: String {
            switch self {
            case .windowOver: "window-over"
            case .enoughAnswers: "enough-answers"
            case .forwarderStopped: "forwarder-stopped"
            case .other(let reason): "\(reason)"
            }
        }
    }

    /// How many answers the forwarder has passed on. More than have arrived when the network has lost some.
    public let answers: Int
    /// Why it ended.
    public let reason: Reason
    /// How many answers were dropped because they were not read in time.
    public let dropped: Int
}

/// What becomes of a request.
public enum GroupRequestUpdate: Hashable, Sendable {
    /// A forwarder has taken it.
    case accepted
    /// A server has answered.
    case answer(GroupAnswer)
    /// It is over.
    case completed(GroupCompletion)
}

/// A request that is sent, with everything that becomes of it. See ``GroupRequest/updates``.
public struct GroupRequestUpdates: AsyncSequence, Sendable {
    /// Something that becomes of it.
    public typealias Element = GroupRequestUpdate

    let request: GroupRequest

    /// The updates, one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let request: GroupRequest
        var open: OpenRequest?
        var isOver = false

        /// The next update; nil when the request is over.
        ///
        /// - Throws: ``GroupError`` when it was refused, not taken or cut short; `CancellationError`.
        public mutating func next() async throws -> GroupRequestUpdate? {
            guard !isOver else { return nil }
            do {
                let open: OpenRequest
                if let known = self.open { open = known } else { open = try await request.member.open(request.order) }
                self.open = open
                if let update = try await open.next() { return update }
            } catch {
                isOver = true
                self.open = nil
                throw error
            }
            isOver = true
            let completion = open?.completion
            open = nil
            try Task.checkCancellation()
            return completion.map { .completed($0) }
        }
    }

    /// Sends the request at the first update that is asked for.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(request: request) }
}
