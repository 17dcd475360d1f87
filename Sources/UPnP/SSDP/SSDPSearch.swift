/// What `M-SEARCH` says (UDA 2.0 §1.3.2).
public struct SSDPSearch: Hashable, Sendable {
    /// ST, as written.
    public var target: String
    /// MX in seconds; nil when the header is absent, as it is in a unicast search.
    public var maximumWait: Int?
    /// USER-AGENT.
    public var userAgent: String?
    /// CPFN.UPNP.ORG: the control point's friendly name. UDA 2.0 requires it of a multicast search.
    public var controlPointName: String?
    /// CPUUID.UPNP.ORG: the control point's own UUID, as written.
    public var controlPointUUID: String?
    /// TCPPORT.UPNP.ORG, 49152 to 65535: answers may come over TCP to this port of the asker, and then need
    /// not be spread over MX.
    public var tcpPort: UInt16?

    /// Makes a search. `maximumWait` is in seconds; pass nil for a unicast search.
    public init(
        target: String, maximumWait: Int?, userAgent: String? = nil, controlPointName: String? = nil,
        controlPointUUID: String? = nil, tcpPort: UInt16? = nil
    ) {
        self.target = target
        self.maximumWait = maximumWait
        self.userAgent = userAgent
        self.controlPointName = controlPointName
        self.controlPointUUID = controlPointUUID
        self.tcpPort = tcpPort
    }

    /// A search to the group with every header that UDA 2.0 §1.3.2 requires. `maximumWait` is MX in seconds and
    /// is brought within 1 to 5.
    public static func multicast(
        _ target: SearchTarget, maximumWait: Int, controlPointName: String, userAgent: String? = nil,
        controlPointUUID: String? = nil, tcpPort: UInt16? = nil
    ) -> SSDPSearch {
        SSDPSearch(
            target: target.description, maximumWait: min(max(maximumWait, 1), 5), userAgent: userAgent,
            controlPointName: controlPointName, controlPointUUID: controlPointUUID, tcpPort: tcpPort)
    }

    /// A search to one host (UDA 2.0 §1.3.2): it has no MX, and is answered within a second.
    public static func unicast(_ target: SearchTarget, userAgent: String? = nil) -> SSDPSearch {
        SSDPSearch(target: target.description, maximumWait: nil, userAgent: userAgent)
    }
}
