// Prints the name of each device on the private networks of this host.
// snippet.hide
#if canImport(NIOUPnP)
    // snippet.show
    import NIOUPnP

    try await withControlPoint { controlPoint in
        for try await device in controlPoint.search(.rootDevices) {
            print(device.friendlyName)
        }
    }
// snippet.hide
#endif
