import NetworkTypes
import Testing
import UPnP

@Suite("Multicast events")
struct MulticastEventTests {
    private let start = ContinuousClock.now
    private let group = SocketEndpoint(.v4(IPv4Address(239, 255, 255, 246)), port: 7900)
    private let source = IPAddress.v4(IPv4Address(10, 0, 0, 2))

    private func event(_ sequence: UInt32, bootID: UInt32 = 1, service: String = "S") -> MulticastEvent {
        MulticastEvent(
            udn: "uuid:1", serviceType: "urn:schemas-upnp-org:service:Alarm:1",
            serviceID: "urn:upnp-org:serviceId:\(service)", sequence: sequence, level: .warning, bootID: bootID,
            properties: PropertySet([EventProperty("Smoke", "\(sequence)")]))
    }

    private func publisher(_ configuration: MulticastEventConfiguration = .init()) -> MulticastEventPublisher {
        MulticastEventPublisher(
            udn: "uuid:1", serviceType: "t", serviceID: "s", bootID: 7, configuration: configuration)
    }

    @Test func `An event is written as the standard shows and read back`() throws {
        let text = String(decoding: event(4_294_967_295).datagram(to: group), as: UTF8.self)
        #expect(text.hasPrefix("NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.246:7900\r\n"))
        for line in [
            "USN: uuid:1::urn:schemas-upnp-org:service:Alarm:1", "SVCID: urn:upnp-org:serviceId:S", "NT: upnp:event",
            "NTS: upnp:propchange", "SEQ: 4294967295", "LVL: upnp:/warning", "BOOTID.UPNP.ORG: 1",
        ] { #expect(text.contains("\r\n\(line)\r\n")) }
        #expect(try MulticastEvent(parsing: text.utf8) == event(4_294_967_295))
    }

    @Test func `Older spellings and makers' levels are read`() throws {
        var text = String(decoding: event(3).datagram(to: group), as: UTF8.self)
        text = text.replacing("HTTP/1.1", with: "HTTP/1.0").replacing("SEQ:", with: "seq :")
        #expect(throws: MulticastEventError.header("SEQ")) { _ = try MulticastEvent(parsing: text.utf8) }
        text = text.replacing("seq :", with: "seq:").replacing("upnp:/warning", with: "example.org:/red")
        text = text.replacing("\r\n", with: "\n").replacing("BOOTID.UPNP.ORG: 1", with: "X: y")
        let read = try MulticastEvent(parsing: text.utf8)
        #expect(read.sequence == 3 && read.level.rawValue == "example.org:/red" && read.bootID == 0)
    }

    @Test(arguments: [
        ("NOTIFY", "M-SEARCH", MulticastEventError.notNotify), ("NT: upnp:event", "NT: x", .header("NT")),
        ("NTS: upnp:propchange", "NTS: ssdp:alive", .header("NTS")), ("uuid:1::", "uuid:1", .header("USN")),
        ("SVCID:", "X:", .header("SVCID")), ("SEQ: 3", "SEQ: 4294967296", .header("SEQ")),
        ("SEQ: 3", "SEQ: -1", .header("SEQ")), ("CONTENT-LENGTH: ", "CONTENT-LENGTH: 9", .wrongLength),
        ("propertyset", "otherrootxx", .body(.unexpectedRoot("otherrootxx"))),
    ])
    func `What is no event is refused with a reason`(old: String, new: String, error: MulticastEventError) throws {
        let text = String(decoding: event(3).datagram(to: group), as: UTF8.self).replacing(old, with: new)
        #expect(throws: error) { _ = try MulticastEvent(parsing: text.utf8) }
    }

    @Test func `Damaged datagrams never trap, and long ones are refused`() {
        var generator = SeededGenerator(seed: 11)
        let whole = event(3).datagram(to: group)
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? MulticastEvent(parsing: bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
        }
        #expect(throws: MulticastEventError.wrongLength) {
            _ = try MulticastEvent(parsing: whole + [UInt8](repeating: 0x20, count: MulticastEvent.maximumBytes))
        }
        var nasty = event(1)
        nasty.serviceID = "a\r\nEVIL: 1"
        #expect(!String(decoding: nasty.datagram(to: group), as: UTF8.self).contains("\r\nEVIL"))
    }

