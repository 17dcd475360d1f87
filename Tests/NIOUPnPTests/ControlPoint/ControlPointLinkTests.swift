import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("A device is found and driven", .needsTestInterface, .timeLimit(.minutes(1)))
struct ControlPointLinkTests {
    @Test("over IPv4, and over IPv6 with link-local addresses", arguments: [AddressFamilies.ipv4, .ipv6])
    func wholeWay(families: AddressFamilies) async throws {
        var ssdp = TestInterface.configuration()
        ssdp.families = families
        let host = DeviceHost(
            HostedTestDevice.device(HostedTestDevice.power()),
            configuration: DeviceHostConfiguration(interfaces: .named([TestInterface.name]), ssdp: ssdp))
        // Another program's view: it does not know what the host sends.
        ssdp.ownTraffic = OwnTraffic()
        let configuration = ControlPointConfiguration(interfaces: .named([TestInterface.name]), ssdp: ssdp)
        try await withServices([{ try await host.run() }]) {
            try await withControlPoint(configuration) { controlPoint in
                for await change in controlPoint.changes where change.udn == HostedTestDevice.udn { break }
                var found: [DeviceProxy] = []
                for try await device in controlPoint.search(maximumWait: 1) {
                    found.append(device)
                    break
                }
                let device = try #require(found.first)
                let address = try #require(device.root.location.ipAddress)
                #expect(families.includes(address))
                #expect(!device.root.location.description.contains("%"))
                let power = try device.service("SwitchPower")
                _ = try await power.invoke("SetTarget", ["newTargetValue": true])
                for await event in try await power.subscribe() {
                    #expect(event["Status"]?.bool == true)
                    break
                }
            }
        }
    }
}
