import UPnP

/// What holds for every page of a media server, and for the criteria that a control point sends it.
enum DIDLProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        try checkCriteria(String(decoding: input, as: UTF8.self))
        guard let page = try? DIDLLite(parsing: input) else { return }
        let written = page.serialized()
        let read = try? DIDLLite(parsing: written, limits: DescriptionProperties.again.xml)
        try expectSame(meaning(page), read.map(meaning), "page")
        // What leaves properties out leaves no object out.
        let bare = page.serialized(filter: PropertyFilter("dc:creator,res@size"))
        let again = try? DIDLLite(parsing: bare, limits: DescriptionProperties.again.xml)
        try expectSame(page.objects.map(\.title), again?.objects.map(\.title), "filtered page")
        guard let order = SortCriteria("+dc:title,-@id,+res@size") else { return }
        let sorted = order.sorted(page.objects)
        try expectSame(sorted, order.sorted(sorted), "sorted again")
        try expect(Set(sorted) == Set(page.objects), "sorting keeps every object")
    }

    /// A page with vendors' blocks as they are written, see ``XMLElement/asWritten``.
    private static func meaning(_ page: DIDLLite) -> DIDLLite {
        var page = page
        for object in page.objects.indices {
            page.objects[object].descriptors = page.objects[object].descriptors.map(\.asWritten)
        }
        return page
    }

    private static let object = DIDLObject(
        .item, id: "1", parentID: "0", title: "T", objectClass: "object.item.audioItem",
        properties: [DIDLProperty("dc:creator", "A", attributes: [DIDLAttribute("role", "x")])])

    private static func checkCriteria(_ text: String) throws(BrokenProperty) {
        if let criteria = try? SearchCriteria(text) {
            let written = criteria.description
            // Escapes and parentheses may make criteria longer than what is read.
            if written.utf8.count <= SearchCriteria.maximumBytes {
                let again = try? SearchCriteria(written)
                try expectSame(written, again?.description, "criteria")
                try expect(again?.matches(object) == criteria.matches(object), "criteria decide the same: \(written)")
            }
        }
        if let criteria = SortCriteria(text) {
            try expect(criteria.keys.count <= SortCriteria.maximumKeys, "sort keys are bounded")
            let written = criteria.keys.map { ($0.isAscending ? "+" : "-") + $0.property }.joined(separator: ",")
            try expectSame(criteria, SortCriteria(written), "sort criteria")
        }
    }
}
