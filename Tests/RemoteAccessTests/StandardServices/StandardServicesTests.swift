import AccessPolicy
import NIOUPnP
import Testing
import TrustCore
import UPnP

@testable import RemoteAccess

@Suite("The gateway's own services")
struct StandardServicesTests {
    /// The actions with their arguments, `<` in and `>` out, as the standard's templates have them.
    private static let lists: [String: [String]] = [
        "InboundConnectionConfig": [
            "GetDynamicDNSSupportedProtocols >DynamicDNSSupportedProtocols",
            "GetNetworkTopologyInfo >CurrentNetworkTopologyInfo",
            "SetDynamicDNSConfigInfo <NewDynamicDNSConfigInfo", "SetSTUNServerAddress <NewSTUNServerAddress",
        ],
        "RADAConfig": [
            "CreateVirtualDevice <VirtualDeviceDescr >VirtualDeviceID", "DestroyVirtualDevice <VirtualDeviceID",
            "EditFilter <Filter", "GetSystemInfo <ID >SystemInfo", "GetVirtualDevices >VirtualDeviceList",
        ],
        "RATAConfig": [
            "AddProfile <NewProfileConfigInfo", "DeleteProfile <ProfileID",
            "EditProfile <ProfileID <UpdatedProfileConfigInfo", "GetCredentialsList >CurrentCredentialsList",
            "GetProfileConfigInfo <ProfileID >ProfileConfigInfo", "GetProfileList >ProfileList",
            "GetSupportedCredentialDelivery >SupportedCredentialDelivery",
            "GetTransportAgentCapabilities >TransportAgentCapabilities",
        ],
    ]

    /// The variables with their types, evented ones with a `*`.
    private static let variables: [String: Set<String>] = [
        "InboundConnectionConfig": [
            "DynamicDNSSupportedProtocols string", "NetworkTopologyInfo string", "DynamicDNSConfigInfo string",
            "STUNServerAddress string",
        ],
        "RADAConfig": [
            "SystemInfo string", "SystemInfoUpdateID ui4*", "A_ARG_TYPE_UUID string", "A_ARG_TYPE_FilterList string",
            "A_ARG_TYPE_VirtualDeviceDescr string", "A_ARG_TYPE_VirtualDeviceID string",
            "A_ARG_TYPE_VirtualDeviceList string",
        ],
        "RATAConfig": [
            "SystemInfo string", "TransportAgentCapabilities string", "CredentialDelivery string",
            "CredentialsList string*", "ProfileList string", "A_ARG_TYPE_ProfileConfigInfo string",
            "A_ARG_TYPE_ProfileID ui4",
        ],
    ]

    @Test("The service descriptions have the standard's actions, arguments and variables", arguments: lists.keys)
    func descriptions(name: String) async throws {
        let scpd = try await ServicesFixture().service(name).scpd
        let actions = scpd.actions.map { action in
            ([action.name] + action.arguments.map { ($0.direction == .in ? "<" : ">") + $0.name })
                .joined(separator: " ")
        }
        #expect(actions.sorted() == Self.lists[name])
        let variables = scpd.stateVariables.map { "\($0.name) \($0.dataType.rawValue)\($0.sendEvents ? "*" : "")" }
        #expect(Set(variables) == Self.variables[name])
    }

