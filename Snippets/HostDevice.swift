// A lamp on the private networks of this host: found, described, switched and heard.
// snippet.hide
#if canImport(NIOUPnP)
    // snippet.show
    import NIOUPnP

    let status = HostedVariable("Status", false, evented: true)
    let lamp = HostedDevice(
        type: "urn:schemas-upnp-org:device:BinaryLight:1", name: "Lamp", manufacturer: "Me", model: "Lamp"
    ) {
        HostedService("urn:schemas-upnp-org:service:SwitchPower:1") {
            HostedAction("SetTarget", in: status.argument("newTargetValue")) { on in await status.set(on) }
            HostedAction("GetStatus", out: status.argument("ResultStatus")) { status.value }
        }
    }
    try await DeviceHost(lamp).run()
// snippet.hide
#endif
