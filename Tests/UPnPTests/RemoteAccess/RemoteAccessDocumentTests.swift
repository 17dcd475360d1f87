import Testing

@testable import UPnP

@Suite("Documents of Remote Access")
struct RemoteAccessDocumentTests {
    private func dads(_ inner: String) throws -> DADSDocument {
        try DADSDocument(parsing: "<dads xmlns='urn:schemas-upnp-org:ra:dads'>\(inner)</dads>".utf8)
    }

    @Test(
        "cache-control is a number, the header's value, or either with blanks",
        arguments: [("1800", 1800), (" max-age=1800 ", 1800), ("max-age = 60", 60), ("no-cache, max-age=5", 5)])
    func cacheControl(text: String, seconds: Int) throws {
        let document = try dads("<deviceInfoList><deviceInfo uuid='1' cache-control='\(text)'/></deviceInfoList>")
        #expect(document == .deviceInfoList([RADADeviceInfo(uuid: "1", maxAge: seconds)]))
    }

    @Test("An empty heartbeat is unknown, and a letter is refused")
    func heartbeat() throws {
        func info(_ heartbeat: String) throws -> DADSDocument {
            try dads(
                """
                <systemInfo updateID='7'><remoteNetwork><rata credentialID='c' connected='1'/>
                <rada uuid='uuid:2' dddLocation='http://10.8.0.2/' importControlMode='denyList' heartbeat='\(heartbeat)'/>
                </remoteNetwork></systemInfo>
                """)
        }
        guard case .systemInfo(let read) = try info("") else { throw RemoteAccessDocumentError.missing("systemInfo") }
        #expect(read.remote.first?.heartbeat == nil)
        #expect(read.remote.first?.isConnected == true)
        #expect(read.remote.first?.uuid == "2")
        #expect(throws: RemoteAccessDocumentError.invalid("rada@heartbeat")) { try info("x") }
    }

    @Test("Headers travel as attributes and come back as they were")
    func headers() throws {
        let device = RADADeviceInfo(
            uuid: "1", maxAge: 60, descriptionDocument: "http://192.0.2.7/d.xml", server: "Linux UPnP/1.1 x/1",
            headers: [XMLAttribute("bootid.upnp.org", value: "7"), XMLAttribute("configid.upnp.org", value: "1")])
        let document = DADSDocument.deviceInfoList([device])
        #expect(document.serialized().contains(#"bootid.upnp.org="7""#))
        #expect(try DADSDocument(parsing: document.serialized().utf8) == document)
    }

    @Test("Two children, no child and a document of somebody else are refused")
    func others() {
        #expect(throws: RemoteAccessDocumentError.self) { try dads("<filterList/><deviceInfoList/>") }
        #expect(throws: RemoteAccessDocumentError.self) { try dads("") }
        #expect(throws: RemoteAccessDocumentError.otherDocument("x")) { try dads("<x/>") }
    }

    @Test("More devices than the limit are refused")
    func tooMany() {
        let one = "<deviceInfo uuid='1'/>"
        #expect(throws: RemoteAccessDocumentError.tooMuch("deviceInfo")) {
            try dads("<deviceInfoList>\(String(repeating: one, count: 513))</deviceInfoList>")
        }
    }

    @Test("A profile's unknown children are echoed, its keys are not shown to strangers")
    func profile() throws {
        let text = """
            <tads xmlns="urn:schemas-upnp-org:ra:tads"><profileConfig dataStructureType="server">\
            <profileInfo id="3" transportAgentName="OpenVPN">home</profileInfo><profileData><cfg new="1">\
            <Private-Key>abc</Private-Key><odd>-----BEGIN RSA PRIVATE KEY-----</odd><opt password="p">kept</opt>\
            </cfg></profileData></profileConfig></tads>
            """
        let document = try TADSDocument(parsing: text.utf8)
        #expect(document.serialized() == text)
        let profile = try #require(TransportProfile.all(in: document).first)
        #expect(profile.id == 3 && profile.transportAgentName == "OpenVPN" && profile.text == "home")
        let shown = document.redacted.serialized()
        for secret in ["abc", "BEGIN", "\"p\""] { #expect(!shown.contains(secret)) }
        #expect(shown.contains("new=\"1\"") && shown.contains(">kept<"))
    }

    @Test("A dynamic name's password is read and written, and in no description")
    func dynamicDNS() throws {
        let configuration = DynamicDNSConfiguration(
            dynamicDNSProtocol: "dyndns2", server: "a.example", username: "u", password: "s&cret", domain: "h.example")
        #expect(try DynamicDNSConfiguration(parsing: configuration.serialized().utf8) == configuration)
        #expect(!"\(configuration)".contains("cret"))
    }
}