    @Test("RAServer:2 has the services of its type, and this product's own")
    func device() async throws {
        let device = try await ServicesFixture().services.device
        #expect(device.deviceType == "urn:schemas-upnp-org:device:RAServer:2")
        #expect(
            device.services.map(\.serviceID) == [
                "urn:upnp-org:serviceId:InboundConnectionConfig", "urn:upnp-org:serviceId:RADAConfig",
                "urn:upnp-org:serviceId:RATAConfig", "urn:upnp-org:serviceId:RemoteAccess",
            ])
    }

    @Test("Public may read what leaks nothing, and is refused everything else with 606")
    func publicCaller() async throws {
        let fixture = try await ServicesFixture()
        let open = ServiceRoles.open
        let samples = [
            "ProfileID": "1", "Sharing": "1", "ValidSeconds": "60", "ExpectedVersion": "0",
        ]
        for service in fixture.services.device.services {
            for action in service.scpd.actions {
                let request = ActionRequest(
                    serviceType: service.serviceType, action: action.name,
                    arguments: action.arguments.filter { $0.direction == .in }
                        .map { ActionArgument($0.name, samples[$0.name] ?? "x") })
                let code = try await fixture.code(request, at: service)
                #expect(code == (open.contains(action.name) ? nil : 606), "\(action.name)")
            }
        }
    }

    @Test("What DeviceProtection is told of the roles is what the actions ask for")
    func roles() async throws {
        let fixture = try await ServicesFixture(.basic)
        for service in fixture.services.device.services {
            for action in service.scpd.actions {
                let request = ActionRequest(
                    serviceType: service.serviceType, action: action.name,
                    arguments: action.arguments.filter { $0.direction == .in }.map {
                        ActionArgument(
                            $0.name,
                            ["ProfileID": "1", "Sharing": "1", "ValidSeconds": "60", "ExpectedVersion": "0"][$0.name]
                                ?? "x")
                    })
                let isRefused = try await fixture.code(request, at: service) == 606
                let rule = ServiceRoles.rule(service.serviceID, action.name)
                #expect(isRefused == (rule == .administration), "\(action.name)")
            }
        }
    }

    @Test("Basic reads, and changes nothing")
    func basicCaller() async throws {
        let fixture = try await ServicesFixture(.basic)
        #expect(try await fixture.error("RADAConfig", "GetSystemInfo", ("ID", "*")) == nil)
        #expect(try await fixture.error("RADAConfig", "EditFilter", ("Filter", "x")) == 606)
        #expect(try await fixture.error("RATAConfig", "GetCredentialsList") == nil)
        #expect(try await fixture.error("RemoteAccess", "GetClients") == 606)
    }

    @Test("A filter is durable, counts for the mirror, and moves SystemInfoUpdateID")
    func filter() async throws {
        let fixture = try await ServicesFixture(.admin)
        let filter = DADSDocument.filterList([
            RADAFilter(
                target: fixture.server.desk.uuid, controlMode: .denyList, update: .add,
                devices: [RADADeviceInfo(uuid: "light")])
        ]).serialized()
        var random = SystemRandomNumberGenerator()
        let anybody = SubjectID(using: &random)
        #expect(fixture.server.desk.exports("uuid:light", to: anybody))
        _ = try await fixture.call("RADAConfig", "EditFilter", ("Filter", filter))
        #expect(!fixture.server.desk.exports("uuid:light", to: anybody))
        #expect(fixture.server.desk.settings.updateID == 1)
        let again = try await ServicesFixture(.admin, restoring: fixture.store)
        #expect(!again.server.desk.exports("uuid:light", to: anybody))
        let other = DADSDocument.filterList([
            RADAFilter(target: fixture.server.desk.uuid, controlMode: .allowList, update: .add, devices: [])
        ]).serialized()
        #expect(try await fixture.error("RADAConfig", "EditFilter", ("Filter", other)) == 702)
        #expect(try await fixture.error("RADAConfig", "EditFilter", ("Filter", "<a/>")) == 702)
        #expect(try await fixture.error("RADAConfig", "GetSystemInfo", ("ID", "uuid:nobody")) == 701)
        let info = try await fixture.call("RADAConfig", "GetSystemInfo", ("ID", "uuid:" + fixture.server.desk.uuid))[
            "SystemInfo"]
        guard case .systemInfo(let read)? = try info.map({ try DADSDocument(parsing: $0.utf8) }) else {
            throw RemoteAccessDocumentError.missing("systemInfo")
        }
        #expect(
            read.updateID == 1 && read.local?.uuid == fixture.server.desk.uuid
                && read.local?.exportControlMode == .denyList)
    }

    @Test("A dynamic name is kept, sealed away from every answer and event")
    func dynamicDNS() async throws {
        let fixture = try await ServicesFixture(.admin)
        let configuration = DynamicDNSConfiguration(
            dynamicDNSProtocol: "dyndns2", server: "members.example.org", username: "u", password: "s3cret",
            domain: "home.example.org")
        _ = try await fixture.call(
            "InboundConnectionConfig", "SetDynamicDNSConfigInfo",
            ("NewDynamicDNSConfigInfo", configuration.serialized()))
        #expect(fixture.server.desk.settings.dynamicDNS == configuration)
        #expect(try fixture.service("InboundConnectionConfig")["DynamicDNSConfigInfo"] == "")
        let again = try await ServicesFixture(.admin, restoring: fixture.store)
        #expect(again.server.desk.settings.dynamicDNS?.password == "s3cret")
        var other = configuration
        other.dynamicDNSProtocol = "other"
        #expect(
            try await fixture.error(
                "InboundConnectionConfig", "SetDynamicDNSConfigInfo", ("NewDynamicDNSConfigInfo", other.serialized()))
                == 600)
        for (text, code) in [
            ("stun.example.org", nil), ("192.0.2.9", nil), ("a b", 600), ("-a.example", 600), ("", 600),
        ] {
            #expect(
                try await fixture.error(
                    "InboundConnectionConfig", "SetSTUNServerAddress", ("NewSTUNServerAddress", text))
                    == code, "\(text)")
        }
        #expect(fixture.server.desk.settings.stunServer == "192.0.2.9")
        #expect(
            try await fixture.call("InboundConnectionConfig", "GetNetworkTopologyInfo")["CurrentNetworkTopologyInfo"]
                == "Unknown")
    }

    @Test("The transport agent is Latchkey's own; others' profiles are refused with a reason")
    func transport() async throws {
        let fixture = try await ServicesFixture(.admin)
        let capabilities = try await fixture.call("RATAConfig", "GetTransportAgentCapabilities")
        #expect(
            capabilities["TransportAgentCapabilities"]?.contains("transportAgentName=\"Latchkey\"") == true)
        let foreign = """
            <tads xmlns="urn:schemas-upnp-org:ra:tads"><profileConfig dataStructureType="server">\
            <profileInfo transportAgentName="OpenVPN">x</profileInfo></profileConfig></tads>
            """
        #expect(try await fixture.error("RATAConfig", "AddProfile", ("NewProfileConfigInfo", foreign)) == 501)
        #expect(try await fixture.error("RATAConfig", "AddProfile", ("NewProfileConfigInfo", "x")) == 402)
        #expect(try await fixture.error("RATAConfig", "GetProfileConfigInfo", ("ProfileID", "7")) == 701)
        #expect(try await fixture.error("RATAConfig", "DeleteProfile", ("ProfileID", "1")) == 501)
        let list = try await fixture.call("RATAConfig", "GetProfileList")["ProfileList"]
        #expect(list?.contains("id=\"1\"") == true)
        let profile = try await fixture.call("RATAConfig", "GetProfileConfigInfo", ("ProfileID", "1"))
        #expect(profile["ProfileConfigInfo"]?.contains("listeningPort=\"4433\"") == true)
    }

    @Test("An administrator pairs, changes a policy and revokes; a code pairs nobody once it is cancelled")
    func administration() async throws {
        let fixture = try await ServicesFixture(.admin)
        let started = try await fixture.call(
            "RemoteAccess", "StartPairing", ("Name", "phone"), ("Preset", "listen"), ("Sharing", "0"),
            ("ValidSeconds", "60"))
        let code = try PairingCode(try #require(started["PairingCode"]))
        #expect(code.gatewayName == "Home" && fixture.trust.isPairingOpen)
        #expect(try await fixture.store.ledger().pairings.first?.sharing == false)
        _ = try await fixture.call("RemoteAccess", "CancelPairing", ("PairingID", try #require(started["PairingID"])))
        #expect(!fixture.trust.isPairingOpen)
        #expect(
            try await fixture.error(
                "RemoteAccess", "StartPairing", ("Name", "x"), ("Preset", "nothing"), ("Sharing", "0"),
                ("ValidSeconds", "60")) == 600)
        #expect(try await fixture.error("RemoteAccess", "RevokeClient", ("ClientID", "nobody")) == 701)
        let status = try await fixture.call("RemoteAccess", "GetServerStatus")
        #expect(status["ServerStatus"] == "Running" && status["MaximumSessions"] == "\(fixture.server.maximumSessions)")
    }

    @Test("A virtual device of devices that are not at home is 704, of another kind 703")
    func virtualDevices() async throws {
        let fixture = try await ServicesFixture(.admin)
        func order(_ kind: String, _ udn: String) -> String {
            """
            <dads xmlns="urn:schemas-upnp-org:ra:dads"><virtualDevice><virtualDeviceType>\(kind)</virtualDeviceType>\
            <rootDeviceType>urn:x:device:L:1</rootDeviceType><physicalDevice><UDN>\(udn)</UDN></physicalDevice>\
            </virtualDevice></dads>
            """
        }
        for (kind, code) in [("MERGE", 704), ("OTHER", 703)] {
            #expect(
                try await fixture.error(
                    "RADAConfig", "CreateVirtualDevice", ("VirtualDeviceDescr", order(kind, "uuid:none"))) == code)
        }
        #expect(
            try await fixture.error("RADAConfig", "DestroyVirtualDevice", ("VirtualDeviceID", "uuid:none")) == 706)
        #expect(fixture.server.desk.settings.virtualDevices.isEmpty)
    }
}
