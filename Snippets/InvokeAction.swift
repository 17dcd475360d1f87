// Switches on the first lamp that answers, and asks it whether it is.
// snippet.hide
#if canImport(NIOUPnP)
    // snippet.show
    import NIOUPnP

    try await withControlPoint { controlPoint in
        for try await lamp in controlPoint.search(.type("urn:schemas-upnp-org:device:DimmableLight:1")) {
            let power = try lamp.service("SwitchPower")
            try await power.invoke("SetTarget", ["newTargetValue": true])
            let result = try await power.invoke("GetStatus")
            print(lamp.friendlyName, result["ResultStatus"] == true ? "is on" : "is off")
            break
        }
    }
// snippet.hide
#endif
