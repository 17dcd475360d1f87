import Groups
import Synchronization

/// One member: registers, answers, asks, and tells what happens.
struct MemberPlayer: Sendable {
    private let id: String
    private let member: GroupMember
    private let plan: MemberPlan
    private let report: MemberReport
    private let tally = AskTally()

    init(
        _ configuration: GroupMemberConfiguration, _ plan: MemberPlan, in surroundings: MemberSurroundings,
        report: MemberReport, readiness: Readiness
    ) throws {
        let id = configuration.id
        var observer = MemberObserver()
        observer.event = { event in
            report(ProgramEvent(event, of: id))
            if case .registered = event { readiness.started(id) }
        }
        observer.service = { report(ProgramEvent($0, of: id)) }
        self.id = id
        self.plan = plan
        self.report = report
        member = try GroupMember(configuration, in: surroundings, observer: observer)
    }

    /// The member has ended with an error, and others go on.
    func failed(_ error: any Error) {
        report(ProgramEvent("failed", "\(id): \(error)", ["id": id, "reason": "\(error)"]))
    }

    /// Runs until cancelled, or until all is asked.
    ///
    /// - Throws: ``GroupError`` when the device cannot be a member; ``ProgramError`` when nothing that it asked was
    ///   answered for.
    func play() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await member.run()
                return true
            }
            for service in plan.offers {
                group.addTask {
                    try await member.serve(service) { try await answer($0) }
                    return false
                }
            }
            if plan.asking != nil || plan.readsInput {
                group.addTask {
                    try await member.registered()
                    try await ask()
                    return plan.isFinite
                }
            }
            defer { group.cancelAll() }
            while let isOver = try await group.next() {
                guard isOver else { continue }
                group.cancelAll()
                while (try? await group.next()) != nil {}
            }
        }
        try tally.check()
    }

    // MARK: Answering

    private func answer(_ request: GroupInboundRequest) async throws -> [UInt8]? {
        report(
            ProgramEvent(
                "request", "\(id) is asked for \(request.service): \(request.text)",
                ["id": id, "service": request.service, "from": "\(request.client)", "payload": request.text]))
        switch plan.answering {
        case .nothing: return nil
        case .text(let text): return Array(text.utf8)
        case .command(let command): return try await AnswerCommand.run(command, request)
        }
    }

    // MARK: Asking

    private func ask() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let asking = plan.asking { group.addTask { try await repeatedly(asking) } }
            if plan.readsInput { group.addTask { try await askInput() } }
            try await group.waitForAll()
        }
    }

    private func repeatedly(_ asking: MemberPlan.Asking) async throws {
        guard let every = asking.every else {
            for _ in 0..<(asking.count ?? 1) { try await askOnce(asking.service, asking.payload) }
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var next = ContinuousClock.now
            var open = 0
            for number in 1... {
                if open >= 1_024 {
                    try await group.next()
                    open -= 1
                }
                open += 1
                group.addTask { try await askOnce(asking.service, asking.payload) }
                if number == asking.count { break }
                next += every
                try await Task.sleep(until: next, clock: .continuous)
            }
            try await group.waitForAll()
        }
    }

    /// Asks what standard input says, line by line: `URN TEXT`.
    private func askInput() async throws {
        for await line in InputLines() {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard let service = parts.first else { continue }
            try await askOnce(String(service), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    private func askOnce(_ service: String, _ payload: String) async throws {
        let number = "\(tally.begin())"
        let base = ["id": id, "request": number]
        do {
            for try await update in member.request(service, payload, window: plan.window).updates {
                switch update {
                case .accepted: report(ProgramEvent("accepted", "request \(number) is accepted", base))
                case .answer(let answer):
                    let facts = [
                        "server": "\(answer.server)", "payload": answer.text, "last": answer.isLast ? "true" : "false",
                    ]
                    report(
                        ProgramEvent(
                            "answer", "request \(number), server \(answer.server): \(answer.text)",
                            base.merging(facts) { $1 }))
                case .completed(let completion):
                    tally.completed()
                    let facts = ["answers": "\(completion.answers)", "reason": completion.reason.name]
                    report(
                        ProgramEvent(
                            "completed", "request \(number) is over with \(completion.answers) answers",
                            base.merging(facts) { $1 }))
                }
            }
        } catch let error as GroupError {
            switch error.code {
            case .refused:
                let reason = error.refusal?.name ?? ""
                report(
                    ProgramEvent("refused", "request \(number): \(error)", base.merging(["reason": reason]) { $1 }))
            case .timedOut, .notRegistered, .tooManyRequests:
                report(ProgramEvent("timed-out", "request \(number): \(error)", base))
            default: throw error
            }
        }
    }
}

/// Counts requests, and those that came to their end.
final class AskTally: Sendable {
    private let counts = Mutex((begun: 0, completed: 0))

    func begin() -> Int {
        counts.withLock { counts in
            counts.begun += 1
            return counts.begun
        }
    }

    func completed() { counts.withLock { $0.completed += 1 } }

    /// - Throws: ``ProgramError`` when something was asked and nothing came to its end.
    func check() throws {
        let counts = counts.withLock { $0 }
        guard counts.begun > 0, counts.completed == 0 else { return }
        throw ProgramError.failure("none of \(counts.begun) requests was taken to its end")
    }
}

extension ProgramEvent {
    /// What has happened to a member.
    init(_ event: GroupEvent, of id: String) {
        switch event {
        case .registered(let number):
            self.init("registered", "\(id) is registered as member \(number)", ["id": id, "member": "\(number)"])
        case .epoch(let epoch): self.init("epoch", "\(id) is in epoch \(epoch)", ["id": id, "epoch": "\(epoch)"])
        case .offersKnown: self.init("offers-known", "what \(id) offers is known to the group", ["id": id])
        case .refreshed: self.init("refreshed", "the keys of \(id) are fresh", ["id": id])
        case .registrationFailed(let reason):
            self.init(
                "registration-failed", "\(id) is not registered yet: \(reason)", ["id": id, "reason": reason])
        case .controllerFound(let address):
            self.init("controller-found", "a controller is at \(address)", ["id": id, "address": address])
        case .lost: self.init("lost", "\(id) has lost the controller and looks for it", ["id": id])
        case .evicted: self.init("evicted", "\(id) was evicted", ["id": id])
        case .left: self.init("left", "\(id) has left", ["id": id])
        }
    }

    /// A service that a member can ask for, or no longer.
    init(_ change: GroupServiceChange, of id: String) {
        switch change {
        case .appeared(let service):
            self.init("service-appeared", "\(service) is on offer", ["id": id, "service": service])
        case .vanished(let service):
            self.init("service-vanished", "\(service) is offered no more", ["id": id, "service": service])
        }
    }
}
