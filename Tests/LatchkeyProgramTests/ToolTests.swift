import LatchkeyProgram
import Testing
import UPnP

@Suite struct ToolTests {
    private let transport = ServiceDescription(
        serviceType: "urn:schemas-upnp-org:service:AVTransport:1", serviceID: "urn:upnp-org:serviceId:AVTransport",
        scpdURL: "/avt.xml", controlURL: "/avt/control", eventSubURL: "/avt/event")
    private let firstSwitch = ServiceDescription(
        serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", serviceID: "urn:upnp-org:serviceId:Left",
        scpdURL: "/l.xml", controlURL: "/l", eventSubURL: "")
    private let secondSwitch = ServiceDescription(
        serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", serviceID: "urn:upnp-org:serviceId:Right",
        scpdURL: "/r.xml", controlURL: "/r", eventSubURL: "")

    private var device: DeviceDescription {
        DeviceDescription(
            deviceType: "urn:x:device:Box:1", friendlyName: "Living Room", manufacturer: "M", modelName: "N",
            udn: "uuid:AA", services: [transport],
            devices: [
                DeviceDescription(
                    deviceType: "urn:x:device:Lamp:1", friendlyName: "Lamp", manufacturer: "M", modelName: "N",
                    udn: "uuid:BB", services: [firstSwitch, secondSwitch])
            ])
    }

    private let scpd = SCPD(
        actions: [
            ActionDescription(
                name: "Seek",
                arguments: [
                    ArgumentDescription(name: "InstanceID", direction: .in, relatedStateVariable: "ID"),
                    ArgumentDescription(name: "Unit", direction: .in, relatedStateVariable: "Unit"),
                    ArgumentDescription(name: "Level", direction: .in, relatedStateVariable: "Level"),
                    ArgumentDescription(name: "Position", direction: .out, relatedStateVariable: "ID"),
                ]), ActionDescription(name: "Play"),
        ],
        stateVariables: [
            StateVariable(name: "ID", dataType: .ui4),
            StateVariable(name: "Unit", dataType: .string, sendEvents: true, allowedValues: ["REL_TIME", "TRACK_NR"]),
            StateVariable(
                name: "Level", dataType: .i2, allowedRange: AllowedValueRange(minimum: "-5", maximum: "100")),
        ])

    @Test func `a device is found by URL, by UDN and by name, embedded ones too`() {
        #expect(DeviceSelector("http://10.0.0.1/d.xml").device(in: device)?.udn == "uuid:AA")
        #expect(DeviceSelector("UUID:bb").device(in: device)?.udn == "uuid:BB")
        #expect(DeviceSelector("living room").device(in: device)?.udn == "uuid:AA")
        #expect(DeviceSelector("Lamp").device(in: device)?.udn == "uuid:BB")
        #expect(DeviceSelector("Kitchen").device(in: device) == nil)
        #expect(DeviceSelector("uuid:CC").device(in: device) == nil)
    }

    @Test func `arguments are sent in the declared order and in the form of their types`() throws {
        let request = try TypedAction.request(
            "Seek", of: transport.serviceType,
            [
                NamedValue(name: "Level", value: " 7 "), NamedValue(name: "Unit", value: "REL_TIME"),
                NamedValue(name: "InstanceID", value: "0"),
            ], scpd: scpd)
        #expect(request.serviceType == transport.serviceType)
        #expect(request.arguments.map(\.name) == ["InstanceID", "Unit", "Level"])
        #expect(request.arguments.map(\.value) == ["0", "REL_TIME", "7"])
    }

    @Test(
        "a wrong argument is refused before anything is sent, with what is allowed",
        arguments: [
            ("Stop", [], "the service has no action “Stop”; it has: Play, Seek"),
            ("Play", ["Speed=1"], "Play has no argument “Speed”; it takes none"),
            ("Seek", ["Speed=1"], "Seek has no argument “Speed”; it takes: InstanceID, Unit, Level"),
            ("Seek", ["InstanceID=0"], "the argument Unit: string {REL_TIME, TRACK_NR} of Seek is missing"),
            ("Seek", ["InstanceID=0", "InstanceID=0"], "the argument InstanceID: ui4 of Seek is given twice"),
            ("Seek", ["InstanceID=-1"], "InstanceID is “-1”, but a value of type ui4 is expected"),
            ("Seek", ["InstanceID=0", "Unit=X"], "Unit is “X”, but one of these: REL_TIME, TRACK_NR is expected"),
            (
                "Seek", ["InstanceID=0", "Unit=REL_TIME", "Level=101"], "Level is “101”, but -5 to 100 is expected"
            ),
        ] as [(String, [String], String)]
    )
    func wrongArgument(action: String, arguments: [String], message: String) async {
        let values = arguments.map { text in
            let parts = text.split(separator: "=").map(String.init)
            return NamedValue(name: parts[0], value: parts[1])
        }
        #expect(await sentence { _ = try TypedAction.request(action, of: "t", values, scpd: scpd) } == message)
    }

    @Test func `the tree shows actions, events and what could not be read`() throws {
        let base = try #require(HTTPURL("http://10.0.0.1:80/d.xml"))
        let url = try #require(base.resolving("/avt.xml"))
        let broken = try #require(base.resolving("/l.xml"))
        let tree = DeviceTree(
            device, base: base, location: base,
            scpds: [url: .success(scpd), broken: .failure(.failure("it answered 404"))])
        #expect(tree.services[0].controlURL == "http://10.0.0.1/avt/control")
        #expect(
            tree.lines.contains(
                "    Seek(InstanceID: ui4, Unit: string {REL_TIME, TRACK_NR}, Level: i2 [-5, 100]) → Position: ui4"))
        #expect(tree.lines.contains("    events: Unit"))
        #expect(tree.lines.contains("        (it answered 404)"))
        #expect(tree.lines.contains("    Lamp"))
    }
}
