import NIOUPnP
import UPnP

// What the documentation shows, so that it compiles. Nothing here is run.

private func findDevices() async throws {
    try await withControlPoint { cp in
        for try await device in cp.search(.rootDevices) { print(device.friendlyName) }
    }
}

private func switchLamps() async throws {
    try await withControlPoint { cp in
        for try await lamp in cp.search(.type("urn:schemas-upnp-org:device:BinaryLight:1")) {
            let service = try lamp.service("SwitchPower")
            _ = try await service.invoke("SetTarget", ["newTargetValue": true])
            let result = try await service.invoke("GetStatus")
            print(lamp.friendlyName, result["ResultStatus"]?.bool ?? false)
        }
    }
}

private func followEvents(of service: ServiceProxy) async throws {
    for await event in try await service.subscribe() {
        if event.isInitialState { print("the whole state:") }
        print(event["Status"]?.bool ?? false)
    }
}

private func poll(_ service: ServiceProxy) async throws {
    let values = service.values(every: .seconds(5)) { try await $0.invoke("GetStatus")["ResultStatus"]?.bool }
    for try await isOn in values { print(isOn ?? false) }
}

private func watch() async throws {
    try await withControlPoint(ControlPointConfiguration(interfaces: .named(["eth0", "wlan0"]), families: .both)) {
        cp in
        for await change in cp.changes { print(change.udn, change.device?.location.description ?? "is gone") }
    }
}
