import HTTPTypes
import NIOCore
import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Device host and control point", .timeLimit(.minutes(1)))
struct DeviceHostTests {
    @Test("a hosted device is read back as it was made")
    func description() async throws {
        try await HostedTestDevice.withHost { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let device = try await controlPoint.device(at: location)
                #expect(device.udn == HostedTestDevice.udn)
                #expect(device.description.device.friendlyName == "Lamp & <test>")
                #expect(device.address == .v4(.loopback))
                let service = try #require(device.service("urn:schemas-upnp-org:service:SwitchPower:1"))
                #expect(service.serviceType == HostedTestDevice.switchType)
                let scpd = try await controlPoint.scpd(of: service, in: device)
                #expect(scpd.actions.map(\.name) == ["SetTarget", "GetStatus", "SetLevel", "Explode", "Optional"])
                #expect(scpd.eventedVariables.map(\.name) == ["Status", "Level"])
                let icon = try #require(device.description.device.icons.first.flatMap { device.resolve($0.url) })
                let endpoint = try #require(icon.endpoint)
                let bytes = try await controlPoint.client.withResponse(
                    controlPoint.configuration.request(.get, icon), to: endpoint
                ) { response, body in
                    #expect(response.headerFields[.contentType] == "image/png")
                    return try await body.collect(upTo: 100)
                }
                #expect(String(buffer: bytes) == "png")
            }
        }
    }

    @Test("paths differ at each start, and hold no UDN")
    func randomPaths() async throws {
        let first = try await HostedTestDevice.withHost { $0.path }
        let second = try await HostedTestDevice.withHost { $0.path }
        #expect(first != second)
        #expect(!first.has("6a0c4d0e"))
        #expect(first.utf8.count >= 33)
    }

    @Test("an action does what it says, also for a control point of an older version")
    func invoke() async throws {
        try await HostedTestDevice.withHost { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let device = try await controlPoint.device(at: location)
                let url = try #require(device.services.first?.controlURL)
                for type in [HostedTestDevice.switchType, "urn:schemas-upnp-org:service:SwitchPower:1"] {
                    for value in ["1", "0"] {
                        let set = ActionRequest(
                            serviceType: type, action: "SetTarget", arguments: [ActionArgument("newTargetValue", value)]
                        )
                        _ = try await controlPoint.invoke(set, at: url)
                        let status = try await controlPoint.invoke(
                            ActionRequest(serviceType: type, action: "GetStatus"), at: url
                        )
                        #expect(status["ResultStatus"] == value)
                        #expect(status.serviceType == type)
                    }
                }
            }
        }
    }

    @Test(
        "refuses with the code of the standard",
        arguments: [
            ("Nothing", [], 401), ("SetTarget", [], 402), ("SetTarget", [("newTargetValue", "maybe")], 402),
            ("SetTarget", [("wrong", "1")], 402), ("GetStatus", [("extra", "1")], 402),
            ("SetLevel", [("newLevel", "101")], 601), ("SetLevel", [("newLevel", "1000")], 600),
            ("SetLevel", [("newLevel", "7")], 701), ("Explode", [], 501), ("Optional", [], 602),
        ] as [(String, [(String, String)], Int)]
    )
    func faults(action: String, arguments: [(String, String)], code: Int) async throws {
        try await HostedTestDevice.withHost { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let device = try await controlPoint.device(at: location)
                let url = try #require(device.services.first?.controlURL)
                let request = ActionRequest(
                    serviceType: HostedTestDevice.switchType, action: action,
                    arguments: arguments.map { ActionArgument($0.0, $0.1) }
                )
                let fault = await #expect(throws: UPnPFault.self) {
                    try await controlPoint.invoke(request, at: url)
                }
                #expect(fault?.code.rawValue == code)
                if code == 701 { #expect(fault?.description == "stuck") }
            }
        }
    }

    @Test("a request for a newer version, or for another service, is an invalid action")
    func otherService() async throws {
        try await HostedTestDevice.withHost { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.controlURL)
                for type in ["urn:schemas-upnp-org:service:SwitchPower:3", "urn:schemas-upnp-org:service:Dimming:1"] {
                    let fault = await #expect(throws: UPnPFault.self) {
                        try await controlPoint.invoke(ActionRequest(serviceType: type, action: "GetStatus"), at: url)
                    }
                    #expect(fault?.code == .invalidAction)
                }
            }
        }
    }

    @Test("the first event is number 0 with the whole state, then come the changes")
    func events() async throws {
        let power = HostedTestDevice.power()
        try await HostedTestDevice.withHost(power) { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
                let subscription = try await controlPoint.subscribe(to: url)
                var events = subscription.events.makeAsyncIterator()
                let first = await events.next()
                #expect(first?.sequence == 0)
                #expect(first?.properties.properties == [EventProperty("Status", "0"), EventProperty("Level", "50")])
                await power.publish([EventProperty("Status", "1")])
                let second = await events.next()
                #expect(second == DeviceEvent(sequence: 1, properties: PropertySet([EventProperty("Status", "1")])))
                // What has not changed is not told.
                await power.publish([EventProperty("Status", "1")])
                await power.publish([EventProperty("Level", "7")])
                let third = await events.next()
                #expect(third == DeviceEvent(sequence: 2, properties: PropertySet([EventProperty("Level", "7")])))
                await subscription.cancel()
                #expect(await events.next() == nil)
            }
        }
    }

    @Test("several subscribers each have their own numbers, and one that leaves hears nothing more")
    func severalSubscribers() async throws {
        let power = HostedTestDevice.power()
        try await HostedTestDevice.withHost(power) { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
                let early = try await controlPoint.subscribe(to: url)
                var earlyEvents = early.events.makeAsyncIterator()
                #expect(await earlyEvents.next()?.sequence == 0)
                await power.publish([EventProperty("Status", "1")])
                #expect(await earlyEvents.next()?.sequence == 1)
                let seen = try await controlPoint.withSubscription(to: url) { sets in
                    var sets = sets.makeAsyncIterator()
                    return await sets.next()
                }
                #expect(seen?["Status"] == "1")
                await power.publish([EventProperty("Status", "0")])
                #expect(await earlyEvents.next()?.sequence == 2)
                await early.cancel()
            }
        }
    }

    @Test("HEAD of a description tells its length, and a resource has a path that nobody can guess")
    func resource() async throws {
        try await HostedTestDevice.withHost { location in
            let endpoint = try #require(location.endpoint)
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET /snapshot.jpg HTTP/1.1\r\nHost: \(endpoint)\r\n\r\n")
                #expect(await peer.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 404"))
                try await peer.send("HEAD \(location.path) HTTP/1.1\r\nHost: \(endpoint)\r\n\r\n")
                let head = await peer.read(through: "\r\n\r\n")
                #expect(head.has("Content-Type: text/xml; charset=\"utf-8\"\r\n"))
                #expect(head.has("Content-Length: ") && !head.has("Content-Length: 0\r\n"))
            }
        }
    }
}
