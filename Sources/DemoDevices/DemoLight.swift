import NIOUPnP

/// A lamp that can be dimmed (DimmableLight:1).
struct DemoLight {
    private let target = HostedVariable("Target", false)
    private let status = HostedVariable("Status", false, evented: true)
    private let levelTarget = HostedVariable<UInt8>("LoadLevelTarget", 100, in: 0...100, step: 1)
    private let levelStatus = HostedVariable<UInt8>("LoadLevelStatus", 100, in: 0...100, step: 1, evented: true)

    func device(udn: String) -> HostedDevice {
        HostedDevice(
            type: "urn:schemas-upnp-org:device:DimmableLight:1", name: "Latchkey demo light", manufacturer: "Latchkey",
            model: "Demo light", udn: udn
        ) {
            HostedService("urn:schemas-upnp-org:service:SwitchPower:1") {
                HostedAction("SetTarget", in: target.argument("newTargetValue")) { on in
                    say("light target=\(on ? 1 : 0)")
                    await target.set(on)
                    // The lamp follows at once.
                    await status.set(on)
                }
                HostedAction("GetTarget", out: target.argument("RetTargetValue")) { target.value }
                HostedAction("GetStatus", out: status.argument("ResultStatus")) { status.value }
            }
            HostedService("urn:schemas-upnp-org:service:Dimming:1") {
                HostedAction("SetLoadLevelTarget", in: levelTarget.argument("newLoadlevelTarget")) { level in
                    say("light level=\(level)")
                    await levelTarget.set(level)
                    await levelStatus.set(level)
                }
                HostedAction("GetLoadLevelTarget", out: levelTarget.argument("GetLoadlevelTarget")) {
                    levelTarget.value
                }
                HostedAction("GetLoadLevelStatus", out: levelStatus.argument("retLoadlevelStatus")) {
                    levelStatus.value
                }
            }
        }
    }
}