    @Test func `The group follows from the link's own address`() throws {
        func group(_ address: String) throws -> String {
            let interface = InterfaceAddress(
                interface: "x", index: 3, address: try #require(IPAddress(address)),
                prefix: try #require(IPPrefix("\(address)/24")))
            return MulticastEvent.group(of: interface).description
        }
        #expect(try group("10.0.0.1") == "239.255.255.246:7900")
        #expect(try group("fe80::1") == "[ff02::130]:7900" && group("fd00::1") == "[ff05::130]:7900")
    }

    @Test func `Every event is sent a few times under one number, and changes in between become one`() {
        var publisher = publisher(
            MulticastEventConfiguration(
                copies: 3, copyInterval: .milliseconds(100), minimumInterval: .milliseconds(250)))
        let first = publisher.publish([EventProperty("A", "1")], now: start)
        #expect(first.map(\.sequence) == [0] && first.map(\.bootID) == [7])
        #expect(publisher.publish([EventProperty("A", "2")], level: .fault, now: start).isEmpty)
        #expect(publisher.publish([EventProperty("A", "3"), EventProperty("B", "1")], now: start).isEmpty)
        var sent: [(Duration, UInt32)] = []
        var last: MulticastEvent?
        while let wakeup = publisher.nextWakeup, sent.count < 20 {
            for event in publisher.tick(now: wakeup) {
                sent.append((wakeup - start, event.sequence))
                last = event
            }
        }
        #expect(sent.map { $0.0 / .milliseconds(1) } == [100, 200, 250, 350, 450])
        #expect(sent.map(\.1) == [0, 0, 1, 1, 1])
        #expect(last?.properties == PropertySet([EventProperty("A", "3"), EventProperty("B", "1")]))
        #expect(last?.level == .fault)
    }

    @Test func `However fast changes come, no more events leave than the interval allows`() {
        var publisher = publisher()
        var sequences: Set<UInt32> = []
        var datagrams = 0
        for step in 0..<10_000 {
            let now = start + .milliseconds(step)
            let events = publisher.publish([EventProperty("A", "\(step)")], now: now)
            datagrams += events.count
            sequences.formUnion(events.map(\.sequence))
        }
        #expect(sequences.count == 50 && sequences == Set(0..<50) && datagrams <= 150)
    }

    @Test func `Copies are dropped, gaps are told, what comes late is marked`() {
        var receiver = MulticastEventReceiver()
        func missed(_ event: MulticastEvent) -> Int? { receiver.handle(event, from: source, now: start)?.missed }
        #expect(missed(event(5)) == 0 && missed(event(5)) == nil && missed(event(6)) == 0 && missed(event(9)) == 2)
        let late = receiver.handle(event(7), from: source, now: start)
        #expect(late?.isLate == true && missed(event(7)) == nil)
        #expect(receiver.handle(event(4), from: source, now: start)?.isLate == true)
        #expect(missed(event(1, service: "T")) == 0)
        #expect(receiver.handle(event(9), from: .v4(.loopback), now: start) != nil)
    }

    @Test func `After the greatest number comes 1`() {
        var receiver = MulticastEventReceiver()
        for (sequence, missed) in [(UInt32.max - 1, 0), (.max, 0), (1, 0), (3, 1)] {
            #expect(receiver.handle(event(sequence), from: source, now: start)?.missed == missed)
        }
        #expect(receiver.handle(event(.max), from: source, now: start) == nil)
    }

    @Test func `A device that started anew counts anew, and what was on its way before is dropped`() {
        var receiver = MulticastEventReceiver()
        _ = receiver.handle(event(90, bootID: 4), from: source, now: start)
        #expect(receiver.handle(event(0, bootID: 5), from: source, now: start)?.missed == 0)
        #expect(receiver.handle(event(91, bootID: 4), from: source, now: start) == nil)
        #expect(receiver.handle(event(1, bootID: 5), from: source, now: start)?.missed == 0)
        #expect(receiver.handle(event(0, bootID: 1), from: source, now: start + .seconds(61)) != nil)
    }

    @Test(arguments: Array(1...20) as [UInt64])
    func `Over a bad network every event is heard at most once, and the newest value is the last one`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var publisher = publisher()
        var receiver = MulticastEventReceiver()
        var wire: [(at: Duration, event: MulticastEvent)] = []
        var heard: Set<UInt32> = []
        var newest: String?
        var now = Duration.zero
        func send(_ events: [MulticastEvent]) {
            for event in events where Int.random(in: 0..<100, using: &generator) < 70 {
                for _ in 0..<Int.random(in: 1...2, using: &generator) {
                    wire.append((now + .milliseconds(Int.random(in: 0...300, using: &generator)), event))
                }
            }
        }
        for step in 0..<500 {
            now += .milliseconds(Int.random(in: 0...80, using: &generator))
            send(publisher.publish([EventProperty("A", "\(step)")], now: start + now))
        }
        while let wakeup = publisher.nextWakeup {
            now = wakeup - start
            send(publisher.tick(now: wakeup))
        }
        var last: UInt32 = 0
        for (at, event) in wire.sorted(by: { $0.at < $1.at }) {
            guard let received = receiver.handle(event, from: source, now: start + at) else { continue }
            #expect(heard.insert(received.event.sequence).inserted, "seed \(seed)")
            #expect(received.isLate == (received.event.sequence < last), "seed \(seed)")
            last = max(last, received.event.sequence)
            if !received.isLate { newest = received.event.properties["A"] }
        }
        let final = wire.max { $0.event.sequence < $1.event.sequence }?.event
        #expect(newest == final?.properties["A"] && heard.count > 10, "seed \(seed)")
    }
}
