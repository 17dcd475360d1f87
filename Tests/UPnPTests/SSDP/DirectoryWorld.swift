import NetworkTypes
import TestKit
import UPnP

/// A link with devices that live, and a network that delays, reorders, repeats and, if told so, loses
/// datagrams. It knows the truth about its devices, which is the model that a directory is held against.
struct DirectoryWorld {
    struct Device {
        var name: String
        var host: UInt8
        var port = 80
        var isOn = false
        /// Whether its last end was a byebye.
        var hasLeft = false
        /// UDA 1.0 devices send neither.
        var sendsIDs: Bool
        var bootID: UInt32 = 1
        var configID: UInt32 = 1
        var maxAge: Int
        var embedded: Int
        /// An announcement of an earlier life does not count; its timer is recognised by this.
        var life = 0

        var udn: String { "uuid:\(name)" }
        var location: String { "http://\(DirectoryHarness.address(host)):\(port)/d.xml" }
    }

    enum Event {
        case delivery(SSDPMessage, from: IPAddress)
        case announcement(device: Int, life: Int)
        case answer(device: Int)
    }

    var rng: SeededGenerator
    var clock = VirtualClock()
    var devices: [Device]
    var timeline = Timeline<Event>()
    var directory = DeviceDirectory()
    let lossPercent: Int

    /// What the changes, one after another, say is there.
    private(set) var folded: [String: DiscoveredDevice] = [:]
    /// When the last believable announcement of a UDN runs out, kept apart from the directory.
    private(set) var leases: [String: ContinuousClock.Instant] = [:]
    private(set) var complaints: [String] = []
    private var nextHost: UInt8 = 100
    private var wakesAtOnce = 0

    init(seed: UInt64, lossPercent: Int) {
        var rng = SeededGenerator(seed: seed)
        self.lossPercent = lossPercent
        self.devices = (0..<6).map { index in
            Device(
                name: "d\(index)", host: UInt8(10 + index), sendsIDs: Bool.random(using: &rng),
                maxAge: [60, 120, 1800].randomElement(using: &rng) ?? 60, embedded: index % 3)
        }
        self.rng = rng
    }

    // MARK: What devices do

    /// One random act of one random device.
    mutating func act() {
        let index = Int.random(in: devices.indices, using: &rng)
        guard devices[index].isOn else {
            boot(index, isSameAddress: Int.random(in: 0..<3, using: &rng) > 0)
            return
        }
        switch Int.random(in: 0..<8, using: &rng) {
        case 0: leave(index)
        case 1: die(index)
        case 2:
            leave(index)
            boot(index, isSameAddress: true)
        case 3:
            die(index)
            boot(index, isSameAddress: Bool.random(using: &rng))
        case 4:
            devices[index].port += 1
            announce(index)
        case 5:
            devices[index].configID += 1
            announce(index)
        case 6: updateBootID(index)
        default: announce(index)
        }
    }

    private mutating func boot(_ index: Int, isSameAddress: Bool) {
        if !isSameAddress {
            nextHost = nextHost == 199 ? 100 : nextHost + 1
            devices[index].host = nextHost
        }
        devices[index].isOn = true
        devices[index].bootID += 1
        announce(index)
    }

    private mutating func die(_ index: Int) {
        devices[index].isOn = false
        devices[index].hasLeft = false
        devices[index].life += 1
    }

    private mutating func leave(_ index: Int) {
        for target in targets(index) {
            send(
                .byebye(
                    SSDPByebye(
                        target: target.notificationType, usn: target.usn,
                        bootID: devices[index].sendsIDs ? devices[index].bootID : nil)
                ),
                from: index
            )
        }
        die(index)
        devices[index].hasLeft = true
    }

    private mutating func updateBootID(_ index: Int) {
        guard devices[index].sendsIDs else { return }
        let old = devices[index].bootID
        devices[index].bootID += 1
        for target in targets(index) {
            send(
                .update(
                    SSDPUpdate(
                        target: target.notificationType, usn: target.usn, location: devices[index].location,
                        bootID: old, nextBootID: devices[index].bootID)
                ),
                from: index
            )
        }
        announce(index)
    }

    /// Announces the set, now and from here on every third of max-age.
    private mutating func announce(_ index: Int) {
        devices[index].life += 1
        timeline.add(.announcement(device: index, life: devices[index].life), at: clock.now)
    }

    private func targets(_ index: Int) -> [AdvertisedTarget] {
        let device = devices[index]
        return AdvertisedDevice(
            udn: device.udn, deviceType: "urn:x:device:D:1", serviceTypes: [],
            embedded: (0..<device.embedded).map {
                AdvertisedDevice(udn: "\(device.udn)-\($0)", deviceType: "urn:x:device:E:1", serviceTypes: [])
            }
        ).targets
    }

