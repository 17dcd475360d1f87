import NIOUPnP
import UPnP

/// A door lock. UPnP has no type for one, so it is a vendor's.
struct DemoLock {
    func device(udn: String) -> HostedDevice {
        HostedDevice(
            udn: udn, deviceType: "urn:schemas-latchkey:device:DoorLock:1", friendlyName: "Latchkey demo lock",
            manufacturer: "Latchkey", modelName: "Demo lock",
            services: [
                HostedService(
                    serviceType: "urn:schemas-latchkey:service:DoorLock:1",
                    serviceID: "urn:schemas-latchkey:serviceId:DoorLock",
                    scpd: ServiceShape()
                        .variable("Locked", .boolean, evented: true, initial: "1")
                        .action("SetLocked", in: [("NewLocked", "Locked")])
                        .action("GetLocked", out: [("Locked", "Locked")])
                        .scpd,
                    actions: [
                        "SetLocked": { call in
                            let locked = call["NewLocked"]?.text ?? "1"
                            say("lock locked=\(locked)")
                            await call.publish("Locked", locked)
                            return []
                        },
                        "GetLocked": { $0.answer("Locked", "Locked") },
                    ]
                )
            ]
        )
    }
}
