import NIOUPnP
import UPnP
import UnixSignals

/// What happened to a device, as `latchkey upnp watch` prints it.
struct DeviceChangeLine: Encodable, Hashable, Sendable {
    /// `appeared`, `changed` or `disappeared`.
    var change: String
    var udn: String
    var name: String?
    var type: String?
    var location: String?
    /// BOOTID, which is another one after each restart; absent when the device sends none.
    var bootID: UInt32?
    /// Why it is gone.
    var reason: String?

    init(_ change: DeviceChange) {
        self.udn = change.udn
        switch change {
        case .appeared(let device):
            self.change = "appeared"
            note(device)
        case .changed(let device):
            self.change = "changed"
            note(device)
        case .disappeared(_, let reason):
            self.change = "disappeared"
            self.reason = reason
        }
    }

    private mutating func note(_ device: RootDevice) {
        name = device.description.device.friendlyName
        type = device.description.device.deviceType
        location = device.location.description
        bootID = device.bootID
    }

    /// The line for a person.
    var text: String {
        let facts = [name, type, location, bootID.map { "BOOTID \($0)" }, reason]
        return "\(change)  \(udn)  " + facts.compactMap { $0 }.joined(separator: "  ")
    }
}

extension UPnPProgram {
    /// Prints each device that comes, changes or goes, until a signal or until nobody reads.
    package static func watch(_ invocation: Invocation) async throws {
        try await ControlPointTools.run(invocation, discovers: true) { tools in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
                }
                group.addTask {
                    tools.controlPoint.sendSearch(.rootDevice, maximumWait: 1)
                    for await change in tools.controlPoint.changes {
                        let line = DeviceChangeLine(change)
                        if invocation.json {
                            try invocation.console.json(line)
                        } else {
                            invocation.console.line(line.text)
                        }
                        if invocation.console.isOutputClosed { return }
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }
}
