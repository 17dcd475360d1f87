/// One of the messages of an advertisement set: what is announced, and under which name (UDA 2.0 §1.2.2).
public struct AdvertisedTarget: Hashable, Sendable {
    /// NT of a notification, ST of an answer.
    public var notificationType: String
    /// USN.
    public var usn: USN

    /// Makes a target.
    public init(notificationType: String, usn: USN) {
        self.notificationType = notificationType
        self.usn = usn
    }
}

/// A device as SSDP sees it: names and types, with its embedded devices.
public struct AdvertisedDevice: Sendable, Hashable {
    /// `uuid:…`.
    public var udn: String
    /// `urn:…:device:T:v`, the highest version.
    public var deviceType: String
    /// `urn:…:service:T:v`, the highest version of each; repetitions are announced once.
    public var serviceTypes: [String]
    /// Devices inside this one.
    public var embedded: [AdvertisedDevice]

    /// Makes a device.
    public init(udn: String, deviceType: String, serviceTypes: [String], embedded: [AdvertisedDevice] = []) {
        self.udn = udn
        self.deviceType = deviceType
        self.serviceTypes = serviceTypes
        self.embedded = embedded
    }

    /// The set for a root device, itself first: 3 + 2d + k messages (UDA 2.0 §1.2.2, tables 1-1 to 1-3).
    public var targets: [AdvertisedTarget] {
        var result = [
            AdvertisedTarget(notificationType: "upnp:rootdevice", usn: USN(udn: udn, target: "upnp:rootdevice"))
        ]
        var seen: Set<AdvertisedTarget> = []
        var waiting = [self]
        while let device = waiting.popLast() {
            var own = [AdvertisedTarget(notificationType: device.udn, usn: USN(udn: device.udn))]
            for type in [device.deviceType] + device.serviceTypes {
                own.append(AdvertisedTarget(notificationType: type, usn: USN(udn: device.udn, target: type)))
            }
            result += own.filter { seen.insert($0).inserted }
            waiting += device.embedded.reversed()
        }
        return result
    }

    /// What a search for `target` is answered with, in the order of the set.
    ///
    /// An older version of a type is echoed in ST and USN alike, UDA 2.0 §1.3.3.
    public func targets(matching target: SearchTarget) -> [AdvertisedTarget] {
        targets.matching(target)
    }
}

extension [AdvertisedTarget] {
    func matching(_ target: SearchTarget) -> [AdvertisedTarget] {
        switch target {
        case .all:
            return self
        case .rootDevice:
            return filter { $0.notificationType == "upnp:rootdevice" }
        case .device(let udn):
            return filter { $0.usn.udn == udn && $0.usn.target == nil }
        case .type(let name, let version):
            return compactMap { own in
                guard let (ownName, ownVersion) = SearchTarget.splitType(own.notificationType), ownName == name,
                    ownVersion >= version
                else { return nil }
                let asked = target.description
                return AdvertisedTarget(notificationType: asked, usn: USN(udn: own.usn.udn, target: asked))
            }
        case .other(let text):
            return filter { $0.notificationType == text }
        }
    }
}
