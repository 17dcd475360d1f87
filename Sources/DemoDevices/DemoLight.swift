import NIOUPnP
import UPnP

/// A lamp that can be dimmed (DimmableLight:1).
struct DemoLight {
    func device(udn: String) -> HostedDevice {
        HostedDevice(
            udn: udn, deviceType: "urn:schemas-upnp-org:device:DimmableLight:1", friendlyName: "Latchkey demo light",
            manufacturer: "Latchkey", modelName: "Demo light", services: [switchPower, dimming]
        )
    }

    private var switchPower: HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:SwitchPower:1",
            serviceID: "urn:upnp-org:serviceId:SwitchPower",
            scpd: ServiceShape()
                .variable("Target", .boolean, initial: "0")
                .variable("Status", .boolean, evented: true, initial: "0")
                .action("SetTarget", in: [("newTargetValue", "Target")])
                .action("GetTarget", out: [("RetTargetValue", "Target")])
                .action("GetStatus", out: [("ResultStatus", "Status")])
                .scpd,
            actions: [
                "SetTarget": { call in
                    let target = call["newTargetValue"]?.text ?? "0"
                    say("light target=\(target)")
                    await call.publish("Status", target)
                    return []
                },
                // The lamp follows at once, so that target and status are one.
                "GetTarget": { $0.answer("RetTargetValue", "Status") },
                "GetStatus": { $0.answer("ResultStatus", "Status") },
            ]
        )
    }

    private var dimming: HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:Dimming:1", serviceID: "urn:upnp-org:serviceId:Dimming",
            scpd: ServiceShape()
                .variable("LoadLevelTarget", .ui1, initial: "100", range: Self.percent)
                .variable("LoadLevelStatus", .ui1, evented: true, initial: "100", range: Self.percent)
                .action("SetLoadLevelTarget", in: [("newLoadlevelTarget", "LoadLevelTarget")])
                .action("GetLoadLevelTarget", out: [("GetLoadlevelTarget", "LoadLevelTarget")])
                .action("GetLoadLevelStatus", out: [("retLoadlevelStatus", "LoadLevelStatus")])
                .scpd,
            actions: [
                "SetLoadLevelTarget": { call in
                    let level = call["newLoadlevelTarget"]?.text ?? "0"
                    say("light level=\(level)")
                    await call.publish("LoadLevelStatus", level)
                    return []
                },
                "GetLoadLevelTarget": { $0.answer("GetLoadlevelTarget", "LoadLevelStatus") },
                "GetLoadLevelStatus": { $0.answer("retLoadlevelStatus", "LoadLevelStatus") },
            ]
        )
    }

    private static let percent = AllowedValueRange(minimum: "0", maximum: "100", step: "1")
}