    private func announcement(_ target: AdvertisedTarget, of index: Int) -> SSDPAnnouncement {
        let device = devices[index]
        return SSDPAnnouncement(
            target: target.notificationType, usn: target.usn, location: device.location, maxAge: device.maxAge,
            bootID: device.sendsIDs ? device.bootID : nil, configID: device.sendsIDs ? device.configID : nil)
    }

    // MARK: The network

    private mutating func send(_ message: SSDPMessage, from index: Int) {
        let source = DirectoryHarness.address(devices[index].host)
        let copies = Int.random(in: 0..<5, using: &rng) == 0 ? 2 : 1
        for _ in 0..<copies where Int.random(in: 0..<100, using: &rng) >= lossPercent {
            let delay = Duration.milliseconds(Int.random(in: 0..<900, using: &rng))
            timeline.add(.delivery(message, from: source), at: clock.now + delay)
        }
    }

    /// Lets everything happen that happens within `duration`, checking the directory after each step.
    mutating func run(for duration: Duration) {
        let end = clock.now + duration
        while true {
            let next = [timeline.next, directory.nextWake].compactMap { $0 }.min()
            guard let next, next <= end else { break }
            wakesAtOnce = next > clock.now ? 0 : wakesAtOnce + 1
            if wakesAtOnce > 1000 {
                complain("woken for nothing")
                break
            }
            clock.advance(to: next)
            record(directory.expire(now: clock.now))
            for udn in directory.dueSearches(now: clock.now) { hearSearch(udn) }
            while let event = timeline.popDue(now: clock.now) { happen(event) }
            check()
        }
        clock.advance(to: end)
    }

    private mutating func hearSearch(_ udn: String) {
        guard let index = devices.firstIndex(where: { $0.udn == udn }) else { return }
        let wait = Duration.milliseconds(Int.random(in: 0..<1000, using: &rng))
        timeline.add(.answer(device: index), at: clock.now + wait)
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .announcement(let index, let life):
            guard devices[index].isOn, devices[index].life == life else { return }
            for target in targets(index) { send(.alive(announcement(target, of: index)), from: index) }
            timeline.add(event, at: clock.now + .seconds(devices[index].maxAge) / 3)
        case .answer(let index):
            guard devices[index].isOn, let own = targets(index).dropFirst().first else { return }
            send(.response(announcement(own, of: index)), from: index)
        case .delivery(let message, let source):
            let changes = directory.handle(
                message, from: SocketEndpoint(source, port: 50_000), on: DirectoryHarness.interface, now: clock.now)
            switch message {
            case .alive(let heard), .response(let heard):
                let root = String(heard.usn.udn.prefix(7))
                let lease = clock.now + .seconds(heard.maxAge)
                leases[root] = max(leases[root] ?? lease, lease)
            default: break
            }
            record(changes)
        }
    }
}

extension DirectoryWorld {
    /// Applies changes to a list of one's own, as a consumer of the stream does.
    fileprivate mutating func record(_ changes: [DeviceDirectory.Change]) {
        for change in changes {
            switch change {
            case .appeared(let device):
                if folded[device.udn] != nil { complain("\(device.udn) appeared twice") }
                folded[device.udn] = device
            case .relocated(let device), .rebooted(let device), .reconfigured(let device),
                .embeddedDisappeared(let device, _):
                if folded[device.udn] == nil { complain("\(device.udn) changed while gone") }
                folded[device.udn] = device
            case .disappeared(let udn, _):
                if folded.removeValue(forKey: udn) == nil { complain("\(udn) went twice") }
            }
        }
    }

    /// What must hold at every moment, whatever the network does.
    fileprivate mutating func check() {
        if directory.devices.map(\.udn) != folded.keys.sorted() {
            complain("changes say \(folded.keys.sorted()), the list \(directory.devices.map(\.udn))")
        }
        for device in directory.devices {
            if folded[device.udn]?.location != device.location { complain("\(device.udn) moved without a change") }
            if leases[device.udn].map({ $0 <= clock.now }) ?? true {
                complain("\(device.udn) outlives its announcements")
            }
        }
    }

    private mutating func complain(_ text: String) {
        if complaints.count < 10 { complaints.append("\(clock.elapsed): \(text)") }
    }

    /// Where the directory and the truth differ, once nothing is under way. A device that died in silence may
    /// be listed until its announcements run out.
    func differences(allowingSilentDeaths: Bool) -> [String] {
        devices.compactMap { device in
            let listed = directory[device.udn]
            guard device.isOn else {
                if allowingSilentDeaths, !device.hasLeft || listed?.location != device.location { return nil }
                return listed.map { "\(device.name) is off, listed at \($0.location)" }
            }
            guard let listed else { return "\(device.name) is on and not listed" }
            if listed.location != device.location {
                return "\(device.name): \(listed.location), not \(device.location)"
            }
            guard device.sendsIDs else { return nil }
            return listed.bootID == device.bootID && listed.configID == device.configID
                ? nil : "\(device.name): boot \(listed.bootID as Any), not \(device.bootID)"
        }
    }
}
