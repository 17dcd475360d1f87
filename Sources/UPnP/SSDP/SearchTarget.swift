/// What an M-SEARCH asks for (UDA 2.0 §1.3.2).
public enum SearchTarget: Hashable, Sendable, CustomStringConvertible {
    /// `ssdp:all`.
    case all
    /// `upnp:rootdevice`.
    case rootDevice
    /// `uuid:…`.
    case device(udn: String)
    /// `urn:domain:device:T:v` or `urn:domain:service:T:v`: `name` is all but the version.
    case type(name: String, version: Int)
    /// Anything else; it matches what is announced under the very same text.
    case other(String)

    /// Reads the text of an ST header.
    public init(_ text: String) {
        switch text {
        case "ssdp:all": self = .all
        case "upnp:rootdevice": self = .rootDevice
        default:
            if text.hasPrefix("uuid:") {
                self = .device(udn: text)
            } else if let (name, version) = Self.splitType(text) {
                self = .type(name: name, version: version)
            } else {
                self = .other(text)
            }
        }
    }

    /// Splits `urn:…:v`; nil unless the text starts with `urn:` and ends in a version of 1 to 9 digits.
    static func splitType(_ text: String) -> (name: String, version: Int)? {
        guard text.hasPrefix("urn:"), let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...].utf8
        guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let version = Int(String(digits) ?? ""), version > 0
        else { return nil }
        return (String(text[..<colon]), version)
    }

    /// The text of an ST header.
    public var description: String {
        switch self {
        case .all: "ssdp:all"
        case .rootDevice: "upnp:rootdevice"
        case .device(let udn): udn
        case .type(let name, let version): "\(name):\(version)"
        case .other(let text): text
        }
    }
}
