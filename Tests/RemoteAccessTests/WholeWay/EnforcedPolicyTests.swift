import AccessPolicy
import Foundation
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

extension Street {
    /// Puts rules in force.
    func enforce(_ rules: [PolicyRule]) {
        trust.policy.update { $0.document = PolicyDocument(rules: rules) }
    }
}

extension PolicyRule {
    /// Everything of devices by that name.
    static func all(of device: String) -> PolicyRule {
        PolicyRule(
            name: "all-\(device)", operations: [.everything], device: DeviceSelector(name: [NamePattern(device)]))
    }
}

/// Hears decisions.
private final class Ear: DecisionObserver {
    let heard = Journal()

    func observed(_ decision: Decision, of request: AccessRequest, session: SessionID) {
        heard.note(
            "\(request.operation.rawValue) \(request.action ?? "-") \(decision.permitted) \(decision.rule ?? "-")")
    }
}

@Suite(
    "A policy is enforced on the only way to the devices", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct EnforcedPolicyTests {
    private let evening = PolicyRule(
        name: "evening-volume", operations: [.action("SetVolume")], device: .init(name: [NamePattern("Speaker")]),
        arguments: [ArgumentCondition(name: "DesiredVolume", test: .range(min: nil, max: 40))])

    private func volume(_ value: String) -> [ActionArgument] {
        // In another order than the description's.
        [
            ActionArgument("DesiredVolume", value), ActionArgument("Channel", "Master"),
            ActionArgument("InstanceID", "0"),
        ]
    }

    private func fault(_ body: () async throws -> Void) async -> UPnPFault? {
        do {
            try await body()
            return nil
        } catch {
            return error as? UPnPFault
        }
    }

    @Test(
        "A forbidden action is not in the service's description, 41 is refused by a rule that is named, and 40 is done")
    func volume() async throws {
        let ear = Ear()
        try await Street(observer: ear).whileOpen { street, endpoint in
            street.enforce([evening])
            try await street.withClient(.deviceTypes(["urn:schemas-upnp-org:device:Nothing:1"]), at: endpoint) { app in
                let speaker = try await app.device(named: "Speaker")
                let url = try #require(speaker.services.first?.scpdURL)
                let scpd = try SCPD(parsing: try await app.get(url).1.readableBytesView)
                #expect(scpd.actions.map(\.name) == ["SetVolume"])
                #expect(scpd.stateVariable(named: "Mute") == nil)
                #expect(await app.client.devices().map(\.device.friendlyName) == ["Speaker"])
                let refused = await fault { _ = try await app.invoke("SetVolume", volume("41"), on: speaker) }
                #expect(refused?.code == .actionNotAuthorized)
                let text = refused?.description ?? ""
                #expect(text.contains("evening-volume") && text.contains("at most 40"), "it says: \(text)")
                _ = try await app.invoke("SetVolume", volume("40"), on: speaker)
                let muted = await fault {
                    _ = try await app.invoke(
                        "SetMute", [ActionArgument("Channel", "Master"), ActionArgument("DesiredMute", "1")],
                        on: speaker)
                }
                #expect(muted?.code == .actionNotAuthorized)
                #expect(street.acts.lines == ["volume 40"])
                #expect(ear.heard.lines.contains("control SetVolume false evening-volume"))
                #expect(ear.heard.lines.contains("control SetVolume true evening-volume"))
                // Nobody asked for what was merely left out of a list.
                #expect(ear.heard.lines.filter { $0.contains("SetMute") }.count == 1)
            }
        }
    }

    @Test("What the device is told is what was decided on, however the request was written")
    func differentials() async throws {
        try await Street().whileOpen { street, endpoint in
            street.enforce([evening])
            try await street.withClient(.preset("watch-nothing"), at: endpoint) { app in
                let speaker = try await app.device(named: "Speaker")
                let url = try #require(speaker.services.first?.controlURL)
                let type = "urn:schemas-upnp-org:service:RenderingControl:1"
                for (name, body, isDone) in SOAPTrick.all(type) {
                    let before = street.acts.lines.count
                    let status = try await app.post(body, to: url, soapAction: "\"\(type)#SetVolume\"")
                    let done = street.acts.lines.dropFirst(before)
                    #expect(status == (isDone ? 200 : 500), "\(name)")
                    #expect(Array(done) == (isDone ? ["volume 40"] : []), "\(name)")
                }
            }
        }
    }

    @Test(
        "Below one container means below it: by the object's own place, on the way there, in searches and by reference")
    func containers() async throws {
        try await Street().whileOpen { street, endpoint in
            street.enforce([
                PolicyRule(
                    name: "only-jazz", operations: [.action("Browse"), .action("Search"), .media],
                    device: .init(name: [NamePattern("Library")]), below: ["jazz"])
            ])
            try await street.withClient(.preset("watch-nothing"), at: endpoint) { app in
                let library = try await app.device(named: "Library")
                func ask(_ action: String, _ id: String, _ flag: String = "") async throws -> (String, String, String) {
                    let first = action == "Browse" ? ("ObjectID", "BrowseFlag") : ("ContainerID", "SearchCriteria")
                    let answer = try await app.invoke(
                        action,
                        [
                            ActionArgument(first.0, id), ActionArgument(first.1, flag), ActionArgument("Filter", "*"),
                            ActionArgument("StartingIndex", "0"), ActionArgument("RequestedCount", "10"),
                            ActionArgument("SortCriteria", ""),
                        ], on: library)
                    let result = answer["Result"] ?? ""
                    let ids = result.matches(of: /<(?:item|container) id="([a-z0-9]+)"/).map { String($0.1) }
                    return (ids.joined(separator: " "), answer["NumberReturned"] ?? "", answer["TotalMatches"] ?? "")
                }
                #expect(try await ask("Browse", "jazz", "BrowseDirectChildren") == ("song", "1", "1"))
                #expect(try await ask("Browse", "song", "BrowseMetadata") == ("song", "1", "1"))
                // The way there, and nothing beside it.
                #expect(try await ask("Browse", "0", "BrowseDirectChildren") == ("music", "1", "1"))
                #expect(try await ask("Browse", "music", "BrowseDirectChildren") == ("jazz", "1", "1"))
                #expect(try await ask("Search", "0", "*") == ("song", "1", "1"))
                for outside in ["family", "picture", "cover", "anthem", "nowhere"] {
                    let refused = await fault { _ = try await ask("Browse", outside, "BrowseMetadata") }
                    #expect(refused?.code == .actionNotAuthorized, "\(outside)")
                }
                let search = await fault { _ = try await ask("Search", "family", "*") }
                #expect(search?.code == .actionNotAuthorized)
                // By reference: a picture from elsewhere is in a permitted container, and its original is not named.
                street.enforce([
                    PolicyRule(
                        name: "only-music", operations: [.action("Browse")],
                        device: .init(name: [NamePattern("Library")]), below: ["music"])
                ])
                #expect(try await ask("Browse", "music", "BrowseDirectChildren") == ("jazz cover", "2", "2"))
            }
        }
    }

    @Test("A first use waits for the owner's consent, is refused with that sentence, and works afterwards")
    func consent() async throws {
        try await Street().whileOpen { street, endpoint in
            var rule = evening
            rule.consent = true
            street.enforce([rule])
            try await street.withClient(.preset("watch-nothing"), at: endpoint) { app in
                let speaker = try await app.device(named: "Speaker")
                let refused = await fault { _ = try await app.invoke("SetVolume", volume("9"), on: speaker) }
                #expect(refused?.description.contains("owner") == true)
                let question = try #require(street.trust.consents.open.first)
                #expect(question.client == "phone" && question.rule == "evening-volume")
                _ = await fault { _ = try await app.invoke("SetVolume", volume("9"), on: speaker) }
                #expect(street.trust.consents.open.count == 1)
                street.trust.policy.update { $0.consents = [question.subject: [question.rule]] }
                _ = try await app.invoke("SetVolume", volume("9"), on: speaker)
                #expect(street.acts.lines == ["volume 9"])
            }
        }
    }

    @Test("A rule's time ends by itself: the device says byebye, and a call is refused in the same minute")
    func time() async throws {
        let moment = Mutex(PolicyMoment(Date(timeIntervalSince1970: 1_795_000_000), secondsFromGMT: 0))
        let start = moment.withLock { $0.minuteOfDay }
        let clock: @Sendable () -> PolicyMoment = { moment.withLock { $0 } }
        try await Street(clock: clock).whileOpen { street, endpoint in
            var rule = evening
            rule.when = PolicySchedule(hours: [.init(from: start, to: (start + 10) % 1440)])
            street.enforce([rule])
            try await street.withClient(.preset("watch-nothing"), at: endpoint) { app in
                let speaker = try await app.device(named: "Speaker")
                moment.withLock {
                    $0 = PolicyMoment($0.date + 660, secondsFromGMT: 0)
                }
                let refused = await fault { _ = try await app.invoke("SetVolume", volume("9"), on: speaker) }
                #expect(refused?.description.contains("evening-volume") == true)
                await app.change { if case .disappeared(speaker.udn, _) = $0 { true } else { false } }
            }
        }
    }
}
