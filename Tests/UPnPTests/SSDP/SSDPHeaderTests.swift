import NetworkTypes
import Testing
import UPnP

@Suite struct `SSDP headers` {
    private func text(_ message: SSDPMessage, date: String? = nil) -> String {
        String(decoding: message.serialized(host: "[FF02::C]:1900", date: date), as: UTF8.self)
    }

    private static let announcement = SSDPAnnouncement(
        target: "uuid:a", usn: USN(udn: "uuid:a"), location: "http://[fe80::7]/d.xml", bootID: 7, configID: 3,
        secureLocation: "https://[fe80::7]/d.xml", networkLocalState: "7")

    private func response(_ headers: String) throws -> SSDPAnnouncement? {
        let text = "HTTP/1.1 200 OK\r\nST: a\r\nUSN: uuid:a\r\nLOCATION: http://h/\r\n\(headers)\r\n\r\n"
        guard case .response(let response) = try SSDPMessage(parsing: text.utf8) else { return nil }
        return response
    }

    private func search(_ headers: String) throws -> SSDPSearch? {
        let text = "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\(headers)\r\n\r\n"
        guard case .search(let search) = try SSDPMessage(parsing: text.utf8) else { return nil }
        return search
    }

    @Test("On an IPv6 link OPT and 01-NLS are written and read, UDA 2.0 annex A")
    func networkLocalState() throws {
        let messages: [SSDPMessage] = [
            .alive(Self.announcement), .response(Self.announcement),
            .byebye(SSDPByebye(target: "uuid:a", usn: USN(udn: "uuid:a"), networkLocalState: "7")),
            .update(
                SSDPUpdate(
                    target: "uuid:a", usn: USN(udn: "uuid:a"), location: "http://[fe80::7]/d.xml", bootID: 7,
                    nextBootID: 8, secureLocation: "https://[fe80::7]/d.xml", networkLocalState: "7")),
        ]
        for message in messages {
            let written = text(message)
            #expect(written.contains("OPT: \"http://schemas.upnp.org/upnp/1/0/\"; ns=01\r\n"))
            #expect(written.contains("\r\n01-NLS: 7\r\n"))
            #expect(try SSDPMessage(parsing: written.utf8) == message)
        }
        #expect(text(messages[0]).contains("HOST: [FF02::C]:1900\r\n"))
        #expect(try response("99-nls: abc")?.networkLocalState == "abc")
        #expect(try response("A1-NLS: abc")?.networkLocalState == nil)
        #expect(try response("01-NLS:")?.networkLocalState == nil)
        #expect(try response("01-NLS: \(String(repeating: "n", count: 65))")?.networkLocalState == nil)
    }

    @Test("SECURELOCATION is in alive, update and response, and not in byebye, UDA 2.0 §1.2.2")
    func secureLocation() throws {
        #expect(text(.alive(Self.announcement)).contains("SECURELOCATION.UPNP.ORG: https://[fe80::7]/d.xml\r\n"))
        #expect(text(.response(Self.announcement)).contains("SECURELOCATION.UPNP.ORG: https://[fe80::7]/d.xml\r\n"))
        let long = String(repeating: "a", count: 1025)
        #expect(try response("SECURELOCATION.UPNP.ORG: https://h/\(long)")?.secureLocation == nil)
        #expect(try response("securelocation.upnp.org: https://h/")?.secureLocation == "https://h/")
    }

    @Test("A response says when it was made, a notification does not, UDA 2.0 §1.3.3")
    func date() throws {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(text(.response(Self.announcement), date: now).contains("\r\nDATE: \(now)\r\n"))
        #expect(!text(.response(Self.announcement)).contains("DATE"))
        #expect(!text(.alive(Self.announcement), date: now).contains("DATE"))
    }

