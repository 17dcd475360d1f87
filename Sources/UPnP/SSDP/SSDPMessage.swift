/// One SSDP datagram, read or about to be written (UDA 2.0 §1).
public enum SSDPMessage: Hashable, Sendable {
    /// `NOTIFY` with `ssdp:alive`: a device, or a part of it, is present.
    case alive(SSDPAnnouncement)
    /// `NOTIFY` with `ssdp:byebye`: it leaves.
    case byebye(SSDPByebye)
    /// `NOTIFY` with `ssdp:update`: its BOOTID is about to change.
    case update(SSDPUpdate)
    /// `M-SEARCH`: who is there?
    case search(SSDPSearch)
    /// The unicast answer to a search; its target is the ST, not an NT.
    case response(SSDPAnnouncement)

    /// The unique service name, where the message has one.
    public var usn: USN? {
        switch self {
        case .alive(let announcement), .response(let announcement): announcement.usn
        case .byebye(let byebye): byebye.usn
        case .update(let update): update.usn
        case .search: nil
        }
    }
}

/// What `ssdp:alive` and a search's answer say (UDA 2.0 §1.2.2, §1.3.3).
public struct SSDPAnnouncement: Hashable, Sendable {
    /// NT of a notification, ST of an answer.
    public var target: String
    /// Who speaks.
    public var usn: USN
    /// Where the description is, exactly as written. It is not to be trusted.
    public var location: String
    /// How long the announcement counts, seconds; never negative.
    public var maxAge: Int
    /// The SERVER header; empty when absent.
    public var server: String
    /// BOOTID.UPNP.ORG, 31 bits; absent from UDA 1.0 devices.
    public var bootID: UInt32?
    /// CONFIGID.UPNP.ORG, 31 bits.
    public var configID: UInt32?
    /// SEARCHPORT.UPNP.ORG: where unicast searches go when port 1900 is taken.
    public var searchPort: UInt16?

    /// Makes an announcement. `maxAge` is in seconds.
    public init(
        target: String, usn: USN, location: String, maxAge: Int = SSDPLimits.defaultMaxAge, server: String = "",
        bootID: UInt32? = nil, configID: UInt32? = nil, searchPort: UInt16? = nil
    ) {
        self.target = target
        self.usn = usn
        self.location = location
        self.maxAge = maxAge
        self.server = server
        self.bootID = bootID
        self.configID = configID
        self.searchPort = searchPort
    }
}

/// What `ssdp:byebye` says (UDA 2.0 §1.2.3).
public struct SSDPByebye: Hashable, Sendable {
    /// NT.
    public var target: String
    /// Who leaves.
    public var usn: USN
    /// BOOTID.UPNP.ORG.
    public var bootID: UInt32?
    /// CONFIGID.UPNP.ORG.
    public var configID: UInt32?

    /// Makes a byebye.
    public init(target: String, usn: USN, bootID: UInt32? = nil, configID: UInt32? = nil) {
        self.target = target
        self.usn = usn
        self.bootID = bootID
        self.configID = configID
    }
}

/// What `ssdp:update` says (UDA 2.0 §1.2.4).
public struct SSDPUpdate: Hashable, Sendable {
    /// NT.
    public var target: String
    /// Who speaks.
    public var usn: USN
    /// Where the description is, as written.
    public var location: String
    /// The BOOTID so far.
    public var bootID: UInt32?
    /// The BOOTID from here on.
    public var nextBootID: UInt32?
    /// CONFIGID.UPNP.ORG.
    public var configID: UInt32?
    /// SEARCHPORT.UPNP.ORG.
    public var searchPort: UInt16?

    /// Makes an update.
    public init(
        target: String, usn: USN, location: String, bootID: UInt32?, nextBootID: UInt32?, configID: UInt32? = nil,
        searchPort: UInt16? = nil
    ) {
        self.target = target
        self.usn = usn
        self.location = location
        self.bootID = bootID
        self.nextBootID = nextBootID
        self.configID = configID
        self.searchPort = searchPort
    }
}

/// What `M-SEARCH` says (UDA 2.0 §1.3.2).
public struct SSDPSearch: Hashable, Sendable {
    /// ST, as written.
    public var target: String
    /// MX in seconds; nil when the header is absent, as it is in a unicast search.
    public var maximumWait: Int?
    /// USER-AGENT.
    public var userAgent: String?
    /// CPFN.UPNP.ORG: the control point's friendly name.
    public var controlPointName: String?

    /// Makes a search. `maximumWait` is in seconds; pass nil for a unicast search.
    public init(
        target: String, maximumWait: Int?, userAgent: String? = nil, controlPointName: String? = nil
    ) {
        self.target = target
        self.maximumWait = maximumWait
        self.userAgent = userAgent
        self.controlPointName = controlPointName
    }
}

/// A unique service name: the device's UDN and, after `::`, which part of it is meant (UDA 2.0 §1.1.4).
public struct USN: Hashable, Sendable, CustomStringConvertible {
    /// The Unique Device Name, `uuid:…`.
    public var udn: String
    /// What follows `::`; nil for the device itself.
    public var target: String?

    /// Makes a name from its parts.
    public init(udn: String, target: String? = nil) {
        self.udn = udn
        self.target = target
    }

    /// Splits the header's text at the first `::`. Refuses what does not start with `uuid:` and a character.
    public init?(_ text: String) {
        let parts = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard let udn = parts.first, udn.utf8.count > 5, udn.prefix(5).lowercased() == "uuid:" else { return nil }
        self.udn = String(udn)
        self.target = parts.count == 2 && !parts[1].isEmpty ? String(parts[1]) : nil
    }

    /// The header's text.
    public var description: String { target.map { "\(udn)::\($0)" } ?? udn }
}

/// The bounds of what is read from and written to the group.
public enum SSDPLimits {
    /// The longest datagram that is looked at, bytes.
    public static let datagramBytes = 8192
    /// How many header fields are looked at.
    public static let headerCount = 64
    /// The longest ST, NT or USN, bytes (upnp.md §4.2 rule 14).
    public static let nameBytes = 256
    /// The longest LOCATION, bytes.
    public static let locationBytes = 1024
    /// The longest other value that is kept, bytes; a longer one is cut.
    public static let textBytes = 256
    /// What counts when `max-age` is missing or unreadable, seconds (UDA 2.0 §1.2.2).
    public static let defaultMaxAge = 1800
    /// The longest `max-age` that is believed, seconds: a day.
    public static let longestMaxAge = 86_400
    /// The largest BOOTID and CONFIGID.
    public static let largestID: UInt32 = 0x7FFF_FFFF
}

/// Why a datagram is not an SSDP message.
public enum SSDPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Longer than ``SSDPLimits/datagramBytes``.
    case tooLarge(bytes: Int)
    /// The first line is none of the three that UDA knows.
    case unknownStartLine
    /// A header that this message needs is absent.
    case missingHeader(String)
    /// A header that this message needs is too long, has control characters or does not parse.
    case malformedHeader(String)

    /// What is wrong with the datagram.
    public var description: String {
        switch self {
        case .tooLarge(let bytes): "datagram of \(bytes) bytes; at most \(SSDPLimits.datagramBytes) are read"
        case .unknownStartLine: "not an SSDP start line"
        case .missingHeader(let name): "header \(name) is missing"
        case .malformedHeader(let name): "header \(name) is malformed"
        }
    }
}
