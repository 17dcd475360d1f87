import Logging
import NIOPosix
import NIOSUPnP
import SUPnP

/// What the machine wants of its owner. Called on its event loop, and never waits.
extension GroupMember {
    func perform(_ effect: Member<SystemRandomNumberGenerator>.Effect, _ keeper: MemberKeeper) {
        switch effect {
        case .derive(let work):
            membership.signal(.answered)
            // 30 to 400 ms of arithmetic.
            NIOThreadPool.singleton.submit { [weak self] state in
                if case .active = state { self?.host?.tell(.derived(work.run())) }
            }
        case .keep(let state, let number): keeper.keep(state, number: number)
        case .event(let event): take(event)
        }
    }

    private func take(_ event: MemberEvent) {
        switch event {
        case .registered(let number):
            logger.info("registered", metadata: ["group.member": "\(number)"])
            membership.enter(.registered(number))
            membership.tell(.registered(member: number))
            membership.signal(.registered)
        case .registrationFailed(let failure):
            logger.debug("a registration has failed", metadata: ["reason": "\(failure.sentence)"])
            membership.tell(.registrationFailed(failure.sentence))
            membership.signal(.failed(failure))
        case .epoch(let epoch):
            logger.debug("another epoch", metadata: ["group.epoch": "\(epoch)"])
            membership.tell(.epoch(epoch))
        case .servicesRegistered: membership.tell(.offersKnown)
        case .refreshed: membership.tell(.refreshed)
        case .directory(let change): membership.changed(change)
        case .request(let request):
            if !membership.serve(request) {
                logger.warning(
                    "a request is dropped, because too many wait for their handler",
                    metadata: ["group.service": "\(request.service)"])
            }
        case .accepted, .answer, .completed, .refused, .timedOut: takeProgress(event)
        case .left:
            membership.tell(.left)
            membership.enter(.left)
        case .evicted:
            logger.warning("evicted from the group")
            membership.tell(.evicted)
            membership.enter(.dropped(wasEvicted: true))
        case .lost:
            logger.notice("the group's controller is silent; looking for it again")
            membership.tell(.lost)
            membership.enter(.dropped(wasEvicted: false))
        }
    }

    private func takeProgress(_ event: MemberEvent) {
        switch event {
        case .accepted(let id): membership.request(id)?.accepted()
        case .answer(let id, let alias, let isLast, let payload):
            membership.request(id)?.answer(GroupAnswer(server: alias, payload: payload, isLast: isLast))
        case .completed(let id, let answers, let reason):
            membership.removeRequest(id)?.completed(
                answers: Int(answers), reason: GroupCompletion.Reason(reason))
        case .refused(let id, let reason): membership.removeRequest(id)?.failed(GroupError.refused(reason))
        case .timedOut(let id): membership.removeRequest(id)?.failed(GroupError.timedOut)
        default: return
        }
    }
}

extension DeviceFailure {
    /// The failure in a few words, for a log.
    var sentence: String {
        switch self {
        case .noAnswer(let hint): "no answer in time" + Self.words(hint)
        case .notAuthentic(let hint): "whoever answered does not know the setup code" + Self.words(hint)
        case .declined(let reason): "the controller declines: \(reason.sentence)"
        case .blocked: "too many answers of controllers that do not know the setup code"
        }
    }

    private static func words(_ hint: RegistrationReason?) -> String { hint.map { " (\($0.sentence))" } ?? "" }
}

extension RegistrationReason {
    /// The reason in a few words.
    fileprivate var sentence: String {
        switch self {
        case .suite: "it takes no protocol suite that this device has"
        case .proof: "the proof is wrong, or the device is not known"
        case .role: "the device may not act in its role"
        case .capacity: "the group is full"
        case .busy: "it is busy"
        }
    }
}
