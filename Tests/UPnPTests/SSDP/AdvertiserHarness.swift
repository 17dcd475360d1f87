import NetworkTypes
import TestKit
import UPnP

/// An advertiser in virtual time: everything that it sends, with when.
struct AdvertiserHarness {
    struct Sent {
        var at: Duration
        var message: SSDPMessage
        var destination: SocketEndpoint?
        var isStream = false
    }

    var advertiser: Advertiser
    var rng: SeededGenerator
    var clock = VirtualClock()
    var sent: [Sent] = []

    static let withoutByebye: AdvertiserConfiguration = {
        var configuration = AdvertiserConfiguration()
        configuration.byebyeFirst = false
        return configuration
    }()

    init(seed: UInt64, _ configuration: AdvertiserConfiguration = AdvertiserHarness.withoutByebye) {
        self.advertiser = Advertiser(configuration: configuration)
        self.rng = SeededGenerator(seed: seed)
    }

    static let asker = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 50)), port: 40_000)

    static func advertisement(
        _ root: AdvertisedDevice = `Advertisement sets`.device, bootID: UInt32 = 1, configID: UInt32 = 1,
        location: String = "http://192.0.2.1:80/d.xml", maxAge: Int = 1800
    ) -> Advertisement {
        Advertisement(
            root: root, location: location, maxAge: maxAge, server: "Linux/6 UPnP/2.0 Test/1", bootID: bootID,
            configID: configID)
    }

    mutating func add(_ advertisement: Advertisement = AdvertiserHarness.advertisement()) {
        advertiser.add(advertisement, now: clock.now, using: &rng)
    }

    mutating func update(_ advertisement: Advertisement) {
        advertiser.update(advertisement, now: clock.now, using: &rng)
    }

    @discardableResult
    mutating func search(
        _ target: String, maximumWait: Int? = 1, from asker: SocketEndpoint = AdvertiserHarness.asker,
        wasMulticast: Bool = true, accepts: Bool = true, tcpPort: UInt16? = nil
    ) -> Advertiser.SearchOutcome {
        advertiser.handle(
            SSDPSearch(target: target, maximumWait: maximumWait, tcpPort: tcpPort), from: asker,
            wasMulticast: wasMulticast,
            accepts: { _ in accepts }, now: clock.now, using: &rng
        )
    }

    /// Runs as a driver does, waking exactly when asked to, for `duration`.
    mutating func run(for duration: Duration) throws {
        let end = clock.now + duration
        while let wake = advertiser.nextWake, wake <= end {
            clock.advance(to: wake)
            for transmission in advertiser.tick(now: clock.now, using: &rng) {
                switch transmission {
                case .multicast(let bytes):
                    sent.append(Sent(at: clock.elapsed, message: try SSDPMessage(parsing: bytes)))
                case .unicast(let bytes, let destination):
                    sent.append(
                        Sent(at: clock.elapsed, message: try SSDPMessage(parsing: bytes), destination: destination))
                case .stream(let bytes, let destination):
                    for part in String(decoding: bytes, as: UTF8.self).split(separator: "\r\n\r\n") {
                        let message = try SSDPMessage(parsing: part.utf8)
                        sent.append(
                            Sent(at: clock.elapsed, message: message, destination: destination, isStream: true))
                    }
                }
            }
        }
        clock.advance(to: end)
    }

    /// What was sent since the last call.
    mutating func drain() -> [Sent] {
        defer { sent = [] }
        return sent
    }
}

extension Sequence<AdvertiserHarness.Sent> {
    var alives: [Element] { filter { if case .alive = $0.message { true } else { false } } }
    var byebyes: [Element] { filter { if case .byebye = $0.message { true } else { false } } }
    var updates: [Element] { filter { if case .update = $0.message { true } else { false } } }
    var answers: [SSDPAnnouncement] {
        compactMap { if case .response(let answer) = $0.message { answer } else { nil } }
    }
}
