import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP
@testable import UPnP

@Suite("Driving a device", .timeLimit(.minutes(1)))
struct DeviceProxyTests {
    /// The lamp that the tests host, and a control point that knows its URL.
    private func withLamp(_ body: (DeviceProxy) async throws -> Void) async throws {
        try await HostedTestDevice.withHost { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let root = try await controlPoint.device(at: location)
                try await body(DeviceProxy(root, controlPoint: controlPoint))
            }
        }
    }

    @Test("a service is found by type in any version, by identifier and by its short name")
    func services() async throws {
        try await withLamp { device in
            for name in [
                HostedTestDevice.switchType, "urn:schemas-upnp-org:service:SwitchPower:1",
                "urn:upnp-org:serviceId:SwitchPower", "SwitchPower", "switchpower:2",
            ] {
                #expect(try device.service(name).serviceID == "urn:upnp-org:serviceId:SwitchPower", "\(name)")
            }
            do {
                _ = try device.service("AVTransport")
                Issue.record("there is no such service")
            } catch let error as ControlPointError {
                #expect(error.message == "“Lamp & <test>” has no service “AVTransport”; it has: SwitchPower")
                #expect(error.code == .noSuchService)
            }
        }
    }

    @Test("an action takes Swift values and gives typed ones")
    func invoke() async throws {
        try await withLamp { device in
            let power = try device.service("SwitchPower")
            _ = try await power.invoke("SetTarget", ["newTargetValue": true])
            let result = try await power.invoke("GetStatus")
            #expect(result["ResultStatus"] == .boolean(true))
            #expect(result["ResultStatus"]?.bool == true)
        }
    }

    @Test("what the service does not describe is not sent; what it refuses is its fault")
    func refusals() async throws {
        try await withLamp { device in
            let power = try device.service("SwitchPower")
            for (action, arguments, code) in [
                ("SetTarget", ["newTargetValue": "perhaps"], ControlPointError.Code.invalidArguments),
                ("SetTarget", [:], .invalidArguments), ("SetLevel", ["newLevel": 101], .invalidArguments),
                ("Dance", [:], .noSuchAction),
            ] as [(String, [String: UPnPValue], ControlPointError.Code)] {
                let error = await #expect(throws: ControlPointError.self) { try await power.invoke(action, arguments) }
                #expect(error?.code == code)
            }
            let fault = await #expect(throws: UPnPFault.self) { try await power.invoke("SetLevel", ["newLevel": 7]) }
            #expect(fault?.code.rawValue == 701)
            #expect(fault?.description == "stuck")
        }
    }

    @Test("many calls at once are all answered")
    func concurrentCalls() async throws {
        try await withLamp { device in
            let power = try device.service("SwitchPower")
            try await withThrowingTaskGroup(of: Bool?.self) { group in
                for _ in 0..<100 { group.addTask { try await power.invoke("GetStatus")["ResultStatus"]?.bool } }
                for try await value in group { #expect(value == false) }
            }
        }
    }

    @Test("events are typed, begin with the whole state, and end when their reader goes")
    func events() async throws {
        try await withLamp { device in
            let power = try device.service("SwitchPower")
            var seen: [UPnPValue?] = []
            for await event in try await power.subscribe() {
                #expect(event.isInitialState == seen.isEmpty)
                seen.append(event["Status"])
                if seen.count == 2 { break }
                #expect(event["Level"] == .ui1(50))
                _ = try await power.invoke("SetTarget", ["newTargetValue": true])
            }
            #expect(seen == [.boolean(false), .boolean(true)])
        }
    }

    @Test("values are read again and again, and only changes are told")
    func polling() async throws {
        try await withLamp { device in
            let power = try device.service("SwitchPower")
            let readings = Mutex(0)
            let values = power.values(every: .milliseconds(1)) { service in
                if readings.withLock({
                    $0 += 1; return $0
                }) == 4 {
                    _ = try await service.invoke("SetTarget", ["newTargetValue": true])
                }
                return try await service.invoke("GetStatus")["ResultStatus"]?.bool
            }
            var seen: [Bool?] = []
            for try await value in values {
                seen.append(value)
                if seen.count == 2 { break }
            }
            #expect(seen == [false, true])
            #expect(readings.withLock { $0 } == 4)
        }
    }

    @Test("a picture is read, the one that fits best")
    func icon() async throws {
        try await withLamp { device in
            let icon = try await device.icon()
            #expect(icon?.mimeType == "image/png")
            #expect(icon.map { String(buffer: $0.bytes) } == "png")
            #expect(try await device.icon(mimeType: "image/gif") == nil)
        }
    }

    @Test("a search yields what is known and what comes, each device once, and then ends")
    func search() async throws {
        try await withRawServer({ peer, _ in
            let request = await peer.read(through: "\r\n\r\n")
            let number = request.split(separator: " ")[1].dropFirst()
            try await peer.send(ScriptedDevice.answer(ScriptedDevice.description(udn: "uuid:\(number)")))
        }) { endpoint in
            try await HostedTestDevice.withControlPoint {
                $0.searchMargin = .milliseconds(200)
            } _: { controlPoint in
                func found(_ number: Int) throws -> DeviceDirectory.Change {
                    .appeared(try DiscoveredDevice.scripted("http://\(endpoint)/\(number)", udn: "uuid:\(number)"))
                }
                await controlPoint.tracker.handle(try found(1))
                await controlPoint.tracker.settle()
                #expect(controlPoint.device(udn: "uuid:1") != nil)
                let search = controlPoint.search(.rootDevices, maximumWait: 1)
                await controlPoint.tracker.handle(try found(2))
                await controlPoint.tracker.handle(try found(1))
                var udns: [String] = []
                for try await device in search { udns.append(device.udn) }
                #expect(udns == ["uuid:1", "uuid:2"])
                udns = []
                for try await device in controlPoint.search(.type("urn:schemas-upnp-org:service:SwitchPower:1")) {
                    udns.append(device.udn)
                    if udns.count == 2 { break }
                }
                #expect(udns == ["uuid:1", "uuid:2"])
            }
        }
    }

    @Test("a search that outlives its control point says so")
    func endedSearch() async throws {
        let search = try await HostedTestDevice.withControlPoint { $0.search() }
        let error = await #expect(throws: ControlPointError.self) { for try await _ in search {} }
        #expect(error?.code == .notRunning)
    }
}

extension DiscoveredDevice {
    /// An announcement on loopback.
    static func scripted(
        _ location: String, source: String = "127.0.0.1", bootID: UInt32? = 1, configID: UInt32? = 1,
        udn: String = ScriptedDevice.udn
    ) throws -> DiscoveredDevice {
        let link = InterfaceAddress(
            interface: "lo", index: 1, address: .v4(.loopback),
            prefix: try #require(IPPrefix(address: .v4(.loopback), length: 8))
        )
        return DiscoveredDevice(
            udn: udn, location: location, source: try #require(IPAddress(source)), interface: link, maxAge: 1800,
            server: "", bootID: bootID, configID: configID, searchPort: nil, embedded: [],
            expires: .now + .seconds(1800)
        )
    }
}
