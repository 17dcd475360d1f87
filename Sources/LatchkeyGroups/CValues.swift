internal import CLatchkeyGroups
internal import Groups

extension latchkey_status {
    /// The status that says the same.
    init(_ error: any Error) {
        guard let error = error as? GroupError else {
            self = LATCHKEY_FAILED
            return
        }
        self =
            switch error.code {
            case .invalid: LATCHKEY_INVALID
            case .notRunning: LATCHKEY_ENDED
            case .notRegistered: LATCHKEY_NOT_REGISTERED
            case .nobodyFound: LATCHKEY_NOBODY_FOUND
            case .noAnswer: LATCHKEY_NO_ANSWER
            case .wrongCode: LATCHKEY_WRONG_CODE
            case .declined: LATCHKEY_DECLINED
            case .evicted: LATCHKEY_EVICTED
            case .notAServer: LATCHKEY_NOT_A_SERVER
            case .timedOut: LATCHKEY_TIMED_OUT
            case .tooManyRequests: LATCHKEY_TOO_MANY
            case .storage: LATCHKEY_STORAGE
            case .refused:
                switch error.refusal {
                case .notAllowed: LATCHKEY_NOT_ALLOWED
                case .noServer: LATCHKEY_NO_SERVER
                case .tooManyOpen, .tooFast: LATCHKEY_TOO_MANY
                case .forwarderNotReady, .other, nil: LATCHKEY_TIMED_OUT
                }
            }
    }

    /// The status in words.
    var words: StaticString {
        switch self {
        case LATCHKEY_OK: "all is well"
        case LATCHKEY_INVALID: "a handle, an id, a code, a name, a payload or a time is not what it may be"
        case LATCHKEY_ENDED: "the membership has ended"
        case LATCHKEY_NOT_REGISTERED: "the device is no member of the group at this moment"
        case LATCHKEY_NOBODY_FOUND: "no controller of a group was found on this network"
        case LATCHKEY_NO_ANSWER: "a controller of a group was found and has not answered"
        case LATCHKEY_WRONG_CODE: "no controller on this network knows this device with this setup code"
        case LATCHKEY_DECLINED: "the controller declines the device"
        case LATCHKEY_EVICTED: "the device was evicted from the group and may not return"
        case LATCHKEY_NOT_A_SERVER: "the device was enrolled as a client, which answers no requests"
        case LATCHKEY_NOT_ALLOWED: "this device may not ask for the service"
        case LATCHKEY_NO_SERVER: "no server that the device may reach offers the service"
        case LATCHKEY_TOO_MANY: "too many requests are open, or they come too fast"
        case LATCHKEY_TIMED_OUT: "nobody has answered in time"
        case LATCHKEY_STORAGE: "what the device keeps over a restart cannot be read"
        case LATCHKEY_FAILED: "it has failed"
        default: "this is no status"
        }
    }
}

/// An event before it is C's.
struct CEvent: Sendable {
    var kind: latchkey_event_kind
    var status = LATCHKEY_OK
    var number: UInt32 = 0
    var text = ""

    /// Nil for what C does not hear of.
    init?(_ event: GroupEvent) {
        switch event {
        case .registered(let member): (kind, number) = (LATCHKEY_EVENT_REGISTERED, member)
        case .epoch(let epoch): (kind, number) = (LATCHKEY_EVENT_EPOCH, epoch)
        case .registrationFailed(let reason): (kind, text) = (LATCHKEY_EVENT_REGISTRATION_FAILED, reason)
        case .lost: kind = LATCHKEY_EVENT_LOST
        case .evicted: kind = LATCHKEY_EVENT_EVICTED
        case .offersKnown, .refreshed, .controllerFound, .left: return nil
        }
    }

    init(_ change: GroupServiceChange) {
        switch change {
        case .appeared: kind = LATCHKEY_EVENT_SERVICE_APPEARED
        case .vanished: kind = LATCHKEY_EVENT_SERVICE_VANISHED
        }
        text = change.service
    }

    init(ended error: any Error) {
        kind = LATCHKEY_EVENT_ENDED
        status = latchkey_status(error)
        text = "\(error)"
    }

    /// Shows it to C for the length of a call.
    func withC(_ body: (UnsafePointer<latchkey_event>) -> Void) {
        text.withCString { text in
            var event = latchkey_event(
                size: MemoryLayout<latchkey_event>.size, kind: kind, status: status, number: number, text: text)
            body(&event)
        }
    }
}

/// An update before it is C's.
struct CUpdate: Sendable {
    var kind: latchkey_update_kind
    var status = LATCHKEY_OK
    var request: UInt64
    var answer: GroupAnswer?
    var answers: UInt32 = 0

    init(_ update: GroupRequestUpdate, of request: UInt64) {
        self.request = request
        switch update {
        case .accepted: kind = LATCHKEY_UPDATE_ACCEPTED
        case .answer(let answer): (kind, self.answer) = (LATCHKEY_UPDATE_ANSWER, answer)
        case .completed(let completion):
            (kind, answers) = (LATCHKEY_UPDATE_COMPLETED, UInt32(clamping: completion.answers))
        }
    }

    init(failed error: any Error, of request: UInt64) {
        self.request = request
        kind = LATCHKEY_UPDATE_FAILED
        status = latchkey_status(error)
    }

    /// What is announced is taken.
    init(announced request: UInt64) {
        self.request = request
        kind = LATCHKEY_UPDATE_COMPLETED
    }

    /// Shows it to C for the length of a call.
    func withC(_ body: (UnsafePointer<latchkey_update>) -> Void) {
        (answer?.payload ?? []).withUnsafeBufferPointer { bytes in
            var update = latchkey_update(
                size: MemoryLayout<latchkey_update>.size, kind: kind, status: status, request: request,
                server: answer?.server ?? 0, is_last: answer?.isLast ?? false,
                payload: bytes.isEmpty ? nil : bytes.baseAddress, length: bytes.count, answers: answers)
            body(&update)
        }
    }
}
