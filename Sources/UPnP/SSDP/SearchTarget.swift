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
                self = .type(name: String(name), version: version)
            } else {
                self = .other(text)
            }
        }
    }

    /// Splits `urn:…:v`; nil unless the text starts with `urn:` and ends in a version of 1 to 9 digits. A leading
    /// zero is none of ours: the answer would not echo the text that was asked for.
    static func splitType(_ text: String) -> (name: Substring, version: Int)? {
        let bytes = text.utf8
        guard text.hasPrefix("urn:"), let colon = bytes.lastIndex(of: 0x3A) else { return nil }
        let digits = bytes[bytes.index(after: colon)...]
        guard (1...9).contains(digits.count), digits.first != 0x30 else { return nil }
        var version = 0
        for digit in digits {
            guard digit.isASCIIDigit else { return nil }
            version = version * 10 + Int(digit - 0x30)
        }
        return (text[..<colon], version)
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
