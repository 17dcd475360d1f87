import NetworkTypes
import TestKit
import UPnP

/// Several links of both families, with devices that are on some of them, and networks that delay, reorder,
/// repeat and, if told so, lose datagrams. It knows the truth, which a catalogue is held against.
struct CatalogueWorld {
    struct Device {
        var name: String
        var isOn = false
        /// The links that it is on, with its port there: another port, another LOCATION.
        var ports: [Int: Int] = [:]
        /// Links that it left without a word, where it may be believed until its announcements run out.
        var deserted: Set<Int> = []
        var sendsIDs: Bool
        var bootID: UInt32 = 1
        var configID: UInt32 = 1
        var maxAge: Int
        /// An announcement of an earlier life does not count; its timer is recognised by this.
        var life = 0

        var udn: String { "uuid:\(name)" }
    }

    enum Event {
        case delivery(SSDPMessage, device: Int, link: Int, generation: Int)
        case announcement(device: Int, life: Int)
        case answer(device: Int, link: Int, target: String)
    }

    static let links: [InterfaceAddress] = [
        ("eth0", 2, "192.0.2.200", "192.0.2.0/24"), ("eth0", 2, "fe80::200", "fe80::/64"),
        ("wlan0", 3, "198.51.100.200", "198.51.100.0/24"), ("wlan0", 3, "fd00::200", "fd00::/64"),
    ].compactMap { name, index, address, prefix in
        guard let address = IPAddress(address), let prefix = IPPrefix(prefix) else { return nil }
        return InterfaceAddress(interface: name, index: index, address: address, prefix: prefix)
    }

    static func source(of device: Int, on link: Int) -> IPAddress? {
        switch link {
        case 0: IPAddress("192.0.2.\(10 + device)")
        case 1: IPAddress("fe80::\(10 + device)")
        case 2: IPAddress("198.51.100.\(10 + device)")
        default: IPAddress("fd00::\(10 + device)")
        }
    }

    var rng: SeededGenerator
    var clock = VirtualClock()
    var devices: [Device]
    var timeline = Timeline<Event>()
    var catalogue = DeviceCatalogue()
    let lossPercent: Int
    private(set) var isUp: [Bool]
    private var generations: [Int]

    /// What the changes, one after another, say is there.
    private var folded: [String: DiscoveredDevice] = [:]
    /// The runs of a device that the catalogue has shown since it appeared.
    private var runs: [String: Set<UInt32>] = [:]
    private var leases: [String: ContinuousClock.Instant] = [:]
    private(set) var reboots = 0
    private(set) var complaints: [String] = []
    private var wakesAtOnce = 0

    init(seed: UInt64, lossPercent: Int) {
        var rng = SeededGenerator(seed: seed)
        self.lossPercent = lossPercent
        self.devices = (0..<5).map { index in
            Device(
                name: "d\(index)", sendsIDs: index != 0, maxAge: [60, 120, 1800].randomElement(using: &rng) ?? 60)
        }
        self.isUp = Self.links.map { _ in true }
        self.generations = Self.links.map { _ in 0 }
        self.rng = rng
        for link in Self.links { catalogue.linkGained(link) }
    }

    // MARK: What devices and links do

    /// One random act of one random device or link.
    mutating func act() {
        if Int.random(in: 0..<12, using: &rng) == 0 { return changeLink() }
        let index = Int.random(in: devices.indices, using: &rng)
        guard devices[index].isOn else { return boot(index) }
        switch Int.random(in: 0..<10, using: &rng) {
        case 0: leave(index)
        case 1: die(index)
        case 2:
            leave(index)
            boot(index)
        case 3, 4:
            die(index)
            boot(index)
        case 5:
            for link in devices[index].ports.keys.sorted() { devices[index].ports[link, default: 80] += 1 }
            announce(index)
        case 6:
            devices[index].configID += 1
            announce(index)
        case 7: join(index)
        case 8: part(index)
        default: announce(index)
        }
    }

    private mutating func changeLink() {
        let link = Int.random(in: isUp.indices, using: &rng)
        isUp[link].toggle()
        generations[link] += 1
        if isUp[link] {
            catalogue.linkGained(Self.links[link])
            for index in devices.indices { hearSearch(index, on: link, target: "upnp:rootdevice") }
        } else {
            for index in devices.indices { devices[index].deserted.remove(link) }
            record(catalogue.linkLost(Self.links[link], now: clock.now))
        }
    }

