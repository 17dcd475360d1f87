import AccessPolicy
import Foundation
import NetworkTypes
import Testing
import TrustCore

private let mediaServer = "urn:schemas-upnp-org:device:MediaServer:1"
private let renderer = "urn:schemas-upnp-org:device:MediaRenderer:1"
private let contentDirectory = "urn:schemas-upnp-org:service:ContentDirectory:1"

@Suite("The preset policy")
struct PresetPolicyTests {
    private let subject: SubjectID
    private let stranger: SubjectID

    init() throws {
        subject = try #require(SubjectID("subject"))
        stranger = try #require(SubjectID("stranger"))
    }

    private func decide(
        _ scope: Grant.Scope, _ type: String, _ operation: AccessRequest.Operation = .discover, service: String? = nil,
        action: String? = nil, embedded: [String] = [], services: [String] = [], via: Via = .ownHost,
        sharing: Bool = true
    ) -> Decision {
        let policy = GrantedRights([Grant(subject: subject, scope: scope, sharing: sharing)])
        let device = DeviceFacts(udn: "uuid:x", deviceType: type, embeddedTypes: embedded, serviceTypes: services)
        return policy.decide(
            AccessRequest(
                subject: subject, via: via, device: device, operation: operation, service: service, action: action
            )
        )
    }

    private func standard(_ name: String) -> String { "urn:schemas-upnp-org:device:\(name):1" }
    private func service(_ name: String) -> String { "urn:schemas-upnp-org:service:\(name):1" }

    @Test func `nothing is given to a subject without a grant`() {
        let policy = GrantedRights([Grant(subject: subject, scope: .preset("full"))])
        for operation in AccessRequest.Operation.allCases {
            let decision = policy.decide(
                AccessRequest(
                    subject: stranger, via: .ownHost, device: .init(udn: "u", deviceType: mediaServer),
                    operation: operation, service: contentDirectory, action: "Browse"
                )
            )
            #expect(decision == .deny("nothing was granted to this client"))
        }
    }

    @Test(
        "media may read a media server",
        arguments: [
            ("ContentDirectory", "Browse"), ("ContentDirectory", "Search"), ("ContentDirectory", "GetSystemUpdateID"),
            ("ConnectionManager", "GetProtocolInfo"), ("ContentDirectory", "QueryStateVariable"),
        ]
    )
    func mediaReads(name: String, action: String) {
        #expect(decide(.preset("media"), mediaServer, .control, service: service(name), action: action).permitted)
    }

    @Test(
        "media and control may not change a media server",
        arguments: [
            "CreateObject", "DestroyObject", "UpdateObject", "MoveObject", "ImportResource", "ExportResource",
            "DeleteResource", "StopTransferResource", "CreateReference", "X_Vendor", "browse", "",
        ]
    )
    func mediaDoesNotChange(action: String) {
        for preset in ["media", "control"] {
            let decision = decide(.preset(preset), mediaServer, .control, service: contentDirectory, action: action)
            #expect(!decision.permitted)
            #expect(decision.reason.contains("does not include"))
        }
        #expect(decide(.preset("full"), mediaServer, .control, service: contentDirectory, action: action).permitted)
    }

    @Test func `media gives the description, events, content and nothing more of a media server`() {
        #expect(decide(.preset("media"), mediaServer).permitted)
        #expect(decide(.preset("media"), mediaServer, .describe).permitted)
        #expect(decide(.preset("media"), mediaServer, .describe, service: contentDirectory).permitted)
        #expect(decide(.preset("media"), mediaServer, .event, service: contentDirectory).permitted)
        #expect(decide(.preset("media"), mediaServer, .media).permitted)
        #expect(!decide(.preset("media"), mediaServer, .presentation).permitted)
        #expect(!decide(.preset("media"), mediaServer, .event, service: service("ScheduledRecording")).permitted)
        #expect(!decide(.preset("media"), mediaServer, .describe, service: service("ScheduledRecording")).permitted)
        #expect(!decide(.preset("media"), mediaServer, .control, service: contentDirectory).permitted)
        #expect(!decide(.preset("media"), mediaServer, .control, action: "Browse").permitted)
        let registrar = "urn:microsoft.com:service:X_MS_MediaReceiverRegistrar:1"
        #expect(decide(.preset("media"), mediaServer, .control, service: registrar, action: "IsAuthorized").permitted)
    }

