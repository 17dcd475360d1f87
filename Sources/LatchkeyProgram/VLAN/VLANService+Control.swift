import AccessPolicy
import Foundation
import Logging
import NIOUPnP
import NetworkTypes
import RemoteAccess
import TrustCore

/// What the control socket asks of VLAN mode.
extension VLANService {
    func sessions() async -> [SessionReport] { [] }

    func devices() async -> [DeviceReport] {
        var all: [DeviceReport] = []
        for direction in directions {
            for (device, silence) in await direction.client.devices() {
                all.append(
                    DeviceReport(
                        udn: device.root.udn, name: device.friendlyName, type: device.root.deviceType,
                        location: nil,
                        state: silence.map { "silent: \($0)" } ?? "shown on \(direction.way.away.name)"))
            }
        }
        return all
    }

    func deviceFacts() async -> [DeviceFacts] { directions.flatMap { $0.server.devices.map(\.device.facts) } }

    func status() async -> StatusReport {
        var details = ["uptime-seconds": String(startedAt.duration(to: .now).components.seconds)]
        for direction in directions {
            let served = direction.way.allowed.map(\.description).joined(separator: ", ")
            details["\(direction.way.home.name)-on-\(direction.way.away.name)"] =
                "\(direction.server.devices.count) devices found, shown to \(served) as \(direction.way.subject)"
        }
        return StatusReport(
            role: "vlan", name: directions.map(\.way.subject).joined(separator: ", "), state: "serving",
            details: details)
    }

    func storeChanged() async {
        for direction in directions {
            do {
                try await direction.trust.reload()
            } catch {
                logger.warning("the store could not be read", metadata: ["error": "\(error)"])
            }
        }
    }

    func endSessions(of subject: SubjectID) async -> Int {
        var ended = 0
        for direction in directions { ended += await direction.server.endSessions(of: subject) }
        return ended
    }

    /// A question is of one direction; its answer holds for the subject, of which there is one in each.
    func consent(_ order: ConsentOrder) async throws -> [ConsentReport] {
        let answer: (client: String, rule: String, isGiven: Bool)? =
            switch order {
            case .list: nil
            case .allow(let client, let rule): (client, rule, true)
            case .refuse(let client, let rule): (client, rule, false)
            }
        if let answer {
            for direction in directions {
                let subject = try StoreControlHandler.subject(
                    answer.client, in: try await direction.trust.store.ledger())
                try await direction.trust.answer(
                    rule: answer.rule, subject: subject.id, consents: answer.isGiven, author: NSUserName())
            }
        }
        return directions.flatMap(\.trust.consents.open).map {
            ConsentReport(client: $0.client, rule: $0.rule, device: $0.device, action: $0.action, asked: $0.askedAt)
        }
    }

    /// Reads the policy's file again.
    /// - Throws: `ProgramError` with the file's faults, and where no file is followed.
    func reloadPolicy() async throws -> PolicyReport {
        guard let followed else {
            throw ProgramError.failure(
                "no policy's file is followed; start with --policy FILE, or put one in force with: "
                    + "latchkey policy set FILE")
        }
        let report = try await followed.read()
        await storeChanged()
        return report
    }
}
