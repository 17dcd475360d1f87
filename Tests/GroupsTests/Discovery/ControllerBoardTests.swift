import NetworkTypes
import Testing
import UPnP

@testable import Groups
@testable import NIOUPnP

@Suite("What is remembered of announcements of controllers")
struct ControllerBoardTests {
    let now = ContinuousClock.now
    let link: InterfaceAddress

    init() throws {
        link = InterfaceAddress(
            interface: "eth0", index: 2, address: .v4(IPv4Address(10, 0, 0, 1)),
            prefix: try #require(IPPrefix("10.0.0.0/16")))
    }

    func heard(
        from host: IPv4Address, at location: String? = nil, udn: String = "uuid:a",
        target: String = GroupAddresses.serviceType, boot: UInt32 = 1
    ) -> SSDPObservation {
        let announcement = SSDPAnnouncement(
            target: target, usn: USN(udn: udn, target: target), location: location ?? "http://\(host):80/d.xml",
            maxAge: 1_800, server: "", bootID: boot, configID: nil)
        return SSDPObservation(
            message: .alive(announcement), source: SocketEndpoint(.v4(host), port: 1_900), wasMulticast: true,
            interface: link)
    }

    func hear(
        _ board: inout ControllerBoard, _ observation: SSDPObservation, now: ContinuousClock.Instant
    ) -> Bool {
        board.heard(observation, now: now)
    }

    func due(_ board: inout ControllerBoard, _ now: ContinuousClock.Instant) -> [ControllerAdvert] {
        board.due(now: now)
    }

    func controller(_ host: IPv4Address) -> FoundController {
        FoundController(udn: "uuid:a", keyManager: SocketEndpoint(.v4(host), port: 58_081), groupID: "")
    }

    /// Takes what is due, and says that each is a controller.
    func readAll(_ board: inout ControllerBoard, now: ContinuousClock.Instant) {
        while case let due = board.due(now: now), !due.isEmpty {
            for advert in due {
                guard case .v4(let host) = advert.host else { continue }
                board.read(advert, controller(host), now: now)
            }
        }
    }

    @Test("A description is read once, and again after a restart of its device")
    func reads() throws {
        var board = ControllerBoard()
        let host = IPv4Address(10, 0, 0, 2)
        #expect(hear(&board, heard(from: host), now: now))
        let advert = try #require(board.due(now: now).first)
        #expect(due(&board, now).isEmpty)
        board.read(advert, controller(host), now: now)
        #expect(board.controllers == [controller(host)])
        _ = board.heard(heard(from: host), now: now)
        #expect(due(&board, now).isEmpty)
        _ = board.heard(heard(from: host, boot: 2), now: now)
        #expect(due(&board, now) == [advert])
    }

    @Test("What is no announcement of a controller at its own address is passed over")
    func refused() {
        var board = ControllerBoard()
        let host = IPv4Address(10, 0, 0, 2)
        #expect(!hear(&board, heard(from: host, target: "upnp:rootdevice"), now: now))
        #expect(!hear(&board, heard(from: host, at: "http://10.0.0.3:80/d.xml"), now: now))
        #expect(!hear(&board, heard(from: host, at: "https://10.0.0.2:80/d.xml"), now: now))
        #expect(!hear(&board, heard(from: host, at: "http://example.org/d.xml"), now: now))
        #expect(due(&board, now).isEmpty)
    }

    @Test("A dead one is tried again later and later, and does not hold up another")
    func backOff() throws {
        var board = ControllerBoard()
        var now = now
        _ = board.heard(heard(from: IPv4Address(10, 0, 0, 2)), now: now)
        var waits: [Duration] = []
        for _ in 0..<4 {
            let advert = try #require(board.due(now: now).first)
            board.read(advert, nil, now: now)
            let next = try #require(board.nextDeadline)
            waits.append(next - now)
            now = next
        }
        #expect(waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        for last in UInt8(10)..<20 { _ = board.heard(heard(from: IPv4Address(10, 0, 0, last)), now: now) }
        #expect(due(&board, now).allSatisfy { $0.host != .v4(IPv4Address(10, 0, 0, 2)) })
    }

    @Test("Thousands of announcements take a few places, and never that of a controller that was good")
    func flood() {
        var board = ControllerBoard()
        let good = IPv4Address(10, 0, 0, 2)
        _ = board.heard(heard(from: good), now: now)
        readAll(&board, now: now)
        for number in 0..<5_000 {
            let host = IPv4Address(10, 0, UInt8(1 + number / 250), UInt8(1 + number % 250))
            _ = board.heard(heard(from: host, udn: "uuid:\(number)"), now: now)
            readAll(&board, now: now)
            board.tried(controller(host).keyManager, successfully: false)
        }
        #expect(board.controllers.count == ControllerBoard.limit)
        #expect(board.controllers.first == controller(good))
        // One host with many paths has few of them.
        var other = ControllerBoard()
        for number in 0..<100 { _ = other.heard(heard(from: good, at: "http://\(good):80/\(number)"), now: now) }
        var count = 0
        while case let due = other.due(now: now), !due.isEmpty {
            count += due.count
            for advert in due { other.read(advert, controller(good), now: now) }
        }
        #expect(count == ControllerBoard.limitPerHost)
    }

    @Test("A byebye counts only from the host itself")
    func byebye() {
        var board = ControllerBoard()
        let host = IPv4Address(10, 0, 0, 2)
        _ = board.heard(heard(from: host), now: now)
        readAll(&board, now: now)
        func byebye(from source: IPv4Address) -> SSDPObservation {
            let byebye = SSDPByebye(
                target: GroupAddresses.serviceType, usn: USN(udn: "uuid:a", target: GroupAddresses.serviceType),
                bootID: nil, configID: nil)
            return SSDPObservation(
                message: .byebye(byebye), source: SocketEndpoint(.v4(source), port: 1_900), wasMulticast: true,
                interface: link)
        }
        #expect(!hear(&board, byebye(from: IPv4Address(10, 0, 0, 3)), now: now))
        #expect(board.controllers.count == 1)
        #expect(hear(&board, byebye(from: host), now: now))
        #expect(board.controllers.isEmpty)
    }

    @Test("The key manager is at the host that was asked, whatever its answer says")
    func endpoints() {
        let host = IPAddress.v4(IPv4Address(10, 0, 0, 2))
        let values = ["KeyManagerPort": "58081", "GroupID": String(repeating: "AB", count: 16)]
        let found = FoundController(values, udn: "uuid:a", at: host, on: link)
        #expect(found?.keyManager == SocketEndpoint(host, port: 58_081))
        #expect(found?.groupID == String(repeating: "ab", count: 16))
        for port in ["0", "65536", "-1", "", "x"] {
            #expect(FoundController(["KeyManagerPort": port], udn: "uuid:a", at: host, on: link) == nil)
        }
    }
}

@Suite("Which controller is tried next")
struct ControllerChoiceTests {
    let now = ContinuousClock.now
    let places = (1...3).map { SocketEndpoint(.v4(IPv4Address(10, 0, 0, $0)), port: 58_081) }

