public import NetworkTypes

/// How urgent a multicast event is (UDA 2.0 §4.3.3, the `LVL` header); makers may define their own.
public struct MulticastEventLevel: RawRepresentable, Hashable, Sendable {
    /// The header's value, such as `upnp:/general`.
    public var rawValue: String

    /// Makes a level from the header's value.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Something that people must attend to at once.
    public static let emergency = MulticastEventLevel(rawValue: "upnp:/emergency")
    /// Something is broken.
    public static let fault = MulticastEventLevel(rawValue: "upnp:/fault")
    /// Something may break.
    public static let warning = MulticastEventLevel(rawValue: "upnp:/warning")
    /// Something worth knowing.
    public static let info = MulticastEventLevel(rawValue: "upnp:/info")
    /// For whoever looks for mistakes.
    public static let debug = MulticastEventLevel(rawValue: "upnp:/debug")
    /// Any other change.
    public static let general = MulticastEventLevel(rawValue: "upnp:/general")

    /// The standard's levels, the most urgent first.
    public static let standard: [MulticastEventLevel] = [.emergency, .fault, .warning, .info, .general, .debug]

    /// The more urgent of two levels; one of a maker counts as ``general``.
    func combined(with other: MulticastEventLevel) -> MulticastEventLevel {
        func rank(_ level: MulticastEventLevel) -> Int { Self.standard.firstIndex(of: level) ?? 4 }
        return rank(other) < rank(self) ? other : self
    }
}

/// An event that goes to everybody on the link, unasked and unanswered (UDA 2.0 §4.3.3).
///
/// Nothing proves where it comes from: take it for a hint to look, not for a fact to act on.
public struct MulticastEvent: Hashable, Sendable {
    /// The port of the groups.
    public static let port: UInt16 = 7900
    /// The most bytes that are sent or read in one datagram.
    public static let maximumBytes = 8 << 10

    /// The device's name, `uuid:…`.
    public var udn: String
    /// The service's type, from `USN`.
    public var serviceType: String
    /// The service's identifier, `SVCID`.
    public var serviceID: String
    /// The message's number, which counts per service.
    public var sequence: UInt32
    /// How urgent it is.
    public var level: MulticastEventLevel
    /// The device's boot number, as in its announcements; 0 when it does not say.
    public var bootID: UInt32
    /// What changed.
    public var properties: PropertySet

    /// Makes an event.
    public init(
        udn: String, serviceType: String, serviceID: String, sequence: UInt32, level: MulticastEventLevel = .general,
        bootID: UInt32, properties: PropertySet
    ) {
        self.udn = udn
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.sequence = sequence
        self.level = level
        self.bootID = bootID
        self.properties = properties
    }

    /// The group that events are sent to on a link: of IPv4, of the link for link-local IPv6 addresses, of the
    /// site for others (UDA 2.0 §4.3.3 and annex A).
    public static func group(of interface: InterfaceAddress) -> SocketEndpoint {
        switch interface.address {
        case .v4: SocketEndpoint(.v4(IPv4Address(239, 255, 255, 246)), port: port)
        case .v6(let own):
            SocketEndpoint(
                .v6(IPv6Address(high: (own.isLinkLocal ? 0xFF02 : 0xFF05) << 48, low: 0x130)), port: port,
                zone: interface.index)
        }
    }

    /// The message as it is sent to a group; longer ones than ``maximumBytes`` will not be read.
    public func datagram(to group: SocketEndpoint) -> [UInt8] {
        let body = Array(properties.serialized().utf8)
        let head = [
            "NOTIFY * HTTP/1.1", "HOST: \(group)", "CONTENT-TYPE: text/xml; charset=\"utf-8\"",
            "USN: \(Self.clean(udn))::\(Self.clean(serviceType))", "SVCID: \(Self.clean(serviceID))", "NT: upnp:event",
            "NTS: upnp:propchange", "SEQ: \(sequence)", "LVL: \(Self.clean(level.rawValue))",
            "BOOTID.UPNP.ORG: \(bootID)", "CONTENT-LENGTH: \(body.count)", "", "",
        ]
        return Array(head.joined(separator: "\r\n").utf8) + body
    }