    private mutating func boot(_ index: Int) {
        let links = Self.links.indices.filter { _ in Bool.random(using: &rng) }
        let before = Set(devices[index].ports.keys)
        devices[index].deserted.formUnion(before)
        devices[index].ports = [:]
        for link in links.isEmpty ? [0] : links { devices[index].ports[link] = 80 }
        devices[index].deserted.subtract(devices[index].ports.keys)
        devices[index].isOn = true
        devices[index].bootID += 1
        announce(index)
    }

    private mutating func die(_ index: Int) {
        devices[index].isOn = false
        devices[index].deserted.formUnion(devices[index].ports.keys)
        devices[index].life += 1
    }

    private mutating func leave(_ index: Int) {
        let links = devices[index].ports.keys
        for link in links.sorted() { sayByebye(index, on: link) }
        die(index)
        devices[index].deserted.subtract(links)
        devices[index].ports = [:]
    }

    /// UDA 2.0 §1.2.4: updates on the links that it is on, then a set on all of them.
    private mutating func join(_ index: Int) {
        guard let link = Self.links.indices.first(where: { devices[index].ports[$0] == nil }) else { return }
        let old = devices[index].bootID
        devices[index].bootID += 1
        for link in devices[index].ports.keys.sorted() where devices[index].sendsIDs {
            let update = SSDPUpdate(
                target: devices[index].udn, usn: USN(udn: devices[index].udn), location: location(index, link),
                bootID: old, nextBootID: devices[index].bootID)
            send(.update(update), from: index, on: link)
        }
        devices[index].ports[link] = 80
        devices[index].deserted.remove(link)
        announce(index)
    }

    private mutating func part(_ index: Int) {
        guard devices[index].ports.count > 1, let link = devices[index].ports.keys.sorted().first else { return }
        if Bool.random(using: &rng) {
            sayByebye(index, on: link)
        } else {
            devices[index].deserted.insert(link)
        }
        devices[index].ports[link] = nil
    }

    /// Announces on every link, now and from here on every third of max-age.
    private mutating func announce(_ index: Int) {
        devices[index].life += 1
        timeline.add(.announcement(device: index, life: devices[index].life), at: clock.now)
    }

    private mutating func sayByebye(_ index: Int, on link: Int) {
        let device = devices[index]
        for target in Self.targets(device) {
            let byebye = SSDPByebye(
                target: target.notificationType, usn: target.usn, bootID: device.sendsIDs ? device.bootID : nil)
            send(.byebye(byebye), from: index, on: link)
        }
    }

    private static func targets(_ device: Device) -> [AdvertisedTarget] {
        AdvertisedDevice(udn: device.udn, deviceType: "urn:x:device:D:1", serviceTypes: []).targets
    }

    private func location(_ index: Int, _ link: Int) -> String {
        let address = Self.source(of: index, on: link)?.uriHost ?? ""
        return "http://\(address):\(devices[index].ports[link] ?? 0)/d.xml"
    }

    private func announcement(_ target: String, of index: Int, on link: Int) -> SSDPAnnouncement {
        let device = devices[index]
        return SSDPAnnouncement(
            target: target, usn: USN(udn: device.udn, target: target.hasPrefix("uuid:") ? nil : target),
            location: location(index, link), maxAge: device.maxAge, bootID: device.sendsIDs ? device.bootID : nil,
            configID: device.sendsIDs ? device.configID : nil)
    }

    // MARK: The network

    private mutating func send(_ message: SSDPMessage, from index: Int, on link: Int) {
        guard isUp[link] else { return }
        let copies = Int.random(in: 0..<5, using: &rng) == 0 ? 2 : 1
        for _ in 0..<copies where Int.random(in: 0..<100, using: &rng) >= lossPercent {
            let delay = Duration.milliseconds(Int.random(in: 0..<900, using: &rng))
            timeline.add(
                .delivery(message, device: index, link: link, generation: generations[link]), at: clock.now + delay)
        }
    }

    private mutating func hearSearch(_ index: Int, on link: Int, target: String) {
        let wait = Duration.milliseconds(Int.random(in: 0..<1000, using: &rng))
        timeline.add(.answer(device: index, link: link, target: target), at: clock.now + wait)
    }

