// Asks all boards of the group for news.
// snippet.hide
#if canImport(Groups)
    // snippet.show
    import Groups

    try await withGroup(id: "kiosk-7", setupCode: "7K3QX-9M2TB") { group in
        for try await answer in group.request("urn:example:service:Board:1", "news") {
            print(answer.text)
        }
    }
// snippet.hide
#endif
