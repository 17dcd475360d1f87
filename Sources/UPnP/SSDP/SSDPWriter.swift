extension SSDPMessage {
    /// Where the value of DATE begins in a response that has one.
    static let datePosition = "HTTP/1.1 200 OK\r\nDATE: ".utf8.count

    /// The datagram's bytes. `host` is the group's `address:port`, or the target's for a unicast search. `date`
    /// is the time of a response in the form of RFC 9110 §5.6.7, which UDA 2.0 §1.3.3 recommends.
    ///
    /// Control characters in a value are left out, so that no value can add a header.
    public func serialized(host: String = "239.255.255.250:1900", date: String? = nil) -> [UInt8] {
        var writer = SSDPWriter()
        switch self {
        case .alive(let announcement):
            writer.line("NOTIFY * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("CACHE-CONTROL", "max-age=\(announcement.maxAge)")
            writer.header("LOCATION", announcement.location)
            writer.header("SERVER", announcement.server)
            writer.header("NT", announcement.target)
            writer.header("NTS", "ssdp:alive")
            writer.header("USN", announcement.usn.description)
            writer.tail(of: announcement)
        case .response(let announcement):
            writer.line("HTTP/1.1 200 OK")
            // First, so that whoever keeps the datagram knows where to renew it.
            writer.header("DATE", date)
            writer.header("CACHE-CONTROL", "max-age=\(announcement.maxAge)")
            writer.header("EXT", "")
            writer.header("LOCATION", announcement.location)
            writer.header("SERVER", announcement.server)
            writer.header("ST", announcement.target)
            writer.header("USN", announcement.usn.description)
            writer.tail(of: announcement)
        case .byebye(let byebye):
            writer.line("NOTIFY * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("NT", byebye.target)
            writer.header("NTS", "ssdp:byebye")
            writer.header("USN", byebye.usn.description)
            writer.identifiers(byebye.bootID, byebye.configID, nil)
            writer.localState(byebye.networkLocalState)
        case .update(let update):
            writer.line("NOTIFY * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("LOCATION", update.location)
            writer.header("NT", update.target)
            writer.header("NTS", "ssdp:update")
            writer.header("USN", update.usn.description)
            writer.identifiers(update.bootID, update.configID, update.searchPort)
            writer.header("NEXTBOOTID.UPNP.ORG", update.nextBootID.map { String($0) })
            writer.header("SECURELOCATION.UPNP.ORG", update.secureLocation)
            writer.localState(update.networkLocalState)
        case .search(let search):
            writer.line("M-SEARCH * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("MAN", "\"ssdp:discover\"")
            writer.header("MX", search.maximumWait.map { String($0) })
            writer.header("ST", search.target)
            writer.header("USER-AGENT", search.userAgent)
            writer.header("CPFN.UPNP.ORG", search.controlPointName)
            writer.header("CPUUID.UPNP.ORG", search.controlPointUUID)
            writer.header("TCPPORT.UPNP.ORG", search.tcpPort.map { String($0) })
        }
        writer.line("")
        return writer.bytes
    }
}

private struct SSDPWriter {
    var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(512) }

    mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(0x0D)
        bytes.append(0x0A)
    }

    /// Writes nothing when there is no value.
    mutating func header(_ name: String, _ value: String?) {
        guard let value else { return }
        bytes.append(contentsOf: name.utf8)
        bytes.append(0x3A)
        if !value.isEmpty { bytes.append(0x20) }
        for byte in value.utf8 where byte >= 0x20 && byte != 0x7F { bytes.append(byte) }
        line("")
    }

    mutating func tail(of announcement: SSDPAnnouncement) {
        identifiers(announcement.bootID, announcement.configID, announcement.searchPort)
        header("SECURELOCATION.UPNP.ORG", announcement.secureLocation)
        localState(announcement.networkLocalState)
    }

    mutating func identifiers(_ bootID: UInt32?, _ configID: UInt32?, _ searchPort: UInt16?) {
        header("BOOTID.UPNP.ORG", bootID.map { String($0) })
        header("CONFIGID.UPNP.ORG", configID.map { String($0) })
        header("SEARCHPORT.UPNP.ORG", searchPort.map { String($0) })
    }

    /// UDA 2.0 annex A: OPT declares the namespace that the prefix 01 stands for.
    mutating func localState(_ state: String?) {
        guard let state, !state.isEmpty else { return }
        header("OPT", "\"http://schemas.upnp.org/upnp/1/0/\"; ns=01")
        header("01-NLS", String(state.prefix(SSDPLimits.localStateBytes)))
    }
}
