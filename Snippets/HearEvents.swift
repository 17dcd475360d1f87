// Prints how loud the first renderer plays, now and whenever that changes.
// snippet.hide
#if canImport(NIOUPnP)
    // snippet.show
    import NIOUPnP

    try await withControlPoint { controlPoint in
        for try await renderer in controlPoint.search(.type("urn:schemas-upnp-org:device:MediaRenderer:1")) {
            for await event in try await renderer.service("RenderingControl").subscribe() {
                print(event.isInitialState ? "now:" : "changed:", event.properties["LastChange"] ?? "")
            }
        }
    }
// snippet.hide
#endif