    @Test("Our multicast search has every header that UDA 2.0 §1.3.2 requires, our unicast search no MX")
    func searches() throws {
        let search = SSDPSearch.multicast(
            .all, maximumWait: 9, controlPointName: "Kitchen", userAgent: "Linux/6 UPnP/2.0 P/1",
            controlPointUUID: "uuid:c", tcpPort: 50_000)
        let written = text(.search(search))
        let required = [
            "HOST: [FF02::C]:1900", "MAN: \"ssdp:discover\"", "MX: 5", "ST: ssdp:all", "CPFN.UPNP.ORG: Kitchen",
            "CPUUID.UPNP.ORG: uuid:c", "TCPPORT.UPNP.ORG: 50000", "USER-AGENT: Linux/6 UPnP/2.0 P/1",
        ]
        for header in required { #expect(written.contains("\r\n\(header)\r\n")) }
        #expect(try SSDPMessage(parsing: written.utf8) == .search(search))
        #expect(!text(.search(.unicast(.all))).contains("\r\nMX"))
    }

    @Test(
        arguments: [
            ("0", 0), ("0000", 0), ("007", 7), ("2147483647", 2_147_483_647),
            (String(repeating: "0", count: 200) + "5", 5),
        ] as [(String, UInt32)])
    func `leading zeros of a number do not count`(value: String, number: UInt32) throws {
        #expect(try response("BOOTID.UPNP.ORG: \(value)")?.bootID == number)
        #expect(try response("CONFIGID.UPNP.ORG: \(value)")?.configID == number)
    }

    @Test(arguments: ["2147483648", "4294967296", "99999999999999999999999", "-1", "+1", "0x7", "7 8", "", "٣", "1e3"])
    func `a number out of range is as good as absent, and the message holds`(value: String) throws {
        let heard = try #require(try response("BOOTID.UPNP.ORG: \(value)\r\nCONFIGID.UPNP.ORG: \(value)"))
        #expect(heard.bootID == nil && heard.configID == nil)
    }

    @Test func `ports are taken from 49152 to 65535 only`() throws {
        for (value, port) in [("49151", nil), ("49152", 49_152), ("65535", 65_535), ("65536", nil), ("x", nil)]
            as [(String, UInt16?)]
        {
            #expect(try response("SEARCHPORT.UPNP.ORG: \(value)")?.searchPort == port)
            #expect(try search("TCPPORT.UPNP.ORG: \(value)")?.tcpPort == port)
        }
    }

    @Test func `names in any case are known, and names that are almost so are not`() throws {
        #expect(try response("bOOtid.UPnP.orG : 4")?.bootID == 4)
        #expect(try response("BOOTID.UPNP.ORGX: 4")?.bootID == nil)
        #expect(try response("BOOTID UPNP.ORG: 4")?.bootID == nil)
        #expect(try response("\u{0}BOOTID.UPNP.ORG: 4")?.bootID == nil)
        #expect(try response("BOOTID.UPNP.ORG: 4\r\nBOOTID.UPNP.ORG: 5")?.bootID == 4)
    }

    @Test func `a header of 64 KiB, a header without a colon and a lone quote refuse or are skipped`() throws {
        let long = String(repeating: "x", count: 65_536)
        #expect(throws: SSDPError.tooLarge(bytes: 8193)) { try response("X: \(long)") }
        #expect(throws: SSDPError.tooLarge(bytes: 8193)) {
            try SSDPMessage(parsing: AnyIterator(repeatElement(UInt8(0x41), count: 65_536).makeIterator()))
        }
        #expect(try response("no colon at all\r\nBOOTID.UPNP.ORG: 1")?.bootID == 1)
        #expect(try response(":\r\n::\r\n: :\r\nBOOTID.UPNP.ORG: 1")?.bootID == 1)
        #expect(try response("CACHE-CONTROL: max-age=\"")?.maxAge == 1800)
        #expect(try response("CACHE-CONTROL: max-age=\"\"")?.maxAge == 1800)
    }

    @Test func `a huge USN, and a LOCATION with control characters, refuse the message`() throws {
        let long = String(repeating: "u", count: 252)
        let usn = "HTTP/1.1 200 OK\r\nST: a\r\nUSN: uuid:\(long)\r\nLOCATION: http://h/\r\n\r\n"
        #expect(throws: SSDPError.malformedHeader("USN")) { try SSDPMessage(parsing: usn.utf8) }
        let location = "HTTP/1.1 200 OK\r\nST: a\r\nUSN: uuid:a\r\nLOCATION: http://h/\u{7}\r\n\r\n"
        #expect(throws: SSDPError.malformedHeader("LOCATION")) { try SSDPMessage(parsing: location.utf8) }
    }
}
