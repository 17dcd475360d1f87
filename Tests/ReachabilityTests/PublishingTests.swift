import NetworkTypes
import Testing
import Traversal
import TrustCore

@testable import Reachability

@Suite("Reachability: telling where the gateway is")
struct PublishingTests {
    private let start = ContinuousClock.now
    private let first = [IPAddress.v4(IPv4Address(203, 0, 113, 5))]
    private let second = [IPAddress.v4(IPv4Address(203, 0, 113, 6))]

    @Test(arguments: [
        ("good 203.0.113.5", 200, Dyndns2Reply.good), ("nochg 203.0.113.5", 200, .unchanged), ("good", 200, .good),
        ("GOOD\n", 200, .good), ("911", 200, .trouble("911: the server has trouble")),
        ("dnserr", 200, .trouble("dnserr: the server has trouble")),
        ("", 401, .refused("status 401: user or password is wrong")), ("<html>", 500, .trouble("status 500, “<html>”")),
    ])
    func `what a server answers is read by its first word`(text: String, status: Int, reply: Dyndns2Reply) {
        #expect(Dyndns2Reply(text, status: status) == reply)
    }

    @Test(arguments: ["badauth", "!donator", "notfqdn", "nohost", "numhost", "abuse", "badagent"])
    func `what nothing will help against is tried once, and never again`(word: String) {
        guard case .refused(let reason) = Dyndns2Reply(word, status: 200) else {
            Issue.record("\(word) is no refusal")
            return
        }
        #expect(reason.hasPrefix(word))
        var schedule = Dyndns2Schedule()
        schedule.answered(.refused(reason), to: first, at: start)
        #expect(!schedule.isDue(second, at: start + .seconds(1_000_000)) && schedule.refusal == reason)
    }

    @Test func `the same address is sent once, another one at once`() {
        var schedule = Dyndns2Schedule()
        #expect(schedule.isDue(first, at: start))
        schedule.answered(.unchanged, to: first, at: start)
        #expect(!schedule.isDue(first, at: start + .seconds(1_000_000)))
        #expect(schedule.isDue(second, at: start))
        #expect(!schedule.isDue([], at: start))
    }

    @Test func `a server in trouble is left alone for half an hour, an unreachable one for a minute and longer`() {
        var schedule = Dyndns2Schedule()
        schedule.answered(.trouble("911"), to: first, at: start)
        #expect(
            !schedule.isDue(first, at: start + .seconds(1_799)) && schedule.isDue(first, at: start + .seconds(1_800)))
        var waits: [Int] = []
        var now = start + .seconds(1_800)
        for _ in 0..<9 {
            schedule.answered(nil, to: first, at: now)
            guard let next = schedule.next else { break }
            waits.append(Int((next - now).components.seconds))
            now = next
        }
        #expect(waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600])
    }

    @Test func `key files of tsig-keygen and single lines are read, and other algorithms are not`() throws {
        let file = "key \"home\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2l4dGVlbiBieXRlcyBvZiBrZXkhISE=\";\n};\n"
        #expect(TSIGKey(file: file)?.name == DNSName("home"))
        #expect(TSIGKey(file: "home.example:c2l4dGVlbiBieXRlcyBvZiBrZXkhISE=\n")?.name == DNSName("home.example"))
        #expect(TSIGKey(file: file.replacing("sha256", with: "md5")) == nil)
        for other in ["", "home", "home:!!", "home:AA==", ":c2l4dGVlbiBieXRlcyBvZiBrZXkhISE="] {
            #expect(TSIGKey(file: other) == nil, "\(other)")
        }
    }

    @Test func `a name gets the public addresses alone, each once`() throws {
        let addresses = try ["203.0.113.5:1", "203.0.113.5:2", "192.168.1.7:1", "home.example:1", "[2001:db8::7]:1"].map
        {
            try #require(GatewayAddress($0))
        }
        let content = AddressPublisher.Content(addresses: addresses)
        #expect(content.ip.map(\.description) == ["203.0.113.5", "2001:db8::7"])
    }

    @Test func `messages of a topic are read out of its lines, whatever else is there`() {
        let text = """
            {"event":"open"}
            {"event":"message","message":"latchkey1:AAA"}
            nonsense
            {"event":"keepalive"}
            {"message":"latchkey1:BBB"}
            """
        #expect(AddressFinder.messages(text) == ["latchkey1:AAA", "latchkey1:BBB"])
    }

    @Test func `the first name server of a resolver's file is asked`() {
        #expect(
            NameServer.ofSystem("# x\nnameserver nonsense\nnameserver 192.168.1.1\n")
                == SocketEndpoint("192.168.1.1:53"))
        #expect(NameServer.ofSystem("search example") == nil)
    }
}
