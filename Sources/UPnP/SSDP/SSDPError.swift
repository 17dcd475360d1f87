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
