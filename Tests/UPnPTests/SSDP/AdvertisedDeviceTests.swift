import Testing
import UPnP

@Suite struct `Advertisement sets` {
    static let device = AdvertisedDevice(
        udn: "uuid:root", deviceType: "urn:schemas-upnp-org:device:A:2",
        serviceTypes: ["urn:schemas-upnp-org:service:S:3", "urn:schemas-upnp-org:service:S:3"],
        embedded: [
            AdvertisedDevice(
                udn: "uuid:inner", deviceType: "urn:schemas-upnp-org:device:B:1",
                serviceTypes: ["urn:schemas-upnp-org:service:S:3", "urn:example-com:service:T:1"]
            )
        ]
    )

    @Test("A root with one embedded device and three service types has 3 + 2 + 3 messages, UDA 2.0 §1.2.2")
    func count() {
        #expect(
            Self.device.targets.map(\.usn.description) == [
                "uuid:root::upnp:rootdevice", "uuid:root", "uuid:root::urn:schemas-upnp-org:device:A:2",
                "uuid:root::urn:schemas-upnp-org:service:S:3", "uuid:inner",
                "uuid:inner::urn:schemas-upnp-org:device:B:1", "uuid:inner::urn:schemas-upnp-org:service:S:3",
                "uuid:inner::urn:example-com:service:T:1",
            ]
        )
    }

    @Test(arguments: [
        ("ssdp:all", 8), ("upnp:rootdevice", 1), ("uuid:inner", 1), ("uuid:other", 0), ("UUID:inner", 0),
        ("urn:schemas-upnp-org:service:S:3", 2), ("urn:schemas-upnp-org:service:S:1", 2),
        ("urn:schemas-upnp-org:service:S:4", 0), ("urn:schemas-upnp-org:device:A:1", 1),
        ("urn:schemas-upnp-org:device:A", 0), ("urn:schemas-upnp-org:device:A:0", 0),
        ("urn:schemas-upnp-org:device:A:-1", 0), ("urn:schemas-upnp-org:device:A:99999999999999999999", 0), ("", 0),
    ])
    func `each search target matches what it names`(target: String, count: Int) {
        #expect(Self.device.targets(matching: SearchTarget(target)).count == count)
    }

    @Test("An older version is echoed in ST and USN, UDA 2.0 §1.3.3")
    func echo() {
        let matches = Self.device.targets(matching: SearchTarget("urn:schemas-upnp-org:device:A:1"))
        #expect(matches.map(\.notificationType) == ["urn:schemas-upnp-org:device:A:1"])
        #expect(matches.map(\.usn.description) == ["uuid:root::urn:schemas-upnp-org:device:A:1"])
    }
}
