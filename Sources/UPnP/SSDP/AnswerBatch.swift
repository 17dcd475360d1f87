internal import NetworkTypes

/// The answers to one search, of which together there may be so many bytes.
struct AnswerBatch {
    private let limit: Int
    private let stream: SocketEndpoint?
    private var bytes = 0
    private var together: [UInt8] = []
    private(set) var count = 0

    init(limit: Int, stream: SocketEndpoint?) {
        self.limit = limit
        self.stream = stream
    }

    mutating func add(_ datagram: [UInt8]) -> Bool {
        guard bytes + datagram.count <= limit else { return false }
        bytes += datagram.count
        count += 1
        if stream != nil { together += datagram }
        return true
    }

    var transmission: Advertiser.Transmission? {
        guard let stream, count > 0 else { return nil }
        return .stream(together, to: stream)
    }
}
