import UPnP

/// What holds for every datagram on the group.
enum SSDPProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let message = try? SSDPMessage(parsing: input) else { return }
        let written = message.serialized()
        try expect(written.count <= SSDPLimits.datagramBytes, "a message of ours fits the limit: \(written.count)")
        try expectSame(message, try? SSDPMessage(parsing: written), "datagram")
        switch message {
        case .alive(let announcement), .response(let announcement):
            try check(announcement)
        case .byebye(let byebye):
            try check(byebye.target, byebye.usn)
        case .update(let update):
            try check(update.target, update.usn)
            try expect(update.location.utf8.count <= SSDPLimits.locationBytes, "LOCATION is bounded")
        case .search(let search):
            try check(search.target)
        }
    }

    private static func check(_ announcement: SSDPAnnouncement) throws(BrokenProperty) {
        try check(announcement.target, announcement.usn)
        try expect(announcement.location.utf8.count <= SSDPLimits.locationBytes, "LOCATION is bounded")
        try expect((0...SSDPLimits.longestMaxAge).contains(announcement.maxAge), "max-age is bounded")
        try expect(announcement.bootID ?? 0 <= SSDPLimits.largestID, "BOOTID is bounded")
        try expect(announcement.configID ?? 0 <= SSDPLimits.largestID, "CONFIGID is bounded")
    }

    private static func check(_ target: String, _ usn: USN) throws(BrokenProperty) {
        try check(target)
        try expectSame(usn, USN(usn.description), "USN")
        try expect(usn.description.utf8.count <= SSDPLimits.nameBytes, "USN is bounded")
    }

    private static func check(_ target: String) throws(BrokenProperty) {
        try expect(target.utf8.count <= SSDPLimits.nameBytes, "ST and NT are bounded")
        try expect(SearchTarget(target).description == target, "a search target is echoed as it came: \(target)")
    }
}
