/// Where content is and in which form: a `res` element (ContentDirectory:4 appendix B.2.1).
public struct DIDLResource: Hashable, Sendable {
    /// The content's URI; empty for content that has none yet.
    public var uri: String
    /// How it is had, and what it is.
    public var protocolInfo: ProtocolInfo
    /// `size` in bytes.
    public var size: UInt64?
    /// How long it plays.
    public var duration: Duration?
    /// `bitrate` in bytes (not bits) per second.
    public var bitrate: UInt32?
    /// Width and height in pixels.
    public var resolution: Resolution?
    /// `sampleFrequency` in Hz.
    public var sampleFrequency: UInt32?
    /// `nrAudioChannels`.
    public var audioChannels: UInt32?
    /// Further attributes, and those above where their value cannot be read.
    public var attributes: [DIDLAttribute]

    /// A picture's size in pixels.
    public struct Resolution: Hashable, Sendable, CustomStringConvertible {
        /// Pixels from left to right.
        public var width: UInt32
        /// Pixels from top to bottom.
        public var height: UInt32

        /// Makes a resolution.
        public init(width: UInt32, height: UInt32) {
            self.width = width
            self.height = height
        }

        init?(_ text: String) {
            let parts = text.split(separator: "x", omittingEmptySubsequences: false)
            guard parts.count == 2, let width = UInt32(digits: parts[0]), let height = UInt32(digits: parts[1]) else {
                return nil
            }
            self.init(width: width, height: height)
        }

        /// Such as `1920x1080`.
        public var description: String { "\(width)x\(height)" }
    }

    /// Makes a resource. `size` is in bytes.
    public init(
        _ uri: String, _ protocolInfo: ProtocolInfo, size: UInt64? = nil, duration: Duration? = nil,
        resolution: Resolution? = nil
    ) {
        self.uri = uri
        self.protocolInfo = protocolInfo
        self.size = size
        self.duration = duration
        self.resolution = resolution
        self.attributes = []
    }

    init(_ element: XMLElement) {
        self.init(XMLText.trimmed(element.text), ProtocolInfo(""))
        for attribute in element.attributes.uniqueDIDLAttributes {
            let value = XMLText.trimmed(attribute.value)
            switch attribute.name {
            case "protocolInfo": protocolInfo = ProtocolInfo(value)
            case "size" where UInt64(digits: value) != nil: size = UInt64(digits: value)
            case "duration" where DIDLDuration.parse(value) != nil: duration = DIDLDuration.parse(value)
            case "bitrate" where UInt32(digits: value) != nil: bitrate = UInt32(digits: value)
            case "resolution" where Resolution(value) != nil: resolution = Resolution(value)
            case "sampleFrequency" where UInt32(digits: value) != nil: sampleFrequency = UInt32(digits: value)
            case "nrAudioChannels" where UInt32(digits: value) != nil: audioChannels = UInt32(digits: value)
            default: attributes.append(attribute)
            }
        }
    }

    /// The value of an attribute by its name, as it is written.
    public func attribute(_ name: String) -> String? {
        typed.first { $0.name == name }?.value ?? attributes.first { $0.name == name }?.value
    }

    func element(_ filter: PropertyFilter) -> XMLElement {
        let written = (typed + attributes).filter { $0.name == "protocolInfo" || filter.includes("res@\($0.name)") }
        return XMLElement(
            "res", namespaceURI: DIDLNames.didl, attributes: written.map(\.attribute),
            children: uri.isEmpty ? [] : [.text(uri)])
    }

    private var typed: [DIDLAttribute] {
        var typed = [DIDLAttribute("protocolInfo", "\(protocolInfo)")]
        if let size { typed.append(DIDLAttribute("size", "\(size)")) }
        if let duration { typed.append(DIDLAttribute("duration", DIDLDuration.text(duration))) }
        if let bitrate { typed.append(DIDLAttribute("bitrate", "\(bitrate)")) }
        if let resolution { typed.append(DIDLAttribute("resolution", "\(resolution)")) }
        if let sampleFrequency { typed.append(DIDLAttribute("sampleFrequency", "\(sampleFrequency)")) }
        if let audioChannels { typed.append(DIDLAttribute("nrAudioChannels", "\(audioChannels)")) }
        return typed
    }
}

/// `protocolInfo`: four fields between colons (ConnectionManager:3 §2.2.2).
public struct ProtocolInfo: Hashable, Sendable, CustomStringConvertible {
    /// The protocol, such as `http-get`.
    public var scheme: String
    /// The network; `*` for `http-get`.
    public var network: String
    /// The content's format: for `http-get` a media type.
    public var contentFormat: String
    /// Further facts, such as `DLNA.ORG_PN=…;DLNA.ORG_OP=01`; `*` for none.
    public var additionalInfo: String

    /// Content to be fetched over HTTP.
    public init(mediaType: String, additionalInfo: String = "*") {
        self.scheme = "http-get"
        self.network = "*"
        self.contentFormat = mediaType
        self.additionalInfo = additionalInfo
    }

    /// Reads the four fields; missing ones are empty, and what follows the third colon is the last field.
    public init(_ text: String) {
        let fields = text.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        self.scheme = fields.first ?? ""
        self.network = fields.count > 1 ? fields[1] : ""
        self.contentFormat = fields.count > 2 ? fields[2] : ""
        self.additionalInfo = fields.count > 3 ? fields[3] : ""
    }

    /// The four fields.
    public var description: String { "\(scheme):\(network):\(contentFormat):\(additionalInfo)" }
}

/// `H+:MM:SS[.F+]` or `H+:MM:SS[.F0/F1]` (ContentDirectory:4 appendix B.2.1.4).
enum DIDLDuration {
    /// Up to this many hours are read; more is no duration of any content.
    private static let maximumHours: UInt32 = 99_999

    static func parse(_ text: String) -> Duration? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let hours = UInt32(digits: parts[0]), hours <= maximumHours,
            let minutes = UInt32(digits: parts[1]), minutes < 60
        else { return nil }
        let seconds = parts[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = UInt32(digits: seconds[0]), whole < 60 else { return nil }
        let total = Duration.seconds(Int(hours) * 3600 + Int(minutes) * 60 + Int(whole))
        guard seconds.count == 2 else { return total }
        if let slash = seconds[1].firstIndex(of: "/") {
            guard let part = UInt32(digits: seconds[1][..<slash]),
                let unit = UInt32(digits: seconds[1][seconds[1].index(after: slash)...]), unit > 0, part < unit
            else { return nil }
            return total + .milliseconds(Int(part) * 1000 / Int(unit))
        }
        // Milliseconds are what any player shows; further digits are cut off.
        guard (1...9).contains(seconds[1].utf8.count), UInt32(digits: seconds[1]) != nil,
            let milliseconds = Int((seconds[1] + "00").prefix(3))
        else { return nil }
        return total + .milliseconds(milliseconds)
    }

    static func text(_ duration: Duration) -> String {
        let components = duration.components
        let milliseconds = max(0, components.attoseconds / 1_000_000_000_000_000)
        let seconds = max(0, components.seconds)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let fraction = String("\(1000 + milliseconds)".dropFirst())
        return "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60)).\(fraction)"
    }
}

extension FixedWidthInteger {
    /// A number of decimal digits alone: no sign, no space, not empty, within range.
    init?(digits text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.init(text, radix: 10)
    }
}
