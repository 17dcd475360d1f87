/// The header fields that SSDP gives a meaning to (UDA 2.0 §1.2, §1.3, annex A).
enum SSDPField: Int, CaseIterable {
    case location, cacheControl, server, nt, nts, st, usn, man, mx, userAgent
    case bootID, nextBootID, configID, searchPort, secureLocation
    case controlPointName, controlPointUUID, tcpPort, networkLocalState

    /// The field's name as it is written.
    var name: StaticString {
        switch self {
        case .location: "LOCATION"
        case .cacheControl: "CACHE-CONTROL"
        case .server: "SERVER"
        case .nt: "NT"
        case .nts: "NTS"
        case .st: "ST"
        case .usn: "USN"
        case .man: "MAN"
        case .mx: "MX"
        case .userAgent: "USER-AGENT"
        case .bootID: "BOOTID.UPNP.ORG"
        case .nextBootID: "NEXTBOOTID.UPNP.ORG"
        case .configID: "CONFIGID.UPNP.ORG"
        case .searchPort: "SEARCHPORT.UPNP.ORG"
        case .secureLocation: "SECURELOCATION.UPNP.ORG"
        case .controlPointName: "CPFN.UPNP.ORG"
        case .controlPointUUID: "CPUUID.UPNP.ORG"
        case .tcpPort: "TCPPORT.UPNP.ORG"
        case .networkLocalState: "01-NLS"
        }
    }

    /// The field of that name, in any case; nil for one that has no meaning here. Makes no String.
    init?(named name: Span<UInt8>) {
        let found: SSDPField? =
            switch name.count {
            case 2: Self.one(of: .nt, .st, .mx, named: name)
            case 3: Self.one(of: .usn, .nts, .man, named: name)
            case 6: Self.one(of: .server, named: name) ?? (name.isLocalStateName ? .networkLocalState : nil)
            case 8: Self.one(of: .location, named: name)
            case 10: Self.one(of: .userAgent, named: name)
            case 13: Self.one(of: .cacheControl, .controlPointName, named: name)
            case 15: Self.one(of: .bootID, .controlPointUUID, named: name)
            case 16: Self.one(of: .tcpPort, named: name)
            case 17: Self.one(of: .configID, named: name)
            case 19: Self.one(of: .nextBootID, .searchPort, named: name)
            case 23: Self.one(of: .secureLocation, named: name)
            default: nil
            }
        guard let found else { return nil }
        self = found
    }

    private static func one(
        of first: SSDPField, _ second: SSDPField? = nil, _ third: SSDPField? = nil, named name: Span<UInt8>
    ) -> SSDPField? {
        if name.matches(first.name) { return first }
        if let second, name.matches(second.name) { return second }
        if let third, name.matches(third.name) { return third }
        return nil
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }

    /// Blanks and the remains of a line's end, which do not belong to a name or value.
    var isFieldBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0D }

    var asciiLowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}

extension Span<UInt8> {
    /// Whether these bytes spell `text`, in any case.
    func matches(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { buffer in
            for index in indices where self[index].asciiLowercased != buffer[index].asciiLowercased { return false }
            return true
        }
    }

    /// Whether these bytes are `text`.
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { buffer in
            for index in indices where self[index] != buffer[index] { return false }
            return true
        }
    }

    /// UDA 2.0 annex A: `NN-NLS`, where the number is the namespace that OPT declares.
    fileprivate var isLocalStateName: Bool {
        self[0].isASCIIDigit && self[1].isASCIIDigit && extracting(2..<6).matches("-NLS")
    }
}
