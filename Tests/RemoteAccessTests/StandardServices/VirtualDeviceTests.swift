import AccessPolicy
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

@testable import RemoteAccess

@Suite("Virtual devices")
struct VirtualDeviceTests {
    private static let lightType = "urn:schemas-upnp-org:device:DimmableLight:1"

    private func device(_ number: Int, type: String = lightType, services: [String]) throws -> KnownDevice {
        let udn = "uuid:\(number)"
        let location = try #require(HTTPURL("http://192.0.2.\(number):8080/d.xml"))
        let link = InterfaceAddress(
            interface: "lk0", index: 1, address: .v4(IPv4Address(192, 0, 2, 254)),
            prefix: try #require(IPPrefix("192.0.2.0/24")))
        let description = DeviceDescription(
            deviceType: type, friendlyName: "Device \(number)", manufacturer: "M", modelName: "D", udn: udn,
            services: services.map {
                ServiceDescription(
                    serviceType: "urn:schemas-upnp-org:service:\($0):1", serviceID: "urn:upnp-org:serviceId:\($0)",
                    scpdURL: "/\($0).xml", controlURL: "/c/\($0)", eventSubURL: "/e/\($0)")
            }, presentationURL: "/page")
        return KnownDevice(
            RootDevice(
                udn: udn, location: location, description: RootDescription(device: description), base: location,
                interface: link), revision: 1)
    }

    @Test("FILTER keeps what is allowed, under UDNs of its own, and leads to the device itself")
    func filter() throws {
        let light = try device(7, services: ["SwitchPower", "Dimming"])
        let order = VirtualDeviceDescription(
            .filter, rootDeviceType: "",
            parts: [.init(udn: "uuid:7", allowedUSNs: ["uuid:7::urn:schemas-upnp-org:service:SwitchPower:1"])])
        let made = try #require(VirtualDevices.make(order, udn: "uuid:v", home: [light]))
        #expect(made.udn == "uuid:v" && made.facts.deviceType == Self.lightType)
        #expect(made.services.map(\.serviceType) == ["urn:schemas-upnp-org:service:SwitchPower:1"])
        #expect(made.services.first?.controlURL.description == "http://192.0.2.7:8080/c/SwitchPower")
        #expect(made.parts.map(\.udn) == ["uuid:7"] && made.addresses.map(\.description) == ["192.0.2.7"])
        #expect(made.device.description.device.presentationURL == nil)
    }

    @Test("MERGE is answered by the first that is there")
    func merge() throws {
        let (one, two) = (try device(1, services: ["SwitchPower"]), try device(2, services: ["SwitchPower"]))
        let order = VirtualDeviceDescription(
            .merge, rootDeviceType: Self.lightType, parts: [.init(udn: "uuid:2"), .init(udn: "uuid:1")])
        let both = try #require(VirtualDevices.make(order, udn: "uuid:v", home: [one, two]))
        #expect(both.parts.map(\.udn) == ["uuid:2"])
        let rest = try #require(VirtualDevices.make(order, udn: "uuid:v", home: [one]))
        #expect(rest.parts.map(\.udn) == ["uuid:1"] && rest.udn == both.udn)
        #expect(VirtualDevices.make(order, udn: "uuid:v", home: []) == nil)
        // Without a list, it is every device of the type.
        let all = VirtualDeviceDescription(.merge, rootDeviceType: Self.lightType, parts: [])
        #expect(VirtualDevices.make(all, udn: "uuid:v", home: [two, one])?.parts.map(\.udn) == ["uuid:1"])
        let camera = try device(3, type: "urn:x:device:Camera:1", services: ["Still"])
        #expect(throws: VirtualDeviceFailure.self) {
            try VirtualDevices.check(
                VirtualDeviceDescription(.merge, rootDeviceType: Self.lightType, parts: [.init(udn: "uuid:3")]),
                udn: "uuid:v", home: [camera])
        }
    }

    @Test("AGGREGATE embeds its parts below one root, and no UDN is used twice")
    func aggregate() throws {
        let light = try device(1, services: ["SwitchPower"])
        let camera = try device(2, type: "urn:x:device:Camera:1", services: ["Still"])
        let order = VirtualDeviceDescription(
            .aggregate, rootDeviceType: "urn:schemas-latchkey:device:Room:1",
            parts: [.init(udn: "uuid:1"), .init(udn: "uuid:2")])
        try VirtualDevices.check(order, udn: "uuid:v", home: [light, camera])
        let made = try #require(VirtualDevices.make(order, udn: "uuid:v", home: [light, camera]))
        #expect(made.facts.embeddedTypes == [Self.lightType, "urn:x:device:Camera:1"])
        let udns = made.device.description.device.allDevices.map(\.udn)
        #expect(Set(udns).count == 3 && Set(udns).isDisjoint(with: ["uuid:1", "uuid:2"]))
        #expect(Set(made.addresses.map(\.description)) == ["192.0.2.1", "192.0.2.2"])
        #expect(throws: VirtualDeviceFailure.udn("uuid:2")) {
            try VirtualDevices.check(order, udn: "uuid:v", home: [light])
        }
    }

    @Test("The table makes them anew when a part comes or goes, and tells of nothing else")
    func table() throws {
        let directory = HomeDirectory()
        let order = ListedVirtualDevice(
            id: "uuid:v", document: "",
            description: VirtualDeviceDescription(.merge, rootDeviceType: Self.lightType, parts: []))
        #expect(directory.refreshVirtualDevices([order]).isEmpty)
        _ = directory.apply(.appeared(try device(1, services: ["SwitchPower"]).device))
        #expect(directory.refreshVirtualDevices([order]).count == 1)
        #expect(directory.refreshVirtualDevices([order]).isEmpty)
        let version = directory.version
        _ = directory.apply(.appeared(try device(2, services: ["SwitchPower"]).device))
        #expect(directory.refreshVirtualDevices([order]).isEmpty && directory.version == version + 1)
        _ = directory.apply(.disappeared(udn: "uuid:1", reason: "gone"))
        guard case .changed(let moved)? = directory.refreshVirtualDevices([order]).first else {
            throw VirtualDeviceFailure.kind
        }
        #expect(moved.parts.map(\.udn) == ["uuid:2"] && moved.revision == 2)
        guard case .disappeared(let gone)? = directory.refreshVirtualDevices([]).first else {
            throw VirtualDeviceFailure.kind
        }
        #expect(gone.udn == "uuid:v")
    }
}