    /// A header's value must not bring headers of its own.
    private static func clean(_ text: String) -> String {
        String(decoding: text.utf8.filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
    }
}

/// Why a datagram is no multicast event.
public enum MulticastEventError: Error, Hashable, Sendable {
    /// It is longer than ``MulticastEvent/maximumBytes``, or its body is shorter than it says.
    case wrongLength
    /// The first line is not `NOTIFY * HTTP/1.1` (or 1.0, from before UDA 2.0).
    case notNotify
    /// The header is missing or wrong; its name.
    case header(String)
    /// The body is no property set.
    case body(PropertySetError)
}

extension MulticastEventError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .wrongLength: "The datagram is too long, or shorter than it says."
        case .notNotify: "The datagram's first line is not NOTIFY * HTTP/1.1."
        case .header(let name): "The header \(name) is missing or wrong."
        case .body(let error): error.description
        }
    }
}

extension MulticastEvent {
    /// Reads a datagram.
    public init(parsing datagram: some Collection<UInt8>) throws(MulticastEventError) {
        guard datagram.count <= Self.maximumBytes else { throw .wrongLength }
        let (head, rest) = Self.split(Array(datagram))
        var lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { XMLText.trimmed(String(decoding: $0, as: UTF8.self)) }[...]
        let start = lines.popFirst()?.split(separator: " ") ?? []
        guard start.count == 3, start[0] == "NOTIFY", start[1] == "*", ["HTTP/1.1", "HTTP/1.0"].contains(start[2])
        else {
            throw .notNotify
        }
        let headers = Self.headers(lines)
        guard headers["nt"] == "upnp:event" else { throw .header("NT") }
        guard headers["nts"] == "upnp:propchange" else { throw .header("NTS") }
        guard let usn = headers["usn"], let mark = usn.firstRange(of: "::"), usn.hasPrefix("uuid:") else {
            throw .header("USN")
        }
        guard let serviceID = headers["svcid"], !serviceID.isEmpty else { throw .header("SVCID") }
        guard let sequence = headers["seq"].flatMap(Self.number) else { throw .header("SEQ") }
        var body = rest
        if let text = headers["content-length"] {
            guard let length = Self.number(text) else { throw .header("CONTENT-LENGTH") }
            guard length <= rest.count else { throw .wrongLength }
            body = rest.prefix(Int(length))
        }
        let properties: PropertySet
        do { properties = try PropertySet(parsing: body) } catch { throw .body(error) }
        self.init(
            udn: String(usn[..<mark.lowerBound]), serviceType: String(usn[mark.upperBound...]), serviceID: serviceID,
            sequence: sequence, level: MulticastEventLevel(rawValue: headers["lvl"] ?? "upnp:/general"),
            bootID: headers["bootid.upnp.org"].flatMap(Self.number) ?? 0, properties: properties)
    }

    /// Head and body, at the first empty line.
    private static func split(_ bytes: [UInt8]) -> (head: ArraySlice<UInt8>, body: ArraySlice<UInt8>) {
        var index = 0
        while let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) {
            var next = end + 1
            if next < bytes.count, bytes[next] == UInt8(ascii: "\r") { next += 1 }
            if next < bytes.count, bytes[next] == UInt8(ascii: "\n") {
                return (bytes[..<end], bytes[(next + 1)...])
            }
            index = end + 1
        }
        return (bytes[...], [])
    }

    /// The first value of each header, by its name in lower case; at most 32.
    private static func headers(_ lines: ArraySlice<String>) -> [String: String] {
        var headers: [String: String] = [:]
        for line in lines.prefix(32) {
            guard let colon = line.firstIndex(of: ":"), line.utf8.count <= 1024 else { continue }
            let name = line[..<colon].lowercased()
            if headers[name] == nil { headers[name] = XMLText.trimmed(line[line.index(after: colon)...]) }
        }
        return headers
    }

    private static func number(_ text: String) -> UInt32? {
        text.utf8.allSatisfy(URLText.isDigit) ? UInt32(text) : nil
    }
}
