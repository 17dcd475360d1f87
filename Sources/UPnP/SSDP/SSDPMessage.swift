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
    /// SECURELOCATION.UPNP.ORG: the description's `https` URL, exactly as written. It is not to be trusted.
    public var secureLocation: String?
    /// NLS, UDA 2.0 annex A: changes whenever an address or the configuration of the sender's network does.
    public var networkLocalState: String?

    /// Makes an announcement. `maxAge` is in seconds.
    public init(
        target: String, usn: USN, location: String, maxAge: Int = SSDPLimits.defaultMaxAge, server: String = "",
        bootID: UInt32? = nil, configID: UInt32? = nil, searchPort: UInt16? = nil, secureLocation: String? = nil,
        networkLocalState: String? = nil
    ) {
        self.target = target
        self.usn = usn
        self.location = location
        self.maxAge = maxAge
        self.server = server
        self.bootID = bootID
        self.configID = configID
        self.searchPort = searchPort
        self.secureLocation = secureLocation
        self.networkLocalState = networkLocalState
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
    /// NLS, UDA 2.0 annex A.
    public var networkLocalState: String?

    /// Makes a byebye.
    public init(
        target: String, usn: USN, bootID: UInt32? = nil, configID: UInt32? = nil, networkLocalState: String? = nil
    ) {
        self.target = target
        self.usn = usn
        self.bootID = bootID
        self.configID = configID
        self.networkLocalState = networkLocalState
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
    /// SECURELOCATION.UPNP.ORG.
    public var secureLocation: String?
    /// NLS, UDA 2.0 annex A.
    public var networkLocalState: String?

    /// Makes an update.
    public init(
        target: String, usn: USN, location: String, bootID: UInt32?, nextBootID: UInt32?, configID: UInt32? = nil,
        searchPort: UInt16? = nil, secureLocation: String? = nil, networkLocalState: String? = nil
    ) {
        self.target = target
        self.usn = usn
        self.location = location
        self.bootID = bootID
        self.nextBootID = nextBootID
        self.configID = configID
        self.searchPort = searchPort
        self.secureLocation = secureLocation
        self.networkLocalState = networkLocalState
    }
}
