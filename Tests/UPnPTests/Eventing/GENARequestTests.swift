import NetworkTypes
import Testing
import UPnP

@Suite("GENA requests")
struct GENARequestTests {
    private func lookup(_ headers: [String: String]) -> (String) -> String? { { headers[$0.uppercased()] } }

    private func status(_ headers: [String: String]) -> Int? {
        do {
            _ = try SubscriptionRequest(header: lookup(headers))
            return nil
        } catch {
            return error.status
        }
    }

    private let good = [
        "NT": "upnp:event", "CALLBACK": "<http://10.0.0.9:5000/cb>", "TIMEOUT": "Second-300", "STATEVAR": "A, B",
    ]

    @Test func `A new subscription is read and written`() throws {
        guard case .subscribe(let request) = try SubscriptionRequest(header: lookup(good)) else {
            Issue.record("read as a renewal")
            return
        }
        #expect(request.callbacks.map(\.description) == ["http://10.0.0.9:5000/cb"])
        #expect(request.timeout == .seconds(300) && request.stateVariables == ["A", "B"])
        let headers = Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) })
        #expect(try SubscriptionRequest(header: lookup(headers)) == .subscribe(request))
    }

    @Test func `A renewal is read and written`() throws {
        let headers = ["SID": " uuid:1 ", "TIMEOUT": "Second-infinite"]
        let request = RenewRequest(sid: "uuid:1", timeout: .infinite)
        #expect(try SubscriptionRequest(header: lookup(headers)) == .renew(request))
        #expect(request.headers.map(\.value) == ["uuid:1", "Second-infinite"])
    }

    @Test func `Any header may be missing, and each fault has its status`() {
        #expect(status([:]) == 412)
        #expect(status(good) == nil)
        #expect(status(good.filter { $0.key != "NT" }) == 412)
        #expect(status(good.filter { $0.key != "CALLBACK" }) == 412)
        #expect(status(good.filter { $0.key != "TIMEOUT" }) == nil)
        #expect(status(good.merging(["NT": "upnp:rootdevice"]) { $1 }) == 412)
        #expect(status(good.merging(["SID": "uuid:1"]) { $1 }) == 400)
        #expect(status(["SID": "uuid:1", "NT": "upnp:event"]) == 400)
        #expect(status(["SID": "uuid:1", "CALLBACK": "<http://10.0.0.9/>"]) == 400)
        #expect(status(["SID": ""]) == 412)
        #expect(status(["SID": "a b"]) == 412)
        #expect(status(["SID": String(repeating: "x", count: 257)]) == 412)
        #expect(throws: GENAError.self) { _ = try UnsubscribeRequest(header: lookup([:])) }
        #expect((try? UnsubscribeRequest(header: lookup(["SID": "uuid:1"])))?.sid == "uuid:1")
    }

    @Test(arguments: [
        "", "<>", "<", ">", "http://10.0.0.9/", "<http://10.0.0.9/", "http://10.0.0.9/>", "<<http://10.0.0.9/>>",
        "<http://10.0.0.9/>,<http://10.0.0.9/>", "<http://10.0.0.9/>x", "<https://10.0.0.9/>", "<http://name/>",
        "<http://[::ffff:10.0.0.1]/>", "<http://2130706433/>", "<http://0x7f.1/>", "<http://u@10.0.0.9/>",
        "<http://10.0.0.9:0/>", "<http://10.0.0.9/#f>", "<http://224.0.0.1/>", "<http://255.255.255.255/>",
        "<http://0.0.0.0/>", "<http://[::]/>", "<http://[ff02::c]/>", "<http://10.0.0.9/a b>", "< http://10.0.0.9/>",
        "<http://10.0.0.9/>" + String(repeating: "<http://10.0.0.9/>", count: 4), "<http://10.0.0.9/>\u{0}",
        "<http://10.0.0.9/" + String(repeating: "x", count: 500) + ">", String(repeating: " ", count: 3000),
        "<ftp://10.0.0.9/>",
    ])
    func `A callback that events cannot be sent to is refused whole`(header: String) {
        #expect(CallbackList(header) == nil)
        #expect(status(good.merging(["CALLBACK": header]) { $1 }) == 412)
    }

    @Test(arguments: [1, 2, 4])
    func `Several callbacks are kept in order`(count: Int) throws {
        let urls = (0..<count).map { "<http://10.0.0.9:\(5000 + $0)/>" }
        let list = try #require(CallbackList(urls.joined(separator: count == 2 ? " " : "")))
        #expect(list.urls.map(\.port) == (0..<count).map { UInt16(5000 + $0) })
        #expect(CallbackList(list.description) == list)
    }

    @Test func `Damaged callbacks never trap`() {
        var generator = SeededGenerator(seed: 9)
        let pieces = ["<", ">", "http://", "10.0.0.9", ":80", "/", " ", "#", "[::1]", "\u{301}", "ü", "x"]
        for _ in 0..<5000 {
            let count = Int.random(in: 0...10, using: &generator)
            let text = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
            guard let list = CallbackList(text) else { continue }
            #expect(CallbackList(list.description) == list, "seed 9: \(text)")
        }
    }

    @Test(arguments: [
        ("Second-0", SubscriptionTimeout.seconds(0)), ("second-1800", .seconds(1800)), (" SECOND-5 ", .seconds(5)),
        ("Second-infinite", .infinite), ("Second-99999999999999", .seconds(99_999_999_999_999)),
    ])
    func `A timeout is read`(header: String, timeout: SubscriptionTimeout) {
        #expect(SubscriptionTimeout(header) == timeout)
        #expect(SubscriptionTimeout(timeout.description) == timeout)
    }

    @Test(arguments: [("1800", 1800), ("Seconds-300", 300)])
    func `A timeout is read as some devices write it`(header: String, seconds: Int) {
        #expect(SubscriptionTimeout(header) == .seconds(seconds))
    }

    @Test(arguments: [
        "", "Second-", "Second--1", "Second-+1", "Second-1x", "Minute-5", "Second-99999999999999999999",
    ])
    func `A timeout that is none is as good as not there`(header: String) {
        #expect(SubscriptionTimeout(header) == nil)
        #expect(EventPublisherLimits().granted(SubscriptionTimeout(header)) == 1800)
    }

    @Test func `Timeouts are granted within bounds`() {
        let limits = EventPublisherLimits()
        #expect(limits.granted(.seconds(1)) == 60 && limits.granted(.seconds(.max)) == 86_400)
        #expect(limits.granted(.seconds(300)) == 300 && limits.granted(.infinite) == 1800)
    }

    @Test func `An event's headers are read, with the status for each fault`() throws {
        let good = ["NT": "upnp:event", "NTS": "upnp:propchange", "SID": "uuid:1", "SEQ": "4294967295"]
        let request = try NotifyRequest(header: lookup(good))
        #expect(request == NotifyRequest(sid: "uuid:1", sequence: .max))
        #expect(
            try NotifyRequest(
                header: lookup(Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) })))
                == request)
        func status(_ change: [String: String?]) -> Int? {
            var headers = good
            for (name, value) in change { headers[name] = value }
            do {
                _ = try NotifyRequest(header: lookup(headers))
                return nil
            } catch {
                return error.status
            }
        }
        #expect(status(["NT": nil]) == 400 && status(["NTS": nil]) == 400 && status(["SEQ": nil]) == 400)
        #expect(status(["SID": nil]) == 412 && status(["NT": "x"]) == 412 && status(["NTS": "ssdp:alive"]) == 412)
        for sequence in ["-1", "+1", "", "4294967296", "1 2", "0x1"] { #expect(status(["SEQ": sequence]) == 400) }
    }
}