    @Test func `any version of a type is in a preset, another vendor's type of the same name is not`() {
        #expect(decide(.preset("media"), "urn:schemas-upnp-org:device:MediaServer:4").permitted)
        #expect(!decide(.preset("media"), "urn:example-com:device:MediaServer:1").permitted)
        #expect(!decide(.preset("media"), "urn:schemas-upnp-org:service:MediaServer:1").permitted)
    }

    @Test(
        "control adds renderers, lights, thermostats and cameras",
        arguments: [
            ("MediaRenderer", "AVTransport", "SetAVTransportURI"), ("MediaRenderer", "RenderingControl", "SetVolume"),
            ("DimmableLight", "Dimming", "SetLoadLevelTarget"), ("BinaryLight", "SwitchPower", "SetTarget"),
            ("HVAC_ZoneThermostat", "TemperatureSetpoint", "SetCurrentSetpoint"),
            ("HVAC_System", "HVAC_FanOperatingMode", "SetMode"),
            ("DigitalSecurityCamera", "DigitalSecurityCameraStillImage", "GetImageURL"),
        ]
    )
    func controlActs(device: String, name: String, action: String) {
        let type = standard(device)
        #expect(decide(.preset("control"), type).permitted)
        #expect(decide(.preset("control"), type, .control, service: service(name), action: action).permitted)
        #expect(!decide(.preset("media"), type).permitted)
        #expect(!decide(.preset("media"), type, .control, service: service(name), action: action).permitted)
    }

    @Test func `a camera may be watched and not adjusted`() {
        let camera = standard("DigitalSecurityCamera")
        let settings = service("DigitalSecurityCameraSettings")
        #expect(decide(.preset("control"), camera, .media).permitted)
        #expect(decide(.preset("control"), camera, .control, service: settings, action: "GetBrightness").permitted)
        #expect(!decide(.preset("control"), camera, .control, service: settings, action: "SetBrightness").permitted)
    }

    @Test(
        "a lock is in no preset but full",
        arguments: [
            "urn:schemas-upnp-org:device:Lock:1", "urn:schemas-upnp-org:device:DoorLock:1",
            "urn:latchkey:device:Lock:1",
        ]
    )
    func locks(type: String) {
        #expect(!decide(.preset("media"), type).permitted)
        #expect(!decide(.preset("control"), type).permitted)
        #expect(decide(.preset("full"), type).permitted)
    }

    @Test("internet gateways and remote access are in no grant at all", arguments: ForbiddenTypes.devices)
    func forbiddenDevices(name: String) {
        for domain in ["schemas-upnp-org", "dslforum-org", "example-com"] {
            for type in ["urn:\(domain):device:\(name):1", "URN:\(domain):device:\(name.uppercased()):2"] {
                for scope in [Grant.Scope.preset("full"), .deviceTypes([type])] {
                    #expect(!decide(scope, type).permitted, "\(type)")
                    #expect(!decide(scope, mediaServer, embedded: [type]).permitted, "\(type)")
                }
                #expect(Preset.problem(with: .deviceTypes([type])) != nil)
            }
        }
    }

    @Test("a device with a service of the border is in no grant at all", arguments: ForbiddenTypes.services)
    func forbiddenServices(name: String) {
        let type = "urn:schemas-upnp-org:device:Basic:1"
        for scope in [Grant.Scope.preset("full"), .deviceTypes([type])] {
            #expect(decide(scope, type).permitted)
            // A device with a protection of its own is given, its protection is not.
            let isHidden = ForbiddenTypes.hiddenServices.contains(name)
            #expect(decide(scope, type, services: [service(name)]).permitted == isHidden)
            for operation in [AccessRequest.Operation.describe, .control, .event] {
                #expect(!decide(scope, type, operation, service: service(name), action: "Get").permitted)
            }
        }
    }

    @Test func `everything of router management is forbidden by its domain`() {
        #expect(!decide(.preset("full"), "urn:dslforum-org:device:Anything:1").permitted)
        #expect(!decide(.preset("full"), mediaServer, services: ["urn:dslforum-org:service:DeviceConfig:1"]).permitted)
    }

    @Test func `a device is in a preset only with all of its parts`() {
        let zone = decide(.preset("control"), mediaServer, embedded: [renderer])
        #expect(zone.permitted)
        let mixed = decide(.preset("control"), mediaServer, embedded: [standard("Printer")])
        #expect(!mixed.permitted)
        #expect(mixed.reason.contains("embedded"))
        #expect(!decide(.preset("media"), mediaServer, embedded: [renderer]).permitted)
        let volume = decide(
            .preset("control"), mediaServer, .control, service: service("RenderingControl"), action: "SetVolume",
            embedded: [renderer]
        )
        #expect(volume.permitted)
    }

