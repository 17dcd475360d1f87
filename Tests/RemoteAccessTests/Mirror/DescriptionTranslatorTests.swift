import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct DescriptionTranslatorTests {
    private func translated(
        _ text: String = MirrorFixture.serverDescription, from: String = "http://192.168.77.5:8200/rootDesc.xml",
        filter: DescriptionFilter = .init(), internet: Bool = false
    ) throws -> RootDescription {
        let translator = OutboundTranslator(try MirrorFixture.context(internet: internet))
        let description = try RootDescription(parsing: text.utf8)
        let result = try translator.description(description, from: MirrorFixture.url(from), filter: filter)
        #expect(MirrorFixture.leaks(result).isEmpty)
        return try RootDescription(parsing: result.utf8)
    }

    private func opened(_ path: String) throws -> SealedResource { try MirrorFixture.context().open(path) }

    @Test func `each URL of a service and icon becomes a sealed path of its kind`() throws {
        let device = try translated().device
        let service = try #require(device.services.first)
        #expect(try opened(service.scpdURL).url.description == "http://192.168.77.5:8200/ContentDir.xml")
        #expect(try opened(service.scpdURL).kind == .serviceDescription)
        #expect(try opened(service.controlURL).url.description == "http://192.168.77.5:8200/ctl/ContentDir")
        #expect(try opened(service.controlURL).kind == .control)
        #expect(try opened(service.eventSubURL).kind == .event)
        #expect(try opened(device.icons.first?.url ?? "").url.description == "http://192.168.77.5:8200/icons/sm.png")
        #expect(
            try opened(device.services[1].controlURL).url.description == "http://192.168.77.5:8200/ctl/ConnectionMgr")
    }

    @Test func `what is not the device's own is left out: icons, event URLs, whole services, URLBase`() throws {
        let description = try translated()
        #expect(description.urlBase == nil)
        #expect(description.device.icons.count == 1)
        #expect(
            description.device.services.map(\.serviceID) == [
                "urn:upnp-org:serviceId:ContentDirectory", "urn:upnp-org:serviceId:ConnectionManager",
            ])
        #expect(description.device.services[1].eventSubURL == "")
    }

    @Test func `a URLBase that points elsewhere is ignored`() throws {
        for base in [
            "http://192.168.77.30/", "http://192.168.77.9:49494/", "http://example.com/", "http://127.0.0.1/",
            "nonsense",
        ] {
            let text = MirrorFixture.serverDescription.replacing(
                "http://192.168.77.5:8200/</URLBase>", with: "\(base)</URLBase>")
            let service = try #require(try translated(text).device.services.first)
            #expect(try opened(service.controlURL).url.description == "http://192.168.77.5:8200/ctl/ContentDir")
        }
    }

    @Test func `vendors' elements keep their text and lose their addresses`() throws {
        let element = try translated().element.first("device")
        #expect(element?.first("X_DLNADOC")?.text == "DMS-1.50")
        #expect(element?.first("ProductCap")?.text == "smi,DCM10,getMediaInfo.sec,getCaptionInfo.sec")
        #expect(element?.first("friendlyName")?.text == "nas: root on ")
        #expect(element?.first("admin")?.text == "")
        let help = try #require(element?.first("admin")?.attribute("help"))
        #expect(try opened(String(help.dropFirst("http://\(MirrorFixture.authority)".count))).url.path == "/help")
        #expect(element?.first("UDN")?.text == MirrorFixture.server)
    }

    @Test func `internet links stay where policy allows them`() throws {
        #expect(try translated().device.manufacturerURL == nil)
        #expect(try translated(internet: true).device.manufacturerURL == "http://www.netgear.com/")
    }

    @Test func `a presentation page is there only when it is allowed`() throws {
        #expect(try translated().device.presentationURL == nil)
        let page = try #require(
            try translated(filter: DescriptionFilter(allowsPresentation: true)).device.presentationURL)
        #expect(try opened(page).url.description == "http://192.168.77.5:8200/")
    }

    @Test func `services and embedded devices that policy hides are not described`() throws {
        let embedded = """
            <deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><UDN>uuid:wan</UDN>\
            <serviceList><service><serviceType>urn:w</serviceType><controlURL>/w</controlURL></service></serviceList></device></deviceList>
            """
        let text = MirrorFixture.serverDescription.replacing("</serviceList>", with: "</serviceList>\(embedded)")
        #expect(try translated(text).device.devices.count == 1)
        let filter = DescriptionFilter(
            includesDevice: { !$0.contains("WANDevice") }, includesService: { !$0.contains("ConnectionManager") })
        let result = try translated(text, filter: filter)
        #expect(result.device.devices.isEmpty)
        #expect(result.device.services.count == 1)
        #expect(result.element.first("device")?.first("deviceList") == nil)
    }

    @Test func `default and allowed values of a service description are translated`() throws {
        let scpd = """
            <scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>\
            <serviceStateTable><stateVariable sendEvents="no"><name>Server</name><dataType>string</dataType>\
            <defaultValue>192.168.77.5</defaultValue><allowedValueList><allowedValue>http://192.168.77.5:8200/x</allowedValue>\
            <allowedValue>STOPPED</allowedValue></allowedValueList></stateVariable></serviceStateTable></scpd>
            """
        let translator = OutboundTranslator(try MirrorFixture.context())
        let result = try translator.serviceDescription(XMLElement(parsing: scpd.utf8))
        #expect(MirrorFixture.leaks(result).isEmpty)
        let variable = try #require(try SCPD(parsing: result.utf8).stateVariables.first)
        #expect(variable.allowedValues == [try MirrorFixture.issued("http://192.168.77.5:8200/x"), "STOPPED"])
        #expect(throws: TranslationError.self) { try translator.serviceDescription(XMLElement("root")) }
    }

    @Test func `a home address in a namespace is caught at last and the document refused`() throws {
        let text = MirrorFixture.serverDescription.replacing("urn:example:vendor", with: "http://192.168.77.5/ns")
        let translator = OutboundTranslator(try MirrorFixture.context())
        #expect(throws: TranslationError.addressLeak(.plain)) {
            try translator.description(
                RootDescription(parsing: text.utf8), from: MirrorFixture.url("http://192.168.77.5:8200/rootDesc.xml"))
        }
    }
}
