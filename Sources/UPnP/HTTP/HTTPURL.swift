public import NetworkTypes

/// An absolute `http` or `https` URL, read strictly (RFC 3986).
///
/// What two parsers read differently is how address filters are slipped past, so everything
/// doubtful is refused: user-info, a port of 0 or above 65535, an empty port, control characters,
/// hosts that C libraries take for addresses (`2130706433`, `0x7f.1`), zones, percent-encoded hosts,
/// broken percent-encoding, and more than ``maximumLength`` bytes. Scheme and host are kept in lower
/// case, dot segments are removed, and a fragment is dropped, so that equal URLs compare equal.
public struct HTTPURL: Hashable, Sendable {
    /// The longest text that is read, in bytes.
    public static let maximumLength = 2048

    /// `http` or `https`.
    public let scheme: String
    /// The host in lower case, without brackets; an IPv6 literal in the form of RFC 5952.
    public let host: String
    /// The port, 80 or 443 where the text names none.
    public let port: UInt16
    /// The path as written, percent-encoding kept; at least `/`.
    public let path: String
    /// What follows `?`, or nil when there is no `?`.
    public let query: String?
    /// The host as an address, when it is a strict literal.
    public let ipAddress: IPAddress?

    /// Reads an absolute URL; nil for anything that is not one, see the type's description.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maximumLength, let parts = URLParts(text),
            let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let authority = parts.authority,
            parts.path.isEmpty || parts.path.utf8.first == UInt8(ascii: "/")
        else { return nil }
        self.init(scheme: scheme, authority: authority, path: parts.path, query: parts.query)
    }

    /// Makes an `http` URL for an address, as a host writes it for its own resources.
    ///
    /// Nil when `pathAndQuery` does not start with `/` or holds what a URL cannot, or the port is 0.
    public init?(endpoint: SocketEndpoint, pathAndQuery: some StringProtocol) {
        guard pathAndQuery.utf8.first == UInt8(ascii: "/") else { return nil }
        let path = String(pathAndQuery)
        guard endpoint.port > 0, path.utf8.count <= Self.maximumLength / 2, Self.isPlain(path) else {
            self.init("http://\(endpoint)\(pathAndQuery)")
            return
        }
        // A media server makes one for each thing that it lists, and there is nothing in it to be read.
        self.init(plain: path, at: endpoint)
    }

    private init(plain path: String, at endpoint: SocketEndpoint) {
        self.scheme = "http"
        self.host = endpoint.address.description
        self.ipAddress = endpoint.address
        self.port = endpoint.port
        self.path = path
        self.query = nil
    }

    /// Whether a path has nothing that has another meaning or another spelling.
    private static func isPlain(_ path: String) -> Bool {
        var previous: UInt8 = 0
        for byte in path.utf8 {
            switch byte {
            case 0x2D, 0x2F, 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A, 0x7E: break
            case 0x2E where previous != 0x2F: break
            default: return false
            }
            previous = byte
        }
        return true
    }

    private init?(scheme: String, authority: String, path: String, query: String?) {
        guard let (host, address, port) = Self.authority(authority),
            URLText.isValid(path, also: "/"), URLText.isValid(query ?? "", also: "/?")
        else { return nil }
        self.scheme = scheme
        self.host = host
        self.ipAddress = address
        self.port = port ?? (scheme == "https" ? 443 : 80)
        self.path = URLText.withoutDotSegments(path.isEmpty ? "/" : path)
        self.query = query
    }

    /// The literal address and port, or nil when the host is a name.
    public var endpoint: SocketEndpoint? { ipAddress.map { SocketEndpoint($0, port: port) } }

    /// Host and port as the `Host` header writes them: IPv6 in brackets, the scheme's own port left out.
    public var authority: String {
        let literal = ipAddress?.uriHost ?? host
        return port == (scheme == "https" ? 443 : 80) ? literal : "\(literal):\(port)"
    }

    /// What the request line carries: path, and query where there is one.
    public var pathAndQuery: String { query.map { "\(path)?\($0)" } ?? path }

    /// Resolves a reference against this URL (RFC 3986 §5.2); nil when the result is not one of ours.
    public func resolving(_ reference: some StringProtocol) -> HTTPURL? {
        guard reference.utf8.count <= Self.maximumLength, let parts = URLParts(reference) else { return nil }
        if parts.scheme != nil { return HTTPURL(reference) }
        let result: HTTPURL? =
            if let authority = parts.authority {
                parts.path.isEmpty || parts.path.hasPrefix("/")
                    ? HTTPURL(scheme: scheme, authority: authority, path: parts.path, query: parts.query) : nil
            } else if parts.path.isEmpty {
                with(path: path, query: parts.query ?? query)
            } else if parts.path.hasPrefix("/") {
                with(path: parts.path, query: parts.query)
            } else {
                with(path: path[...(path.lastIndex(of: "/") ?? path.startIndex)] + parts.path, query: parts.query)
            }
        return result.flatMap { $0.description.utf8.count <= Self.maximumLength ? $0 : nil }
    }

    private func with(path: String, query: String?) -> HTTPURL? {
        HTTPURL(scheme: scheme, authority: "\(ipAddress?.uriHost ?? host):\(port)", path: path, query: query)
    }

    private static func authority(_ text: String) -> (host: String, address: IPAddress?, port: UInt16?)? {
        var host = text[...]
        var port: UInt16?
        // The last colon outside brackets separates the port.
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            let digits = text[text.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(digits), number > 0
            else { return nil }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), let address = IPv6Address(host.dropFirst().dropLast()) else { return nil }
            return (address.description, .v6(address), port)
        }
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(URLText.isHostByte) else { return nil }
        if let address = IPv4Address(host) { return (address.description, .v4(address), port) }
        let lowered = host.lowercased()
        // A last label that is a number makes an address for a C library, whatever precedes it.
        guard let last = lowered.split(separator: ".").last, !URLText.isNumber(last) else { return nil }
        return (lowered, nil, port)
    }
}

extension HTTPURL: CustomStringConvertible {
    /// The whole URL.
    public var description: String { "\(scheme)://\(authority)\(pathAndQuery)" }
}
