import NIOUPnP
import Support
import UPnP

/// A lamp that can be dimmed (DimmableLight:1), on every private network of this host.
///
/// The page that it takes to host a device: variables, actions, `run()`.
@main
struct DimmableLight {
    static func main() async throws {
        let power = HostedVariable("Status", false, evented: true)
        let target = HostedVariable("Target", false)
        let level = HostedVariable<UInt8>("LoadLevelStatus", 100, in: 0...100, step: 1, evented: true)
        let levelTarget = HostedVariable<UInt8>("LoadLevelTarget", 100, in: 0...100, step: 1)

        let light = HostedDevice(
            type: "urn:schemas-upnp-org:device:DimmableLight:1", name: "Desk lamp", manufacturer: "Latchkey examples",
            model: "Dimmable light", udn: try HostedUDN.kept(in: "dimmable-light.udn")
        ) {
            HostedService("urn:schemas-upnp-org:service:SwitchPower:1") {
                HostedAction("SetTarget", in: target.argument("newTargetValue")) { on in
                    await target.set(on)
                    await power.set(on)
                    say(on ? "on, at \(level.value) %" : "off")
                }
                HostedAction("GetTarget", out: target.argument("RetTargetValue")) { target.value }
                HostedAction("GetStatus", out: power.argument("ResultStatus")) { power.value }
            }
            HostedService("urn:schemas-upnp-org:service:Dimming:1") {
                HostedAction("SetLoadLevelTarget", in: levelTarget.argument("newLoadlevelTarget")) { percent in
                    await levelTarget.set(percent)
                    await level.set(percent)
                    say("at \(percent) %")
                }
                HostedAction("GetLoadLevelTarget", out: levelTarget.argument("GetLoadlevelTarget")) {
                    levelTarget.value
                }
                HostedAction("GetLoadLevelStatus", out: level.argument("retLoadlevelStatus")) { level.value }
            }
        }
        say("A lamp is on the network. Ctrl-C takes it off.")
        try await runUntilSignal { try await DeviceHost(light).run() }
    }
}
