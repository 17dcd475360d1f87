import Testing
import UPnP

@Suite("Descriptions of real products")
struct CorpusTests {
    @Test(arguments: CorpusDevice.all)
    func `A product's description is read as it is meant, and its mistakes are told`(expected: CorpusDevice) throws {
        let root = try RootDescription(parsing: CorpusFile.bytes("Devices/\(expected.file).xml"))
        let all = root.device.allDevices
        let found = CorpusDevice(
            file: expected.file, type: root.device.deviceType, name: root.device.friendlyName, devices: all.count,
            services: all.reduce(0) { $0 + $1.services.count }, icons: all.reduce(0) { $0 + $1.icons.count },
            dlna: all.flatMap(\.dlnaClasses), issues: root.issues.map { "\($0.rule.rawValue) \($0.place)" })
        #expect(found == expected)
    }

    @Test(arguments: CorpusDevice.all)
    func `What is read of a product can be written strictly and read again`(expected: CorpusDevice) throws {
        let root = try RootDescription(parsing: CorpusFile.bytes("Devices/\(expected.file).xml"))
        let again = try RootDescription(parsing: root.serialized().utf8)
        #expect(again.device.allDevices.map(\.udn) == root.device.allDevices.map(\.udn))
        #expect(again.device.services == root.device.services && again.device.icons == root.device.icons)
        #expect(
            again.device.extensions.map(\.name) == root.device.extensions.map(\.name)
                && again.configID == root.configID && again.urlBase == root.urlBase)
    }

    @Test(arguments: CorpusService.all)
    func `A product's service description is read as it is meant, and its mistakes are told`(
        expected: CorpusService
    ) throws {
        let scpd = try SCPD(parsing: CorpusFile.bytes("Services/\(expected.file).xml"))
        let found = CorpusService(
            file: expected.file, actions: scpd.actions.map { "\($0.name)(\($0.arguments.count))" },
            variables: scpd.stateVariables.count, evented: scpd.eventedVariables.map(\.name),
            issues: scpd.issues.map { "\($0.rule.rawValue) \($0.place)" })
        #expect(found == expected)
        let again = try SCPD(parsing: scpd.serialized().utf8)
        #expect(again.actions == scpd.actions)
        #expect(again.stateVariables.map(\.name) == scpd.stateVariables.map(\.name))
        #expect(again.stateVariables.map(\.dataType) == scpd.stateVariables.map(\.dataType))
    }

    @Test func `No prefix of a product's description traps`() throws {
        for file in CorpusDevice.all.map({ "Devices/\($0.file).xml" })
            + CorpusService.all.map({ "Services/\($0.file).xml" })
        {
            let bytes = try CorpusFile.bytes(file)
            for length in stride(from: 0, to: bytes.count, by: 97) {
                _ = (try? RootDescription(parsing: bytes[..<length]))?.issues
                _ = (try? SCPD(parsing: bytes[..<length]))?.issues
            }
        }
    }
}

@Suite("Quirks of real products")
struct CorpusQuirkTests {
    private func root(_ file: String) throws -> RootDescription {
        try RootDescription(parsing: CorpusFile.bytes("Devices/\(file).xml"))
    }

    private func location(_ text: String) throws -> HTTPURL { try #require(HTTPURL(text)) }

    @Test func `A bare ampersand and a control character spoil only the text that they are in`() throws {
        let device = try root("speaker-bare-ampersand").device
        #expect(device.friendlyName == "Kitchen & Dining" && device.manufacturer == "Bits & Pieces")
        #expect(device.modelName == "Q&A;1" && device.presentationURL == "/index.cgi?a=1&b=2")
    }

    @Test func `A URLBase that only the device itself could reach is ignored, and spaces in URLs are escaped`() throws {
        let root = try root("old-gateway")
        let from = try location("http://192.168.20.1:49000/desc.xml")
        #expect(root.device.friendlyName == "Passerelle café" && root.device.devices.count == 1)
        #expect(root.base(from: from) == from)
        let service = try #require(root.device.devices.first?.services.first)
        #expect(
            root.url(service.controlURL, from: from)?.description
                == "http://192.168.20.1:49000/upnp%20control/common")
    }

    @Test func `A URLBase without a path serves all the same`() throws {
        let root = try root("chromecast-dial")
        let from = try location("http://192.168.20.80:8008/ssdp/device-desc.xml")
        #expect(
            root.url(root.device.icons[0].url, from: from)?.description == "http://192.168.20.80:8008/setup/icon.png")
        #expect(root.url("", from: from) == nil)
    }

    @Test func `What makers add is kept to be read`() throws {
        let sonos = try root("sonos").device
        #expect(sonos.extensionTexts("roomName") == ["Kitchen"] && sonos.extensionTexts("displayVersion") == ["15.1"])
        #expect(sonos.devices.last?.extensions.first { $0.name == "X_Rhapsody-Extension" }?.elements.count == 1)
        let television = try root("samsung-tv-renderer").device
        #expect(television.extensionTexts("X_hardwareId") == ["VEN_0105&DEV_VD0001"])
        #expect(try root("wemo").device.extensionTexts("binaryState") == ["0"])
        let receiver = try root("yamaha-receiver").element.first("X_device")
        #expect(receiver?.first("X_serviceList")?.first("X_service")?.first("X_controlURL")?.text.isEmpty == false)
    }

    @Test func `Services of one type are told apart, and one without a type is left out`() throws {
        let services = try root("fritzbox-tr064").device.devices[0].services
        #expect(services.map(\.serviceID).count == Set(services.map(\.serviceID)).count)
        #expect(try root("renderer-wrong-namespace").device.services.count == 1)
    }

    @Test func `An argument right in the list, an element for sendEvents and types in other letters are understood`()
        throws
    {
        let plug = try SCPD(parsing: CorpusFile.bytes("Services/switch-arguments-in-the-list.xml"))
        #expect(plug.action(named: "GetMetaInfo")?.arguments.map(\.name) == ["GetMetaInfo"])
        #expect(plug.stateVariable(named: "BinaryState")?.dataType == .boolean)
        let old = try SCPD(parsing: CorpusFile.bytes("Services/old-template.xml"))
        #expect(old.eventedVariables.map(\.name) == ["DefaultConnectionService"])
        #expect(old.stateVariable(named: "Layer1UpstreamMaxBitRate")?.dataType == .ui4)
        #expect(old.action(named: "GetDefaultConnectionService")?.outArguments.count == 1)
        let odd = try SCPD(parsing: CorpusFile.bytes("Services/odd-types.xml"))
        #expect(odd.stateVariable(named: "When")?.dataType == .dateTime)
        #expect(odd.stateVariable(named: "Blob")?.extendedType == "xsd:byte")
        #expect(odd.stateVariable(named: "Untyped")?.sendEvents == true)
    }
}
