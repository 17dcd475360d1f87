import NetworkTypes
import Testing
import UPnP

@Suite struct `SSDP messages` {
    private static let announcement = SSDPAnnouncement(
        target: "upnp:rootdevice", usn: USN(udn: "uuid:a-1", target: "upnp:rootdevice"),
        location: "http://192.0.2.7:8200/rootDesc.xml", maxAge: 1800, server: "Linux/6 UPnP/2.0 Test/1", bootID: 7,
        configID: 3, searchPort: 50_000
    )

    static let samples: [SSDPMessage] = [
        .alive(announcement), .response(announcement),
        .byebye(SSDPByebye(target: "uuid:a-1", usn: USN(udn: "uuid:a-1"), bootID: 7, configID: 3)),
        .update(
            SSDPUpdate(
                target: "uuid:a-1", usn: USN(udn: "uuid:a-1"), location: "http://192.0.2.7:8200/d.xml", bootID: 7,
                nextBootID: 8, configID: 3, searchPort: 50_000
            )
        ),
        .search(SSDPSearch(target: "ssdp:all", maximumWait: 3, userAgent: "A/1 UPnP/2.0 B/2", controlPointName: "me")),
        .search(SSDPSearch(target: "uuid:a-1", maximumWait: nil)),
    ]

    @Test(arguments: samples) func `every kind of message survives being written and read`(message: SSDPMessage) throws
    {
        let bytes = message.serialized()
        #expect(bytes.count <= 512)
        #expect(try SSDPMessage(parsing: bytes) == message)
    }

    @Test func `minidlna's alive is read`() throws {
        let text = """
            NOTIFY * HTTP/1.1\r
            HOST:239.255.255.250:1900\r
            CACHE-CONTROL:max-age=1810\r
            LOCATION:http://10.0.0.2:8200/rootDesc.xml\r
            SERVER: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0\r
            NT:urn:schemas-upnp-org:device:MediaServer:1\r
            USN:uuid:4d696e69::urn:schemas-upnp-org:device:MediaServer:1\r
            NTS:ssdp:alive\r
            \r

            """
        guard case .alive(let alive) = try SSDPMessage(parsing: text.utf8) else {
            Issue.record("not an alive")
            return
        }
        #expect(alive.maxAge == 1810)
        #expect(alive.location == "http://10.0.0.2:8200/rootDesc.xml")
        #expect(alive.usn == USN(udn: "uuid:4d696e69", target: "urn:schemas-upnp-org:device:MediaServer:1"))
        #expect(alive.bootID == nil)
    }

    @Test func `bare line feeds, odd spacing, unknown and repeated headers and a missing end are tolerated`() throws {
        let text = """
            m-search\t*  HTTP/1.1
            """
        #expect(throws: SSDPError.unknownStartLine) { try SSDPMessage(parsing: text.utf8) }
        let search = try SSDPMessage(
            parsing:
                "M-SEARCH  *  HTTP/1.1\nman : ssdp:discover\nno colon here\nX-RINCON-1: x\n ST:\tssdp:all \nST: other\nMx:2"
                .utf8
        )
        #expect(search == .search(SSDPSearch(target: "ssdp:all", maximumWait: 2)))
    }

    @Test func `max-age is found wherever a cheap stack writes it, and bounded`() throws {
        func maxAge(_ value: String) throws -> Int? {
            let text =
                "HTTP/1.1 200 OK\r\nCACHE-CONTROL: \(value)\r\nST: a\r\nUSN: uuid:a\r\nLOCATION: http://h/\r\n\r\n"
            guard case .response(let response) = try SSDPMessage(parsing: text.utf8) else { return nil }
            return response.maxAge
        }
        #expect(try maxAge("max-age = 1800") == 1800)
        #expect(try maxAge("no-cache, MAX-AGE=\"0060\"") == 60)
        #expect(try maxAge("max-age=99999999999999999999999") == 86_400)
        #expect(try maxAge("max-age=-1") == 1800)
        #expect(try maxAge("") == 1800)
    }

    @Test func `nonsense in optional numbers is as good as their absence`() throws {
        func response(_ header: String) throws -> SSDPAnnouncement? {
            let text = "HTTP/1.1 200 OK\r\n\(header)\r\nST: a\r\nUSN: uuid:a\r\nLOCATION: http://h/\r\n\r\n"
            guard case .response(let response) = try SSDPMessage(parsing: text.utf8) else { return nil }
            return response
        }
        #expect(try response("BOOTID.UPNP.ORG: 2147483648")?.bootID == nil)
        #expect(try response("BOOTID.UPNP.ORG: 2147483647")?.bootID == 2_147_483_647)
        #expect(try response("BOOTID.UPNP.ORG: -1")?.bootID == nil)
        #expect(try response("bootid.upnp.org: 0007")?.bootID == 7)
        #expect(try response("SEARCHPORT.UPNP.ORG: 1900")?.searchPort == nil)
        #expect(try response("SEARCHPORT.UPNP.ORG: 49152")?.searchPort == 49_152)
    }

