import Testing
import UPnP

@testable import NIOUPnP

@Suite("Arguments and results by a service's description")
struct ActionCallTests {
    private static let type = "urn:schemas-upnp-org:service:Box:1"
    private let scpd = SCPD(
        actions: [
            ActionDescription(
                name: "Seek",
                arguments: [
                    ArgumentDescription(name: "InstanceID", direction: .in, relatedStateVariable: "ID"),
                    ArgumentDescription(name: "Unit", direction: .in, relatedStateVariable: "Unit"),
                    ArgumentDescription(name: "Level", direction: .in, relatedStateVariable: "Level"),
                    ArgumentDescription(name: "Key", direction: .in, relatedStateVariable: "Key"),
                    ArgumentDescription(name: "Position", direction: .out, relatedStateVariable: "ID"),
                    ArgumentDescription(name: "On", direction: .out, relatedStateVariable: "On"),
                ]), ActionDescription(name: "Play"),
        ],
        stateVariables: [
            StateVariable(name: "ID", dataType: .ui4), StateVariable(name: "On", dataType: .boolean),
            StateVariable(name: "Unit", dataType: .string, allowedValues: ["REL_TIME", "TRACK_NR"]),
            StateVariable(name: "Key", dataType: .binHex),
            StateVariable(name: "Level", dataType: .i2, allowedRange: AllowedValueRange(minimum: "-5", maximum: "100")),
        ])

    private func request(_ action: String, _ values: [(name: String, value: UPnPValue)]) throws -> ActionRequest {
        try ActionCall.request(action, of: Self.type, values, scpd: scpd)
    }

    @Test("arguments are put in order and into the form of their types")
    func order() throws {
        let request = try request(
            "Seek", [("Level", 7), ("Key", .binBase64([10, 255])), ("InstanceID", "0"), ("Unit", "TRACK_NR")])
        #expect(request.arguments.map(\.name) == ["InstanceID", "Unit", "Level", "Key"])
        #expect(request.arguments.map { $0.value.lowercased() } == ["0", "track_nr", "7", "0aff"])
    }

    @Test("a wrong call says what is wrong and what is right")
    func mistakes() {
        let cases: [(String, [(name: String, value: UPnPValue)], String)] = [
            ("Stop", [], "the service has no action “Stop”; it has: Play, Seek"),
            ("Play", [("Speed", 1)], "Play has no argument “Speed”; it takes none"),
            ("Seek", [("Speed", 1)], "Seek has no argument “Speed”; it takes: InstanceID, Unit, Level, Key"),
            ("Seek", [("InstanceID", 0)], "the argument Unit: string {REL_TIME, TRACK_NR} of Seek is missing"),
            ("Seek", [("InstanceID", -1)], "InstanceID is “-1”, but a value of type ui4 is expected"),
            (
                "Seek", [("InstanceID", 0), ("Unit", "X")],
                "Unit is “X”, but one of these: REL_TIME, TRACK_NR is expected"
            ),
            (
                "Seek", [("InstanceID", 0), ("Unit", "REL_TIME"), ("Level", 101)],
                "Level is “101”, but -5 to 100 is expected"
            ),
        ]
        for (action, values, message) in cases {
            let error = #expect(throws: ControlPointError.self) { try request(action, values) }
            #expect(error?.message == message)
        }
    }

    @Test("results have their declared types; undeclared ones are left out, wrong ones stay text")
    func results() {
        let response = ActionResponse(
            serviceType: "", action: "Seek",
            arguments: [ActionArgument("X", "1"), ActionArgument("On", "yes"), ActionArgument("Position", "near")])
        let result = ActionCall.result(response, scpd: scpd)
        #expect(result.values.map(\.name) == ["Position", "On"])
        #expect(result["On"] == .boolean(true))
        #expect(result["Position"] == .string("near"))
        #expect(result["X"] == nil)
        #expect(ActionCall.result(response, scpd: nil)["X"] == .string("1"))
    }
}

@Suite("Naming a service")
struct ServiceChoiceTests {
    private static func service(_ udn: String, _ type: String, _ id: String) -> DeviceService {
        DeviceService(
            udn: udn, deviceType: "urn:x:device:y:1", serviceType: "urn:schemas-upnp-org:service:\(type)",
            serviceID: "urn:upnp-org:serviceId:\(id)", scpdURL: nil, controlURL: nil, eventSubURL: nil)
    }

    private let services = [
        service("uuid:root", "AVTransport:2", "AVTransport"), service("uuid:lamp", "SwitchPower:1", "Left"),
        service("uuid:lamp", "SwitchPower:1", "Right"), service("uuid:root", "Clock:1", "Clock"),
        service("uuid:lamp", "Clock:1", "Clock"),
    ]

    private func choose(_ name: String) -> Result<DeviceService, ControlPointError> {
        Result { () throws(ControlPointError) in
            try ServiceChoice.service(name, among: services, ofDevice: "uuid:root", named: "Box")
        }
    }

    @Test("by type in any version, by identifier, and by the name within either")
    func names() {
        for name in [
            "urn:schemas-upnp-org:service:AVTransport:2", "urn:schemas-upnp-org:service:AVTransport:1",
            "urn:upnp-org:serviceId:AVTransport", "AVTransport", "avtransport", "AVTransport:2",
        ] {
            #expect(choose(name) == .success(services[0]), "\(name)")
        }
        #expect(choose("Right") == .success(services[2]))
    }

    @Test("the device's own service comes before that of an embedded device")
    func own() {
        #expect(choose("Clock") == .success(services[3]))
    }

    @Test("a service that is not there, or is there twice, is answered with those that are")
    func mistakes() {
        #expect(
            choose("RenderingControl")
                == .failure(
                    ControlPointError(
                        .noSuchService,
                        "“Box” has no service “RenderingControl”; it has: AVTransport, SwitchPower, SwitchPower, Clock, Clock"
                    )))
        for name in ["SwitchPower", "urn:schemas-upnp-org:service:SwitchPower:1"] {
            guard case .failure(let error) = choose(name) else {
                Issue.record("\(name) is ambiguous")
                continue
            }
            #expect(error.message.hasSuffix("urn:upnp-org:serviceId:Left, urn:upnp-org:serviceId:Right"))
        }
    }
}