    @Test func `a list of device types covers the granted version and those below it`() {
        let scope = Grant.Scope.deviceTypes(["urn:schemas-upnp-org:device:MediaServer:2"])
        #expect(decide(scope, "urn:schemas-upnp-org:device:MediaServer:1").permitted)
        #expect(decide(scope, "urn:schemas-upnp-org:device:MediaServer:2").permitted)
        let newer = decide(scope, "urn:schemas-upnp-org:device:MediaServer:3")
        #expect(!newer.permitted)
        #expect(newer.reason == "the grant covers versions of the device type up to 2")
        #expect(!decide(scope, renderer).permitted)
        #expect(
            decide(
                .deviceTypes(["urn:schemas-upnp-org:device:MediaServer"]), "urn:schemas-upnp-org:device:MediaServer:9"
            ).permitted)
    }

    @Test func `a list of device types gives all actions of those devices`() {
        let lock = "urn:schemas-upnp-org:device:Lock:1"
        let decision = decide(.deviceTypes([lock]), lock, .control, service: service("Lock"), action: "Unlock")
        #expect(decision.permitted)
        #expect(decide(.deviceTypes([lock]), lock, .presentation).permitted)
    }

    @Test func `a neighbour is served only where the grant allows sharing`() throws {
        let via = Via.neighbour(try #require(IPAddress("192.0.2.9")))
        #expect(decide(.preset("media"), mediaServer, via: via).permitted)
        let refused = decide(.preset("media"), mediaServer, via: via, sharing: false)
        #expect(!refused.permitted)
        #expect(refused.reason.contains("neighbour 192.0.2.9"))
        #expect(decide(.preset("media"), mediaServer, via: .ownHost, sharing: false).permitted)
    }

    @Test func `of several grants one that permits is enough`() {
        let policy = GrantedRights([
            Grant(subject: subject, scope: .preset("media")),
            Grant(subject: subject, scope: .deviceTypes(["urn:schemas-upnp-org:device:Lock:1"])),
        ])
        func permitted(_ type: String) -> Bool {
            policy.decide(
                AccessRequest(
                    subject: subject, via: .ownHost, device: .init(udn: "u", deviceType: type), operation: .discover
                )
            ).permitted
        }
        #expect(permitted(mediaServer))
        #expect(permitted("urn:schemas-upnp-org:device:Lock:1"))
        #expect(!permitted(renderer))
    }

    @Test(
        "a type that cannot be read is denied, even under full",
        arguments: [
            "", "urn", "MediaServer", "urn:schemas-upnp-org:device::1", "urn:schemas-upnp-org:device:MediaServer:x",
            "urn:schemas-upnp-org:device:MediaServer:0", "urn:a:device:b:1:2", "urn::device:MediaServer:1",
        ]
    )
    func unreadable(type: String) {
        for scope in [Grant.Scope.preset("full"), .preset("media"), .deviceTypes([type])] {
            #expect(!decide(scope, type).permitted)
        }
    }

    @Test func `a preset that this program does not know gives nothing`() {
        let decision = decide(.preset("everything"), mediaServer)
        #expect(!decision.permitted)
        #expect(decision.reason.contains("everything"))
    }

    @Test func `a scope that is no use is explained to the one who grants`() {
        #expect(Preset.problem(with: .preset("media")) == nil)
        #expect(
            Preset.problem(with: .preset("x"))
                == "there is no preset x: choose one of watch, listen, control, camera-viewer, guest, media, full, rules-only"
        )
        #expect(Preset.problem(with: .deviceTypes([mediaServer])) == nil)
        #expect(Preset.problem(with: .deviceTypes([])) != nil)
        #expect(Preset.problem(with: .deviceTypes([contentDirectory])) != nil)
        #expect(Preset.problem(with: .deviceTypes(Array(repeating: mediaServer, count: 33))) != nil)
    }
}

/// What subjects may do by their grants alone.
private struct GrantedRights {
    private let policy: CompiledPolicy

    init(_ grants: [Grant]) {
        let subjects = Set(grants.map(\.subject)).map { Subject(id: $0, name: $0.rawValue, createdAt: .distantPast) }
        policy = CompiledPolicy(document: nil, ledger: TrustLedger(subjects: subjects, grants: grants))
    }

    func decide(_ request: AccessRequest) -> Decision { policy.decide(request) }
}
