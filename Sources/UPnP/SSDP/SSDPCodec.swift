extension SSDPMessage {
    /// Reads a datagram. Unknown headers are ignored, bounds are those of ``SSDPLimits``; bad input of any
    /// kind throws and never traps.
    public init(parsing datagram: some Sequence<UInt8>) throws(SSDPError) {
        let bytes = Array(datagram.prefix(SSDPLimits.datagramBytes + 1))
        guard bytes.count <= SSDPLimits.datagramBytes else { throw .tooLarge(bytes: bytes.count) }
        let headers = SSDPHeaders(parsing: bytes)
        let line = headers.startLine
        guard line.count >= 2 else { throw .unknownStartLine }
        if line[0] == "NOTIFY" {
            self = try Self.notification(headers)
        } else if line[0] == "M-SEARCH" {
            self = .search(try SSDPSearch(headers))
        } else if line[0].hasPrefix("HTTP/1."), line[1] == "200" {
            self = .response(try SSDPAnnouncement(headers, target: "ST"))
        } else {
            throw .unknownStartLine
        }
    }

    private static func notification(_ headers: SSDPHeaders) throws(SSDPError) -> SSDPMessage {
        switch try headers.required("NTS") {
        case "ssdp:alive":
            return .alive(try SSDPAnnouncement(headers, target: "NT"))
        case "ssdp:byebye":
            return .byebye(
                SSDPByebye(
                    target: try headers.required("NT"), usn: try headers.usn(), bootID: headers.id("BOOTID.UPNP.ORG"),
                    configID: headers.id("CONFIGID.UPNP.ORG")
                )
            )
        case "ssdp:update":
            return .update(
                SSDPUpdate(
                    target: try headers.required("NT"), usn: try headers.usn(),
                    location: try headers.required("LOCATION", limit: SSDPLimits.locationBytes),
                    bootID: headers.id("BOOTID.UPNP.ORG"), nextBootID: headers.id("NEXTBOOTID.UPNP.ORG"),
                    configID: headers.id("CONFIGID.UPNP.ORG"), searchPort: headers.port("SEARCHPORT.UPNP.ORG")
                )
            )
        default:
            throw .malformedHeader("NTS")
        }
    }

    /// The datagram's bytes. `host` is the group's `address:port`, or the target's for a unicast search.
    ///
    /// Control characters in a value are left out, so that no value can add a header.
    public func serialized(host: String = "239.255.255.250:1900") -> [UInt8] {
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
            writer.identifiers(announcement.bootID, announcement.configID, announcement.searchPort)
        case .response(let announcement):
            writer.line("HTTP/1.1 200 OK")
            writer.header("CACHE-CONTROL", "max-age=\(announcement.maxAge)")
            writer.header("EXT", "")
            writer.header("LOCATION", announcement.location)
            writer.header("SERVER", announcement.server)
            writer.header("ST", announcement.target)
            writer.header("USN", announcement.usn.description)
            writer.identifiers(announcement.bootID, announcement.configID, announcement.searchPort)
        case .byebye(let byebye):
            writer.line("NOTIFY * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("NT", byebye.target)
            writer.header("NTS", "ssdp:byebye")
            writer.header("USN", byebye.usn.description)
            writer.identifiers(byebye.bootID, byebye.configID, nil)
        case .update(let update):
            writer.line("NOTIFY * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("LOCATION", update.location)
            writer.header("NT", update.target)
            writer.header("NTS", "ssdp:update")
            writer.header("USN", update.usn.description)
            writer.identifiers(update.bootID, update.configID, update.searchPort)
            if let next = update.nextBootID { writer.header("NEXTBOOTID.UPNP.ORG", String(next)) }
        case .search(let search):
            writer.line("M-SEARCH * HTTP/1.1")
            writer.header("HOST", host)
            writer.header("MAN", "\"ssdp:discover\"")
            if let wait = search.maximumWait { writer.header("MX", String(wait)) }
            writer.header("ST", search.target)
            if let agent = search.userAgent { writer.header("USER-AGENT", agent) }
            if let name = search.controlPointName { writer.header("CPFN.UPNP.ORG", name) }
        }
        writer.line("")
        return writer.bytes
    }
}

extension SSDPAnnouncement {
    fileprivate init(_ headers: SSDPHeaders, target: String) throws(SSDPError) {
        self.init(
            target: try headers.required(target), usn: try headers.usn(),
            location: try headers.required("LOCATION", limit: SSDPLimits.locationBytes), maxAge: headers.maxAge(),
            server: headers.text("SERVER") ?? "", bootID: headers.id("BOOTID.UPNP.ORG"),
            configID: headers.id("CONFIGID.UPNP.ORG"), searchPort: headers.port("SEARCHPORT.UPNP.ORG")
        )
    }
}

extension SSDPSearch {
    /// UDA 2.0 §1.3.2: MAN is required. A missing MX is legal here because only the caller knows whether the
    /// datagram was unicast; an unreadable one is not.
    fileprivate init(_ headers: SSDPHeaders) throws(SSDPError) {
        guard try headers.required("MAN").filter({ $0 != "\"" }) == "ssdp:discover" else {
            throw .malformedHeader("MAN")
        }
        let wait = headers.number("MX")
        if headers.has("MX"), wait == nil { throw .malformedHeader("MX") }
        self.init(
            target: try headers.required("ST"), maximumWait: wait, userAgent: headers.text("USER-AGENT"),
            controlPointName: headers.text("CPFN.UPNP.ORG")
        )
    }
}

extension SSDPHeaders {
    fileprivate func usn() throws(SSDPError) -> USN {
        guard let usn = USN(try required("USN")) else { throw .malformedHeader("USN") }
        return usn
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

    mutating func header(_ name: String, _ value: String) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(0x3A)
        if !value.isEmpty { bytes.append(0x20) }
        bytes.append(contentsOf: value.utf8.filter { $0 >= 0x20 && $0 != 0x7F })
        line("")
    }

    mutating func identifiers(_ bootID: UInt32?, _ configID: UInt32?, _ searchPort: UInt16?) {
        if let bootID { header("BOOTID.UPNP.ORG", String(bootID)) }
        if let configID { header("CONFIGID.UPNP.ORG", String(configID)) }
        if let searchPort { header("SEARCHPORT.UPNP.ORG", String(searchPort)) }
    }
}