    @Test(arguments: [
        ("MX: -1", SSDPError.malformedHeader("MX")), ("MX: ", .malformedHeader("MX")),
        ("MX: 1e3", .malformedHeader("MX")),
        ("MX: 99999999999", nil), ("MX: 0", nil), ("X: 1", nil),
    ])
    func `an unreadable MX refuses the search, a huge one does not`(header: String, error: SSDPError?) {
        let text = "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n\(header)\r\nST: ssdp:all\r\n\r\n"
        do throws(SSDPError) {
            _ = try SSDPMessage(parsing: text.utf8)
            #expect(error == nil)
        } catch let thrown {
            #expect(thrown == error)
        }
    }

    @Test(arguments: [
        "", "\r\n\r\n", "\n", ":", "NOTIFY", "NOTIFY * HTTP/1.1", "NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\nST: a\r\nUSN: uuid:a\r\nLOCATION: http://h/\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nMX: 1\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nMAN: \"\r\nST: ssdp:all\r\nMX: 1\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\nUSN: a-1\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\nUSN: uuid:\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: a\r\nUSN: uuid:a\u{1}b\r\n\r\n",
    ])
    func `what is not a whole message is refused`(text: String) {
        #expect(throws: SSDPError.self) { try SSDPMessage(parsing: text.utf8) }
    }

    @Test func `sizes are bounded`() throws {
        let long = String(repeating: "a", count: 257)
        func search(_ target: String) -> String {
            "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: \(target)\r\n\r\n"
        }
        #expect(throws: SSDPError.malformedHeader("ST")) { try SSDPMessage(parsing: search(long).utf8) }
        #expect(throws: Never.self) { try SSDPMessage(parsing: search(String(long.dropLast())).utf8) }
        #expect(throws: SSDPError.tooLarge(bytes: 8193)) {
            try SSDPMessage(parsing: search(String(repeating: "a", count: 65_536)).utf8)
        }
        let many = String(repeating: "X: y\r\n", count: 200)
        #expect(throws: SSDPError.self) {
            try SSDPMessage(parsing: "M-SEARCH * HTTP/1.1\r\n\(many)MAN: ssdp:discover\r\nST: ssdp:all\r\n\r\n".utf8)
        }
    }

    @Test func `no value can add a header to what is written`() throws {
        let message = SSDPMessage.search(SSDPSearch(target: "a\r\nX: y", maximumWait: 1))
        let text = String(decoding: message.serialized(), as: UTF8.self)
        #expect(!text.contains("\r\nX: y"))
    }

    @Test func `a USN without a target names the device itself`() {
        #expect(USN("uuid:a") == USN(udn: "uuid:a"))
        #expect(USN("uuid:a::") == USN(udn: "uuid:a"))
        #expect(USN("UUID:a::b::c") == USN(udn: "UUID:a", target: "b::c"))
        #expect(USN("a::b") == nil)
        #expect(USN("") == nil)
    }

    @Test func `twenty thousand broken datagrams never trap, and what is read can be written and read again`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var rng = SeededGenerator(seed: seed)
        let alphabet = Array("\r\n :;=\"*0159-urnd".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]
        for round in 0..<20_000 {
            guard var bytes = Self.samples.randomElement(using: &rng)?.serialized() else { return }
            for _ in 0..<Int.random(in: 1...12, using: &rng) {
                let at = Int.random(in: 0..<bytes.count, using: &rng)
                switch Int.random(in: 0..<5, using: &rng) {
                case 0: bytes[at] = alphabet.randomElement(using: &rng) ?? 0
                case 1: bytes.insert(alphabet.randomElement(using: &rng) ?? 0, at: at)
                case 2: bytes.remove(at: at)
                case 3: bytes = Array(bytes[..<max(1, at)])
                default: bytes.insert(contentsOf: bytes[at...].prefix(64), at: at)
                }
                if bytes.isEmpty { bytes = [0x0A] }
            }
            guard let message = try? SSDPMessage(parsing: bytes) else { continue }
            let again = try? SSDPMessage(parsing: message.serialized())
            #expect(again == message, "seed \(seed) round \(round)")
        }
    }
}
