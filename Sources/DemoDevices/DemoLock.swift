import NIOUPnP

/// A door lock. UPnP has no type for one, so it is a vendor's.
struct DemoLock {
    private let locked = HostedVariable("Locked", true, evented: true)

    func device(udn: String) -> HostedDevice {
        HostedDevice(
            type: "urn:schemas-latchkey:device:DoorLock:1", name: "Latchkey demo lock", manufacturer: "Latchkey",
            model: "Demo lock", udn: udn
        ) {
            HostedService(
                "urn:schemas-latchkey:service:DoorLock:1", id: "urn:schemas-latchkey:serviceId:DoorLock"
            ) {
                HostedAction("SetLocked", in: locked.argument("NewLocked")) { locked in
                    say("lock locked=\(locked ? 1 : 0)")
                    await self.locked.set(locked)
                }
                HostedAction("GetLocked", out: locked.argument("Locked")) { locked.value }
            }
        }
    }
}