@Suite("Where events may be sent")
struct CallbackRuleTests {
    private func rule(_ address: String, _ prefix: String, requiresSender: Bool = false) throws -> CallbackRule {
        let interface = InterfaceAddress(
            interface: "x", index: 1, address: try #require(IPAddress(address)), prefix: try #require(IPPrefix(prefix)))
        return CallbackRule(interface: interface, requiresSender: requiresSender)
    }

    private func permits(_ rule: CallbackRule, _ url: String, sender: String = "192.168.1.9") throws -> Bool {
        rule.permits(try #require(HTTPURL(url)), sender: try #require(IPAddress(sender)))
    }

    @Test(arguments: [
        ("http://192.168.1.9:5000/", true), ("http://192.168.2.9/", false), ("http://8.8.8.8/", false),
        ("http://127.0.0.1/", false), ("http://192.168.1.255/", false), ("http://192.168.1.0/", false),
        ("http://name/", false), ("https://192.168.1.9/", false), ("http://[::ffff:192.168.1.9]/", false),
        ("http://[fe80::1]/", false),
    ])
    func `Only neighbours on the interface's own network`(url: String, expected: Bool) throws {
        #expect(try permits(rule("192.168.1.1", "192.168.1.0/24"), url) == expected)
    }

    @Test func `IPv6 neighbours are told by their prefix`() throws {
        let link = try rule("fe80::1", "fe80::/64")
        #expect(try permits(link, "http://[fe80::9]/") && !permits(link, "http://[2001:db8::1]/"))
        let site = try rule("fd00:0:0:7::1", "fd00::/48")
        #expect(try permits(site, "http://[fd00:0:0:7::9]/") && permits(site, "http://[fe80::9]/"))
        #expect(try !permits(site, "http://[fd00:0:0:8::9]/") && !permits(site, "http://[fd00:0:0:7::]/"))
        #expect(try !permits(rule("192.168.1.1", "192.168.1.0/24"), "http://[fd00:0:0:7::9]/"))
        for url in [
            "http://[::]/", "http://[::ffff:10.0.0.1]/", "http://[::1]/", "http://[ff05::c]/", "http://10.0.0.1/",
        ] {
            #expect(try !permits(site, url))
        }
        #expect(try !permits(link, "http://[ff02::c]/") && !permits(link, "http://[::1]/"))
    }

    @Test func `Link-local callbacks are connected to through the link that the subscription came in on`() throws {
        let link = try rule("fe80::1", "fe80::/64")
        let local = try #require(HTTPURL("http://[fe80::9]:5000/"))
        #expect(link.endpoint(for: local) == SocketEndpoint(try #require(IPAddress("fe80::9")), port: 5000, zone: 1))
        let global = try #require(HTTPURL("http://[fd00::9]/"))
        #expect(link.endpoint(for: global)?.zone == 0)
    }

    @Test func `The sender's address can be required`() throws {
        let strict = try rule("192.168.1.1", "192.168.1.0/24", requiresSender: true)
        #expect(try permits(strict, "http://192.168.1.9/") && !permits(strict, "http://192.168.1.8/"))
        #expect(try permits(strict, "http://192.168.1.9/", sender: "::ffff:192.168.1.9"))
    }

    @Test func `The loopback serves itself, and a wide prefix does not let others in`() throws {
        #expect(try permits(rule("127.0.0.1", "127.0.0.0/8"), "http://127.0.0.1:9/"))
        #expect(try !permits(rule("192.168.1.1", "0.0.0.0/0"), "http://127.0.0.1/"))
    }
}