    /// Lets everything happen that happens within `duration`, checking the catalogue after each step.
    mutating func run(for duration: Duration) {
        let end = clock.now + duration
        while let next = [timeline.next, catalogue.nextWake].compactMap({ $0 }).min(), next <= end {
            wakesAtOnce = next > clock.now ? 0 : wakesAtOnce + 1
            if wakesAtOnce > 1000 {
                complain("woken for nothing")
                break
            }
            clock.advance(to: next)
            record(catalogue.expire(now: clock.now))
            for (udn, link) in catalogue.dueSearches(now: clock.now) {
                guard let index = devices.firstIndex(where: { $0.udn == udn }),
                    let link = Self.links.firstIndex(of: link)
                else { continue }
                hearSearch(index, on: link, target: udn)
            }
            while let event = timeline.popDue(now: clock.now) { happen(event) }
            check()
        }
        clock.advance(to: end)
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .announcement(let index, let life):
            guard devices[index].isOn, devices[index].life == life else { return }
            for link in devices[index].ports.keys.sorted() {
                for target in Self.targets(devices[index]) {
                    send(.alive(announcement(target.notificationType, of: index, on: link)), from: index, on: link)
                }
            }
            timeline.add(event, at: clock.now + .seconds(devices[index].maxAge) / 3)
        case .answer(let index, let link, let target):
            guard devices[index].isOn, devices[index].ports[link] != nil else { return }
            send(.response(announcement(target, of: index, on: link)), from: index, on: link)
        case .delivery(let message, let index, let link, let generation):
            guard generation == generations[link], let source = Self.source(of: index, on: link) else { return }
            switch message {
            case .alive(let heard), .response(let heard):
                let lease = clock.now + .seconds(heard.maxAge)
                leases[heard.usn.udn] = max(leases[heard.usn.udn] ?? lease, lease)
            default: break
            }
            record(
                catalogue.handle(
                    message, from: SocketEndpoint(source, port: 50_000), on: Self.links[link], now: clock.now))
        }
    }
}

// MARK: The truth

extension CatalogueWorld {
    /// Applies changes to a list of one's own, as a consumer of the stream does.
    private mutating func record(_ changes: [DeviceCatalogue.Change]) {
        for change in changes {
            switch change {
            case .appeared(let device):
                if folded[device.udn] != nil { complain("\(device.udn) appeared twice") }
                folded[device.udn] = device
            case .relocated(let device), .rebooted(let device), .reconfigured(let device),
                .embeddedDisappeared(let device, _):
                if folded[device.udn] == nil { complain("\(device.udn) changed while gone") }
                folded[device.udn] = device
                guard case .rebooted = change, let bootID = device.bootID else { continue }
                reboots += 1
                if runs[device.udn]?.contains(bootID) ?? false { complain("\(device.udn) rebooted twice to \(bootID)") }
            case .disappeared(let udn, _):
                if folded.removeValue(forKey: udn) == nil { complain("\(udn) went twice") }
                runs[udn] = nil
            }
        }
        for device in catalogue.devices {
            if let bootID = device.bootID { runs[device.udn, default: []].insert(bootID) }
        }
    }

    /// What must hold at every moment, whatever the network does.
    private mutating func check() {
        let devices = catalogue.devices
        if devices.map(\.udn) != folded.keys.sorted() {
            complain("changes say \(folded.keys.sorted()), the list \(devices.map(\.udn))")
        }
        for device in devices {
            let told = folded[device.udn]
            if told?.location != device.location || told?.interface != device.interface {
                complain("\(device.udn) moved without a change")
            }
            if leases[device.udn].map({ $0 <= clock.now }) ?? true {
                complain("\(device.udn) outlives its announcements")
            }
            if Set(device.paths.map(\.interface)).count != device.paths.count { complain("two paths on one link") }
            if device.paths.first?.location != device.location { complain("the path in use is not the first") }
            if device.paths.contains(where: { !isUp[Self.links.firstIndex(of: $0.interface) ?? 0] }) {
                complain("\(device.udn) has a path over a link that is down")
            }
        }
    }

    private mutating func complain(_ text: String) {
        if complaints.count < 10 { complaints.append("\(clock.elapsed): \(text)") }
    }

    /// Where the catalogue and the truth differ, once nothing is under way. A path that a device left in
    /// silence may be listed until its announcements run out.
    func differences(allowingSilence: Bool) -> [String] {
        devices.indices.flatMap { index -> [String] in
            let device = devices[index]
            let listed = catalogue[device.udn]
            let expected = device.isOn ? device.ports.keys.filter { isUp[$0] }.sorted() : []
            var faults: [String] = []
            for link in expected where !(listed?.paths.contains { $0.location == location(index, link) } ?? false) {
                faults.append("\(device.name) is not listed on link \(link)")
            }
            let silent = allowingSilence ? device.deserted : []
            for path in listed?.paths ?? [] {
                let link = Self.links.firstIndex(of: path.interface) ?? 0
                guard !expected.contains(link), !silent.contains(link) else { continue }
                faults.append("\(device.name) is listed on link \(link)")
            }
            if !expected.isEmpty, device.sendsIDs, listed?.bootID != device.bootID {
                faults.append("\(device.name): boot \(listed?.bootID as Any), not \(device.bootID)")
            }
            return faults
        }
    }
}
