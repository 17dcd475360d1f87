package import HTTPTypes

/// Where a stream stands that an app reads, so that it can go on over another carrier.
///
/// A stream can go on when the origin serves ranges and names the whole length, and when what it serves
/// afterwards is provably the same: equal length, equal validators (RFC 9110 §8.8, §14.4).
package struct StreamResumption: Hashable, Sendable {
    /// First byte of the resource that the answer carries, last byte, and the resource's length.
    private let first: UInt64
    private let last: UInt64
    private let total: UInt64
    private let entityTag: String?
    private let lastModified: String?
    /// How many bytes the app has been given.
    package private(set) var delivered: UInt64 = 0

    /// Nil when the stream cannot go on: not a GET, no length, or no sign that ranges are served.
    package init?(method: HTTPRequest.Method, response: HTTPResponse) {
        guard method == .get else { return nil }
        let fields = response.headerFields
        switch response.status.code {
        case 206:
            guard let range = ContentRange(fields[.contentRange] ?? ""), range.first <= range.last else { return nil }
            self.first = range.first
            self.last = range.last
            self.total = range.total
        case 200:
            guard fields[.acceptRanges]?.lowercased() == "bytes",
                let length = fields[.contentLength].flatMap(UInt64.init),
                length > 0
            else { return nil }
            self.first = 0
            self.last = length - 1
            self.total = length
        default:
            return nil
        }
        self.entityTag = fields[.eTag]
        self.lastModified = fields[.lastModified]
    }

    /// Notes bytes that the app has been given.
    package mutating func deliver(_ bytes: Int) {
        delivered += UInt64(bytes)
    }

    /// Whether nothing is left to fetch.
    package var isComplete: Bool { first + delivered > last }

    /// The `Range` of what is left.
    package var range: String { "bytes=\(first + delivered)-\(last)" }

    /// Whether this answer to a request for `range` goes on exactly where the app stands.
    package func continues(with response: HTTPResponse) -> Bool {
        let fields = response.headerFields
        guard response.status.code == 206, let range = ContentRange(fields[.contentRange] ?? "") else { return false }
        return range.first == first + delivered && range.last == last && range.total == total
            && fields[.eTag] == entityTag && fields[.lastModified] == lastModified
    }
}

/// How a stream goes on over another carrier.
enum StreamContinuation: Hashable, Sendable {
    /// By asking the device for the rest.
    case range(StreamResumption)
    /// By the last bytes that the gateway keeps of a stream which nobody can ask for again.
    case live(LiveStreamPosition)

    /// Nil for a stream that cannot go on.
    init?(method: HTTPRequest.Method, response: HTTPResponse) {
        if let resumption = StreamResumption(method: method, response: response) {
            self = .range(resumption)
        } else if method == .get, let id = response.headerFields[.latchkeyStream],
            let position = LiveStreamPosition("\(id);0")
        {
            self = .live(position)
        } else {
            return nil
        }
    }

    /// Notes bytes that the app has been given.
    mutating func deliver(_ bytes: Int) {
        switch self {
        case .range(var resumption):
            resumption.deliver(bytes)
            self = .range(resumption)
        case .live(let position):
            self = .live(.init(id: position.id, offset: position.offset + UInt64(bytes)))
        }
    }

    /// Whether nothing is left to fetch, as far as is known.
    var isComplete: Bool {
        switch self {
        case .range(let resumption): resumption.isComplete
        case .live: false
        }
    }

    /// Asks for what is left.
    func apply(to request: inout HTTPRequest) {
        switch self {
        case .range(let resumption): request.headerFields[.range] = resumption.range
        case .live(let position): request.headerFields[.latchkeyStream] = position.description
        }
    }

    /// Whether this answer goes on exactly where the app stands.
    func continues(with response: HTTPResponse) -> Bool {
        switch self {
        case .range(let resumption): resumption.continues(with: response)
        case .live(let position):
            response.status == .ok && response.headerFields[.latchkeyStream] == position.id
        }
    }
}

/// `Content-Range: bytes first-last/total` (RFC 9110 §14.4), with a known total.
struct ContentRange: Hashable, Sendable {
    let first: UInt64
    let last: UInt64
    let total: UInt64

    init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let total = UInt64(parts[1]) else { return nil }
        let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, let first = UInt64(bounds[0]), let last = UInt64(bounds[1]), last < total else {
            return nil
        }
        self.first = first
        self.last = last
        self.total = total
    }
}
