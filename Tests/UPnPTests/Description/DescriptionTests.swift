import Testing
import UPnP

@Suite("Device descriptions")
struct DeviceDescriptionTests {
    @Test func `A description is read with its services, icons and embedded devices`() throws {
        let root = try RootDescription(parsing: Samples.description.utf8)
        #expect(root.specVersion == SpecVersion(major: 1, minor: 1) && root.configID == 7 && root.urlBase == nil)
        #expect(root.device.friendlyName == "Küche & Bad" && root.device.modelName == "M <1>")
        #expect(root.device.udn == "uuid:4d696e69-444c-164e-9d41-001122334455")
        #expect(
            root.device.icons == [
                IconDescription(mimeType: "image/png", width: 48, height: 48, depth: 24, url: "/icons/sm.png")
            ])
        let service = try #require(root.device.services.first)
        #expect(service.controlURL == "/ctl/ContentDir" && service.scpdURL == "/ContentDir.xml")
        #expect(root.device.allDevices.map(\.udn) == [root.device.udn, "uuid:inner"])
        #expect(root.device.presentationURL == "http://192.168.1.2:8200/")
    }

    @Test func `What is written is what is read`() throws {
        let root = try RootDescription(parsing: Samples.description.utf8)
        let again = try RootDescription(parsing: root.serialized().utf8)
        #expect(again.device == root.device && again.configID == 7)
        let made = RootDescription(configID: 3, device: root.device)
        #expect(try RootDescription(parsing: made.element.serialized().utf8).device == root.device)
        #expect(try RootDescription(parsing: made.serialized().utf8) == made)
    }

    @Test func `URLs are relative to URLBase, or else to where the document came from`() throws {
        let location = try #require(HTTPURL("http://10.0.0.1:5000/x/d.xml"))
        var root = try RootDescription(parsing: Samples.description.utf8)
        #expect(root.base(from: location) == location)
        root.urlBase = "http://10.0.0.1:80/base/"
        #expect(root.base(from: location).resolving("a")?.description == "http://10.0.0.1/base/a")
        root.urlBase = "nonsense:"
        #expect(root.base(from: location) == location)
    }

    @Test func `Wrong namespaces and missing texts are accepted`() throws {
        let text = """
            <x:root xmlns:x="urn:wrong"><x:URLBase>http://10.0.0.1/</x:URLBase><device><deviceType>t</deviceType><UDN>
            uuid:1</UDN><serviceList><service><serviceType>s</serviceType></service><service/></serviceList></device></x:root>
            """
        let root = try RootDescription(parsing: text.utf8)
        #expect(root.device.udn == "uuid:1" && root.device.friendlyName == "" && root.device.modelURL == nil)
        #expect(root.device.services.map(\.serviceType) == ["s"])
        #expect(root.urlBase == "http://10.0.0.1/" && root.specVersion == SpecVersion(major: 1, minor: 0))
    }

    @Test(arguments: [
        ("<scpd/>", DescriptionError.unexpectedRoot("scpd")), ("<root/>", .missing("device")),
        ("<root><device/></root>", .missing("UDN")),
        ("<root><device><UDN>u</UDN></device></root>", .missing("deviceType")),
        ("", .xml(.empty)), ("<!DOCTYPE root><root/>", .xml(.documentType)),
    ])
    func `Documents of no use are refused with a reason`(text: String, error: DescriptionError) {
        #expect(throws: error) { _ = try RootDescription(parsing: text.utf8) }
    }

    @Test func `Devices, services and icons are counted over the whole tree`() {
        func device(_ content: String) -> String { "<device><deviceType>t</deviceType><UDN>u</UDN>\(content)</device>" }
        func root(_ content: String) -> String { "<root>\(device(content))</root>" }
        let devices = "<deviceList>" + String(repeating: device(""), count: 64) + "</deviceList>"
        #expect(throws: DescriptionError.tooMany("devices", limit: 64)) {
            _ = try RootDescription(parsing: root(devices).utf8)
        }
        let services = "<serviceList>" + String(repeating: "<service/>", count: 129) + "</serviceList>"
        #expect(throws: DescriptionError.tooMany("services", limit: 256)) {
            _ = try RootDescription(parsing: root(services + "<deviceList>" + device(services) + "</deviceList>").utf8)
        }
        let icons = "<iconList>" + String(repeating: "<icon/>", count: 65) + "</iconList>"
        #expect(throws: DescriptionError.tooMany("icons", limit: 64)) {
            _ = try RootDescription(parsing: root(icons).utf8)
        }
    }
}

@Suite("Service descriptions")
struct SCPDTests {
    @Test func `Actions and variables are read, with the defaults of the standard`() throws {
        let scpd = try SCPD(parsing: Samples.scpd.utf8)
        #expect(scpd.actions.map(\.name) == ["SetTarget", "SetLevel", "Stop"])
        let level = try #require(scpd.action(named: "SetLevel"))
        #expect(
            level.inArguments.map(\.name) == ["Channel", "Level"] && level.outArguments.map(\.isReturnValue) == [true])
        #expect(scpd.eventedVariables.map(\.name) == ["Level"])
        let variable = try #require(scpd.stateVariable(named: "Level"))
        #expect(variable.multicast && variable.dataType == .ui1)
        #expect(variable.allowedRange == AllowedValueRange(minimum: "0", maximum: "100", step: "1"))
        #expect(scpd.stateVariable(named: "A_ARG_TYPE_Channel")?.allowedValues == ["Master", "LF"])
        #expect(scpd.stateVariable(named: "Target")?.defaultValue == "0")
    }

    @Test func `What is written is what is read`() throws {
        let scpd = try SCPD(parsing: Samples.scpd.utf8)
        #expect(try SCPD(parsing: scpd.serialized().utf8) == scpd)
    }

    @Test func `Actions, arguments and variables are counted`() {
        func scpd(_ content: String) -> [UInt8] { Array("<scpd>\(content)</scpd>".utf8) }
        let actions = "<actionList>" + String(repeating: "<action/>", count: 513) + "</actionList>"
        #expect(throws: DescriptionError.tooMany("actions", limit: 512)) { _ = try SCPD(parsing: scpd(actions)) }
        let variables =
            "<serviceStateTable>" + String(repeating: "<stateVariable/>", count: 1025) + "</serviceStateTable>"
        #expect(throws: DescriptionError.tooMany("state variables", limit: 1024)) {
            _ = try SCPD(parsing: scpd(variables))
        }
        let arguments =
            "<actionList><action><name>a</name><argumentList>" + String(repeating: "<argument/>", count: 257)
            + "</argumentList></action></actionList>"
        #expect(throws: DescriptionError.tooMany("arguments", limit: 256)) { _ = try SCPD(parsing: scpd(arguments)) }
    }
}