    func next(
        _ choice: inout ControllerChoice, _ found: [SocketEndpoint], at now: ContinuousClock.Instant
    ) -> SocketEndpoint? {
        choice.next(of: found, now: now)
    }

    @Test("Each round tries everyone once, the one that was good last first")
    func rounds() {
        var choice = ControllerChoice(fixed: nil, preferred: places[2])
        var order: [SocketEndpoint] = []
        while let next = choice.next(of: places, now: now) { order.append(next) }
        #expect(order == [places[2], places[0], places[1]])
        #expect(!choice.hasMore(of: places))
        choice.startRound()
        #expect(next(&choice, places, at: now) == places[2])
        choice.succeeded(places[1])
        #expect(next(&choice, places, at: now) == places[1])
    }

    @Test("One that does not know the code has two guesses, and none more for ten minutes")
    func impostor() {
        var choice = ControllerChoice(fixed: nil, preferred: nil)
        for _ in 0..<2 {
            #expect(next(&choice, [places[0]], at: now) == places[0])
            choice.answeredWrongly(places[0], now: now)
            choice.startRound()
        }
        #expect(next(&choice, [places[0]], at: now + .seconds(599)) == nil)
        #expect(next(&choice, places, at: now) == places[1])
        choice.startRound()
        #expect(next(&choice, [places[0]], at: now + .seconds(600)) == places[0])
    }

    @Test("Who does not know the code is left alone whatever port it names, but not the one that was good before")
    func ports() {
        let ports = (0..<9).map { SocketEndpoint(places[0].address, port: UInt16(50_000 + $0)) }
        var choice = ControllerChoice(fixed: nil, preferred: nil)
        for port in ports[..<2] {
            #expect(next(&choice, ports, at: now) == port)
            choice.answeredWrongly(port, now: now)
        }
        #expect(next(&choice, ports, at: now) == nil)
        #expect(next(&choice, ports + [places[1]], at: now) == places[1])
        choice = ControllerChoice(fixed: nil, preferred: ports[8])
        for port in ports[..<3] { choice.answeredWrongly(port, now: now) }
        #expect(next(&choice, ports, at: now) == ports[8])
        #expect(next(&choice, ports, at: now) == nil)
    }

    @Test("A controller with another address is not tried at its link-local ones, and one without is")
    func linkLocal() throws {
        let local = try (1...2).map {
            SocketEndpoint(.v6(try #require(IPv6Address("fe80::\($0)"))), port: 58_081, zone: 2)
        }
        func found(_ udn: String, _ place: SocketEndpoint) -> FoundController {
            FoundController(udn: udn, keyManager: place, groupID: "")
        }
        let all = [
            found("uuid:a", local[0]), found("uuid:a", places[0]), found("uuid:a", places[0]),
            found("uuid:b", local[1]),
        ]
        #expect(ControllerChoice.places(of: all, families: .both) == [places[0], local[1]])
        #expect(ControllerChoice.places(of: all, families: .ipv6) == local)
    }

    @Test("A controller that was named is the only one, and is never left alone")
    func fixed() {
        var choice = ControllerChoice(fixed: places[0], preferred: nil)
        for _ in 0..<5 {
            #expect(next(&choice, places, at: now) == places[0])
            #expect(next(&choice, places, at: now) == nil)
            choice.answeredWrongly(places[0], now: now)
            choice.startRound()
        }
    }
}
