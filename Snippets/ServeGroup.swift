// A board that answers with two notices.
// snippet.hide
#if canImport(Groups)
    // snippet.show
    import Groups

    try await withGroup(id: "board-1", setupCode: "7K3QX-9M2TB") { group in
        try await group.serve("urn:example:service:Board:1") { request in
            try request.answer("You asked for \(request.text).")
            return "The library closes at noon."
        }
    }
// snippet.hide
#endif
