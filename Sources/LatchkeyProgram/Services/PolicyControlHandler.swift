package import AccessPolicy
package import Foundation
import NetworkTypes
import PolicyFile
package import TrustCore

/// Answers what `latchkey policy …` asks, from the store; with the running gateway's devices where one runs.
package struct PolicyControlHandler: Sendable {
    private let store: any GatewayStore & PolicyStore
    private let now: @Sendable () -> Date

    package init(store: any GatewayStore & PolicyStore, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.now = now
    }

    /// `devices`: what the running gateway has found, with their services; empty while none runs.
    package func handle(
        _ request: PolicyControlRequest, devices: [DeviceFacts] = []
    ) async throws -> PolicyControlReply {
        switch request {
        case .show(let version): return .shown(try await show(version))
        case .set(let text, let expecting, let author):
            return .stored(try await set(text, expecting: expecting, author: author))
        case .history:
            return .history(
                try await store.policyVersions(limit: PolicyStoreLimits.versions).map {
                    Self.report($0, withText: false)
                })
        case .rollback(let version, let author):
            let text = try await self.version(version).text
            return .stored(try await set(text, expecting: nil, author: author))
        case .explain(let question): return .explained(try await explain(question, devices: devices))
        case .reload:
            throw ProgramError.failure(
                "no policy's file is followed; put a file in force with: latchkey policy set FILE")
        }
    }

    private static func report(_ policy: StoredPolicy, withText: Bool) -> PolicyReport {
        PolicyReport(
            version: policy.version, author: policy.author, storedAt: policy.storedAt, sha256: policy.sha256,
            text: withText ? policy.text : nil)
    }

    private func version(_ version: Int) async throws -> StoredPolicy {
        let kept = try await store.policyVersions(limit: PolicyStoreLimits.versions)
        guard let policy = kept.first(where: { $0.version == version }) else {
            throw ProgramError.failure("version \(version) is not kept; see: latchkey policy history")
        }
        return policy
    }

    private func show(_ version: Int?) async throws -> PolicyReport {
        if let version { return Self.report(try await self.version(version), withText: true) }
        guard let policy = try await store.storedPolicy() else {
            return PolicyReport(version: 0, author: "", storedAt: nil, sha256: "", text: "")
        }
        return Self.report(policy, withText: true)
    }

    private func set(_ text: String, expecting: Int?, author: String) async throws -> PolicyReport {
        let document = try Self.parse(text)
        let before = try await store.storedPolicy()
        let stored = try await store.replacePolicy(text: text, expecting: expecting, author: author, now: now())
        var report = Self.report(stored, withText: false)
        // An older program may have stored what this one does not read.
        let old = before.flatMap { try? PolicyText.parse($0.text) } ?? PolicyDocument()
        report.changes = PolicyDifference.sentences(from: old, to: document)
        return report
    }

    static func parse(_ text: String) throws -> PolicyDocument {
        do {
            return try PolicyText.parse(text)
        } catch {
            throw ProgramError.failure("this is no policy:\n\(error)")
        }
    }

    private func explain(_ question: PolicyQuestion, devices: [DeviceFacts]) async throws -> ExplanationReport {
        let ledger = try await store.ledger()
        let subject = try StoreControlHandler.subject(question.client, in: ledger)
        guard let operation = AccessRequest.Operation(rawValue: question.operation) else {
            let known = AccessRequest.Operation.allCases.map(\.rawValue).joined(separator: ", ")
            throw ProgramError.usage("“\(question.operation)” is none of \(known)")
        }
        var notes: [String] = []
        let device = try await self.device(question.device, among: devices, &notes)
        var request = AccessRequest(
            subject: subject.id, via: try Self.via(question.via), device: device, operation: operation,
            service: question.service.map { Self.service($0, of: device, &notes) }, action: question.action,
            arguments: question.arguments.map { ($0.name, $0.value) })
        let moment = try Self.moment(question.at, now: now())
        request.moment = moment
        request.roles = Set(
            try question.roles.map { text in
                guard let role = RoleName(text) else { throw ProgramError.usage("“\(text)” is no role") }
                return role
            })
        request.consents = Set(try await store.consents().filter { $0.subject == subject.id }.map(\.rule))
        let document = try await store.storedPolicy().map { try Self.parse($0.text) }
        let explanation = CompiledPolicy(document: document, ledger: ledger).explain(request)
        return Self.report(explanation, notes: notes)
    }

    private static func report(_ explanation: Explanation, notes: [String]) -> ExplanationReport {
        let decision = explanation.decision
        let needs: String? =
            switch decision.needs {
            case nil: nil
            case .ancestry(let id)?: "where the object \(id) lies, which the running gateway asks the media server"
            case .consent(let rule)?: "the consent of somebody at home to the rule \(rule)"
            }
        return ExplanationReport(
            permitted: decision.permitted, reason: decision.reason, rule: decision.rule, line: explanation.line,
            needs: needs, below: decision.resultFilter?.containers ?? [], notes: notes,
            considered: explanation.considered.map {
                .init(
                    name: $0.rule, line: $0.line, effect: $0.effect.rawValue, verdict: $0.verdict.rawValue, why: $0.why)
            })
    }

    /// The device of that UDN or name: the running gateway's, else one that was seen before.
    private func device(
        _ name: String, among live: [DeviceFacts], _ notes: inout [String]
    ) async throws -> DeviceFacts {
        func isMeant(_ udn: String, _ friendly: String) -> Bool {
            let (name, udn) = (name.lowercased(), udn.lowercased())
            return udn == name || udn == "uuid:\(name)" || friendly.lowercased() == name
        }
        let found = live.filter { isMeant($0.udn, $0.name) }
        if found.count == 1, let device = found.first { return device }
        let seen = try await store.devices().filter { isMeant($0.udn, $0.name) }
        guard found.count + seen.count > 0 else {
            throw ProgramError.failure("no device “\(name)” was ever seen; list them with: latchkey gateway devices")
        }
        guard found.count <= 1, seen.count == 1, let device = seen.first else {
            throw ProgramError.failure("several devices are called “\(name)”; give the UDN of the one that is meant")
        }
        notes.append("the device was seen before and its services are not known at the moment")
        return DeviceFacts(udn: device.udn, name: device.name, deviceType: device.deviceType)
    }

    private static func service(_ text: String, of device: DeviceFacts, _ notes: inout [String]) -> String {
        if text.lowercased().hasPrefix("urn:") { return text }
        let wanted = text.lowercased()
        let known = device.serviceTypes.first { type in
            let parts = type.lowercased().split(separator: ":", omittingEmptySubsequences: false)
            return parts.count >= 4 && (parts[3] == wanted || parts.dropFirst(3).joined(separator: ":") == wanted)
        }
        if let known { return known }
        let type = "urn:schemas-upnp-org:service:\(text)\(text.contains(":") ? "" : ":1")"
        notes.append("the service is taken for \(type)")
        return type
    }

    private static func via(_ text: String?) throws -> Via {
        guard let text, text != "own-host" else { return .ownHost }
        guard let address = IPAddress(text) else {
            throw ProgramError.usage("“\(text)” is neither own-host nor the address of a neighbour")
        }
        return .neighbour(address)
    }

    private static func moment(_ text: String?, now: Date) throws -> PolicyMoment {
        let zone = TimeZone.current
        guard let text else { return PolicyMoment(now, secondsFromGMT: zone.secondsFromGMT(for: now)) }
        guard let wall = PolicyInstant(text), text.contains(":") else {
            throw ProgramError.usage("“\(text)” is no time such as 2026-11-28T23:00")
        }
        let local = Date(timeIntervalSince1970: Double(wall.minutes) * 60)
        let first = local - TimeInterval(zone.secondsFromGMT(for: local))
        let date = local - TimeInterval(zone.secondsFromGMT(for: first))
        return PolicyMoment(date, secondsFromGMT: zone.secondsFromGMT(for: date))
    }
}
