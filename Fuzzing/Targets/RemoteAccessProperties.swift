import UPnP

/// What holds for every document of Remote Access.
enum RemoteAccessProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        if let document = try? DADSDocument(parsing: input) {
            let written = document.serialized()
            if written.utf8.count <= RemoteAccessDocumentLimits.xml.bytes {
                try expectSame(document, try? DADSDocument(parsing: written.utf8), "dads")
            }
            if case .filterList(let filters) = document { try checkFilters(filters) }
        }
        if let document = try? TADSDocument(parsing: input) {
            _ = try? TransportProfile.all(in: document)
            let shown = document.redacted
            try expect(!holdsKey(shown.root), "a shown document holds a key")
            try expectSame(shown, shown.redacted, "tads, redacted twice")
        }
        if let configuration = try? DynamicDNSConfiguration(parsing: input) {
            let again = try? DynamicDNSConfiguration(parsing: configuration.serialized().utf8)
            try expectSame(configuration, again, "iccds")
        }
    }

    private static func holdsKey(_ element: XMLElement) -> Bool {
        element.text.contains("-----BEGIN") || element.attributes.contains { $0.value.contains("-----BEGIN") }
            || element.elements.contains(where: holdsKey)
    }

    private static func checkFilters(_ filters: [RADAFilter]) throws(BrokenProperty) {
        guard let own = filters.first?.target else { return }
        var book = RADAFilterBook(own: own)
        let before = book
        guard (try? book.edit(filters, known: Set(filters.map(\.target)))) != nil else {
            return try expectSame(before, book, "filters that were refused")
        }
        try expectSame(book, try? RADAFilterBook(own: own, restoring: book.filterList), "filters, kept")
        for filter in filters where filter.target == own {
            for device in filter.devices {
                let shown = book.exports(device.uuid, to: "a")
                try expect(shown == book.exports("uuid:\(device.uuid.uppercased())", to: "a"), "spelling decides")
            }
        }
    }
}
