import NetworkTypes
import TestKit
import UPnP

/// A directory in virtual time, fed by short sentences.
struct DirectoryHarness {
    static let interface: InterfaceAddress = {
        guard let prefix = IPPrefix("192.0.2.0/24") else { preconditionFailure("not a prefix") }
        return InterfaceAddress(interface: "test0", index: 3, address: address(200), prefix: prefix)
    }()

    static func address(_ host: UInt8) -> IPAddress { .v4(IPv4Address(192, 0, 2, host)) }

    var directory: DeviceDirectory
    var clock = VirtualClock()
    var searches: [String] = []

    init(limits: DeviceDirectoryLimits = .init()) {
        self.directory = DeviceDirectory(limits: limits)
    }

    mutating func alive(
        _ name: String, target: String = "upnp:rootdevice", bootID: UInt32? = nil, configID: UInt32? = nil,
        maxAge: Int = 1800, host: UInt8 = 1, port: Int = 80, location: String? = nil, isAnswer: Bool = false
    ) -> [DeviceDirectory.Change] {
        let announcement = SSDPAnnouncement(
            target: target, usn: USN(udn: "uuid:\(name)", target: target.hasPrefix("uuid:") ? nil : target),
            location: location ?? "http://\(Self.address(host)):\(port)/d.xml", maxAge: maxAge, bootID: bootID,
            configID: configID
        )
        return handle(isAnswer ? .response(announcement) : .alive(announcement), host: host)
    }

    mutating func byebye(_ name: String, bootID: UInt32? = nil, host: UInt8 = 1) -> [DeviceDirectory.Change] {
        handle(.byebye(SSDPByebye(target: "uuid:\(name)", usn: USN(udn: "uuid:\(name)"), bootID: bootID)), host: host)
    }

    mutating func update(_ name: String, bootID: UInt32, next: UInt32) -> [DeviceDirectory.Change] {
        handle(
            .update(
                SSDPUpdate(
                    target: "uuid:\(name)", usn: USN(udn: "uuid:\(name)"), location: "http://192.0.2.1:80/d.xml",
                    bootID: bootID, nextBootID: next
                )
            ),
            host: 1
        )
    }

    /// Lets time pass as a driver does, waking when asked to.
    mutating func wait(_ duration: Duration) -> [DeviceDirectory.Change] {
        let end = clock.now + duration
        var changes: [DeviceDirectory.Change] = []
        while let wake = directory.nextWake, wake <= end {
            clock.advance(to: wake)
            changes += directory.expire(now: clock.now)
            searches += directory.dueSearches(now: clock.now)
        }
        clock.advance(to: end)
        return changes
    }

    private mutating func handle(_ message: SSDPMessage, host: UInt8) -> [DeviceDirectory.Change] {
        directory.handle(
            message, from: SocketEndpoint(Self.address(host), port: 50_000), on: Self.interface, now: clock.now)
    }
}

extension DeviceDirectory.Change {
    /// The change in two or three words.
    var name: String {
        let device = udn.dropFirst(5)
        return switch self {
        case .appeared: "appeared \(device)"
        case .relocated: "relocated \(device)"
        case .rebooted: "rebooted \(device)"
        case .reconfigured: "reconfigured \(device)"
        case .embeddedDisappeared(_, let inner): "embedded \(device) \(inner.dropFirst(5))"
        case .disappeared(_, .byebye): "byebye \(device)"
        case .disappeared(_, .expired): "expired \(device)"
        case .disappeared(_, .interfaceLost): "lost \(device)"
        }
    }
}
