import Foundation
package import Logging
package import NIOCore
import NIOTunnel
package import Reachability
package import RemoteAccess
import ServiceLifecycle
import Synchronization
package import TrustCore

/// Publishes the gateway's addresses when they change, and tells clients in their sessions how to find it again.
package final class PublishingService: Service {
    private static let lookInterval = Duration.seconds(2)

    private let settings: PublishingSettings
    private let addresses: ReachableAddressBook
    private let store: any GatewayStore
    private let publisher: AddressPublisher?
    private let results = Mutex<[PublishingPlace: (sentence: String, works: Bool)]>([:])
    private let sequence = Mutex<UInt64>(0)

    package init(
        _ settings: PublishingSettings, addresses: ReachableAddressBook, store: any GatewayStore,
        eventLoopGroup: any EventLoopGroup, logger: Logger, report: @escaping @Sendable (ProgramEvent) -> Void
    ) throws {
        self.settings = settings
        self.addresses = addresses
        self.store = store
        guard settings.isOn else {
            publisher = nil
            return
        }
        let tls: WebTLS
        do {
            tls = try WebTLS(rootsFile: settings.roots)
        } catch {
            throw ProgramError.usage("the authorities of web.roots cannot be read: \(error)")
        }
        let relay = Relay()
        publisher = AddressPublisher(
            settings.publisher, web: WebClient(tls: tls, eventLoopGroup: eventLoopGroup, logger: logger),
            nameServer: settings.rfc2136.map { NameServer($0.server, eventLoopGroup: eventLoopGroup) }
        ) { place, sentence, works in
            relay.tell(place, sentence, works)
            report(
                ProgramEvent(
                    works ? "published" : "not-published",
                    "\(place.rawValue): \(works ? "" : "addresses are not published: ")\(sentence)",
                    ["place": place.rawValue]))
        }
        relay.set { [weak self] place, sentence, works in
            self?.results.withLock { $0[place] = (sentence, works) }
        }
    }

    /// Hands on what is told to an object that does not exist yet.
    private final class Relay: Sendable {
        typealias Body = @Sendable (PublishingPlace, String, Bool) -> Void
        private let target = Mutex<Body?>(nil)

        func set(_ body: @escaping Body) { target.withLock { $0 = body } }

        func tell(_ place: PublishingPlace, _ sentence: String, _ works: Bool) {
            let body = target.withLock { $0 }
            body?(place, sentence, works)
        }
    }

    /// How the last attempt went, for each place.
    package var attempts: [PublishingPlace: (sentence: String, works: Bool)] { results.withLock { $0 } }

    /// Answers a client's question in its session.
    package func answer(_ client: SubjectID) async throws -> AddressAnswer {
        let key = AddressRecordKey(root: try await root(), client: client)
        return AddressAnswer(
            addresses: addresses.told().map(\.description), key: Data(key.rawRepresentation),
            sequence: sequence.withLock { $0 }, name: settings.rfc2136 == nil ? nil : settings.name,
            push: settings.push.map { "\($0.url)" })
    }

    private func root() async throws -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return try await store.secret(
            named: "address-records", orStore: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                if let publisher = self.publisher { await self.look(publisher) }
                try await Task.sleep(for: Self.lookInterval)
            }
        }
    }

    private func look(_ publisher: AddressPublisher) async {
        guard let ledger = try? await store.ledger() else { return }
        let clients = ledger.subjects.filter { $0.revokedAt == nil }.map(\.id).suffix(AddressRecord.maximumRecipients)
        let content = AddressPublisher.Content(addresses: addresses.outside())
        await publisher.publish(content, recipients: Set(clients.map(\.rawValue))) { life in
            guard !clients.isEmpty, let identity = try await self.store.identity()?.identity else { return nil }
            let root = try await self.root()
            let now = Date()
            // The clock makes it grow over restarts, and the last one over a clock that was set back.
            let sequence = self.sequence.withLock { last in
                last = max(last + 1, UInt64(max(0, now.timeIntervalSince1970 * 1_000)))
                return last
            }
            var random = SystemRandomNumberGenerator()
            return try AddressRecord(
                addresses: content.addresses, sequence: sequence, issuedAt: now, expiresAt: now + life
            ).sealed(
                to: clients.map { AddressRecordKey(root: root, client: $0) }, signedBy: identity.currentServerKey,
                using: &random)
        }
    }
}
