package import Foundation
import HTTPTypes
package import NetworkTypes
import Synchronization
package import Traversal
package import TrustCore
package import UPnP

/// Where a gateway tells its addresses, and how that went.
package enum PublishingPlace: String, Hashable, Sendable, Codable, CaseIterable {
    case dyndns2
    case rfc2136
    case push
}

/// Tells the world where the gateway is: dynamic DNS for everybody, sealed records for its clients.
package final class AddressPublisher: Sendable {
    package struct Configuration: Sendable {
        /// A dyndns2 server's update URL, such as `https://dyn.example/nic/update`, with who asks there.
        package var dyndns2: (url: HTTPURL, user: String, password: String)?
        /// A zone that is updated by RFC 2136, with the name server and the key.
        package var rfc2136: (server: SocketEndpoint, zone: DNSName, key: TSIGKey)?
        /// The name that is kept at the current addresses.
        package var name: DNSName?
        /// Where records are posted, with a token of the user's.
        package var push: (url: HTTPURL, token: String?)?
        /// How long a record is good for; a new one is made when half of that is over.
        package var life: Duration = .seconds(7 * 86_400)
        /// Seconds that resolvers may keep what was published.
        package var ttl: UInt32 = 60

        package init() {}
    }

    /// What is to be told.
    package struct Content: Sendable, Hashable {
        /// In the order of preference.
        package var addresses: [GatewayAddress]
        /// The IP addresses among them that a name is to have.
        package var ip: [IPAddress]

        package init(addresses: [GatewayAddress]) {
            self.addresses = addresses
            var ip: [IPAddress] = []
            for case let address? in addresses.map({ $0.endpoint?.address }) where AddressReach(address) == .public {
                if !ip.contains(address) { ip.append(address) }
            }
            self.ip = ip
        }
    }

    /// Below the name, so that the name itself can be an alias.
    package static func recordName(of name: DNSName) -> DNSName? { DNSName("_latchkey.\(name)") }

    private let configuration: Configuration
    private let web: WebClient
    private let nameServer: NameServer?
    private let told: @Sendable (PublishingPlace, String, Bool) -> Void
    private let state = Mutex(State())

    private struct State {
        var schedule = Dyndns2Schedule()
        var sent: [PublishingPlace: (content: Content, recipients: Set<String>, at: ContinuousClock.Instant)] = [:]
        var retry: [PublishingPlace: ContinuousClock.Instant] = [:]
    }

    /// - Parameters:
    ///   - nameServer: The server of `rfc2136`.
    ///   - told: Told of each attempt: where, what came of it in a sentence, and whether it worked.
    package init(
        _ configuration: Configuration, web: WebClient, nameServer: NameServer?,
        told: @escaping @Sendable (PublishingPlace, String, Bool) -> Void
    ) {
        self.configuration = configuration
        self.web = web
        self.nameServer = nameServer
        self.told = told
    }

    /// Tells what has changed since it was told last. `seal` makes the record for the clients of `recipients`.
    package func publish(
        _ content: Content, recipients: Set<String>, seal: @Sendable (TimeInterval) async throws -> String?
    ) async {
        guard !content.addresses.isEmpty else { return }
        await updateByDyndns2(content)
        let places: [PublishingPlace] = [.rfc2136, .push].filter { isDue($0, content, recipients) }
        guard !places.isEmpty else { return }
        let record = try? await seal(TimeInterval(configuration.life.components.seconds))
        for place in places {
            do {
                let sentence =
                    place == .push ? try await push(record) : try await updateZone(content, record)
                state.withLock {
                    $0.sent[place] = (content, recipients, .now)
                    $0.retry[place] = nil
                }
                if let sentence { told(place, sentence, true) }
            } catch {
                state.withLock { $0.retry[place] = .now + .seconds(60) }
                told(place, "\(error)", false)
            }
        }
    }

    private func isDue(_ place: PublishingPlace, _ content: Content, _ recipients: Set<String>) -> Bool {
        guard place == .push ? configuration.push != nil : configuration.rfc2136 != nil else { return false }
        return state.withLock { state in
            if let retry = state.retry[place], retry > .now { return false }
            guard let sent = state.sent[place] else { return true }
            return sent.content != content || sent.recipients != recipients
                || sent.at.duration(to: .now) > configuration.life / 2
        }
    }

    private func updateByDyndns2(_ content: Content) async {
        guard let settings = configuration.dyndns2, let name = configuration.name else { return }
        guard state.withLock({ $0.schedule.isDue(content.ip, at: .now) }) else { return }
        let list = content.ip.map(\.description).joined(separator: ",")
        let query = (settings.url.query.map { "\($0)&" } ?? "") + "hostname=\(name)&myip=\(list)"
        let base = "\(settings.url)".split(separator: "?", maxSplits: 1)[0]
        guard let url = HTTPURL("\(base)?\(query)") else { return }
        var reply: Dyndns2Reply?
        do {
            let answer = try await web.send(
                .get, url, authorization: WebClient.basic(settings.user, settings.password))
            let read = Dyndns2Reply(answer.text, status: answer.status)
            reply = read
            switch read {
            case .good, .unchanged: told(.dyndns2, "\(name) is at \(list)", true)
            case .refused(let reason): told(.dyndns2, "\(reason); it is not tried again before a restart", false)
            case .trouble(let reason): told(.dyndns2, "\(reason); it is tried again in half an hour", false)
            }
        } catch {
            told(.dyndns2, "\(error)", false)
        }
        state.withLock { $0.schedule.answered(reply, to: content.ip, at: .now) }
    }

    private func updateZone(_ content: Content, _ record: String?) async throws -> String? {
        guard let settings = configuration.rfc2136, let name = configuration.name, let nameServer,
            let recordName = Self.recordName(of: name)
        else { return nil }
        var records = content.ip.map { DNSRecord(name, address: $0, ttl: configuration.ttl) }
        if let record { records.append(DNSRecord(recordName, text: record, ttl: configuration.ttl)) }
        try await nameServer.update(
            zone: settings.zone, records: records,
            removing: [
                .init(name, DNSRecord.Kind.a), .init(name, DNSRecord.Kind.aaaa), .init(recordName, DNSRecord.Kind.txt),
            ], key: settings.key)
        let list = content.ip.map(\.description).joined(separator: ", ")
        return "\(name) is at \(list.isEmpty ? "no public address" : list)"
    }

    private func push(_ record: String?) async throws -> String? {
        // Without a client there is nobody who could read it.
        guard let settings = configuration.push, let record else { return nil }
        let answer = try await web.send(
            .post, settings.url, authorization: settings.token.map { "Bearer \($0)" }, contentType: "text/plain",
            body: record)
        guard (200..<300).contains(answer.status) else {
            throw WebClient.Failure(description: "\(settings.url.host) answered with status \(answer.status)")
        }
        return "the clients' record was posted to \(settings.url.host)"
    }
}
