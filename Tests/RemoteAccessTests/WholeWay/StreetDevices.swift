import HTTPTypes
import NIOCore
import NIOUPnP
import UPnP

extension Street {
    /// A lamp whose `SetTarget` is noted, and whose state is evented.
    var light: HostedDevice {
        let scpd = SCPD(
            actions: [
                ActionDescription(
                    name: "SetTarget",
                    arguments: [
                        ArgumentDescription(name: "newTargetValue", direction: .in, relatedStateVariable: "Status")
                    ])
            ],
            stateVariables: [StateVariable(name: "Status", dataType: .boolean, sendEvents: true, defaultValue: "0")])
        let service = HostedService(
            serviceType: "urn:schemas-upnp-org:service:SwitchPower:1",
            serviceID: "urn:upnp-org:serviceId:SwitchPower", scpd: scpd,
            actions: [
                "SetTarget": { [acts] call in
                    let target = call["newTargetValue"]?.text ?? ""
                    acts.note("light \(target)")
                    await call.service.publish([EventProperty("Status", target)])
                    return []
                }
            ])
        return HostedDevice(
            udn: "uuid:00000000-0000-4000-8000-000000000001", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
            friendlyName: "Light", manufacturer: "test", modelName: "test", services: [service])
    }

    /// A lock that nobody but a client with full rights should open.
    var lock: HostedDevice {
        let scpd = SCPD(actions: [ActionDescription(name: "Open")], stateVariables: [])
        let service = HostedService(
            serviceType: "urn:schemas-latchkey:service:DoorLock:1", serviceID: "urn:latchkey:serviceId:DoorLock",
            scpd: scpd,
            actions: [
                "Open": { [acts] _ in
                    acts.note("lock open")
                    return []
                }
            ])
        return HostedDevice(
            udn: "uuid:00000000-0000-4000-8000-000000000002", deviceType: "urn:schemas-latchkey:device:DoorLock:1",
            friendlyName: "Lock", manufacturer: "test", modelName: "test", services: [service])
    }

    /// A shelf of two items: `Locate` tells an item's URL, `Play` is told one.
    var shelf: HostedDevice {
        let item = StateVariable(name: "A_ARG_TYPE_URI", dataType: .uri, sendEvents: false)
        let scpd = SCPD(
            actions: [
                ActionDescription(
                    name: "Locate",
                    arguments: [
                        ArgumentDescription(name: "URI", direction: .out, relatedStateVariable: "A_ARG_TYPE_URI")
                    ]),
                ActionDescription(
                    name: "LocateEndless",
                    arguments: [
                        ArgumentDescription(name: "URI", direction: .out, relatedStateVariable: "A_ARG_TYPE_URI")
                    ]),
                ActionDescription(
                    name: "Play",
                    arguments: [
                        ArgumentDescription(name: "URI", direction: .in, relatedStateVariable: "A_ARG_TYPE_URI")
                    ]),
            ], stateVariables: [item])
        let service = HostedService(
            serviceType: "urn:schemas-latchkey:service:Shelf:1", serviceID: "urn:latchkey:serviceId:Shelf", scpd: scpd,
            actions: [
                "Locate": { call in [ActionArgument("URI", call.resourceURL("item22")?.description ?? "")] },
                "LocateEndless": { call in [ActionArgument("URI", call.resourceURL("endless")?.description ?? "")] },
                "Play": { [acts] call in
                    acts.note("play \(call["URI"]?.text ?? "")")
                    return []
                },
            ])
        return HostedDevice(
            udn: "uuid:00000000-0000-4000-8000-000000000003", deviceType: "urn:schemas-latchkey:device:Shelf:1",
            friendlyName: "Shelf", manufacturer: "test", modelName: "test", services: [service],
            resources: [resource("item22"), resource("item23"), endless])
    }

    func resource(_ name: String) -> HostedResource {
        HostedResource(name: name) { exchange in
            try await exchange.respond(
                .ok, headers: [.contentType: "video/mp4"], body: ByteBuffer(string: "this is \(name)"))
        }
    }

    /// Bytes of each block of the stream without an end; a block begins with its number, in four bytes.
    static let block = 16 << 10

    /// A stream without an end.
    private var endless: HostedResource {
        HostedResource(name: "endless") { exchange in
            try await exchange.respond(HTTPResponse(status: .ok, headerFields: [.contentType: "video/mp4"]))
            let block = ByteBuffer(repeating: 7, count: Self.block)
            for number in 0..<UInt32.max {
                var block = block
                block.setInteger(number, at: 0)
                try await exchange.send(block)
            }
        }
    }
}
