import UPnP

/// What holds for the body of every event.
enum PropertySetProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let event = try? PropertySet(parsing: input) else { return }
        try expect(event.properties.count <= PropertySet.maximumProperties, "properties are bounded")
        let again = try? PropertySet(parsing: event.serialized().utf8, limits: DescriptionProperties.again.xml)
        try expectSame(event, again, "event")
        let values = event.properties.prefix(4).map(\.value)
        for (state, change) in zip(values, values.dropFirst()) {
            // A state that cannot be merged leaves the change as it was written, so the second time counts.
            let once = LastChange.merge(state: LastChange.merge(state: state, change: change), change: change)
            try expectSame(once, LastChange.merge(state: once, change: change), "LastChange, told again")
        }
    }
}
