extension DataPayload {
    private enum Kind: UInt8 {
        case request = 0
        case broadcast = 1
        case answer = 2
        case deliver = 3
        case accepted = 4
        case complete = 5
        case refused = 6
    }

    private static let lastFlag: UInt8 = 0x01
    private static let hardenedFlag: UInt8 = 0x80

    /// The fixed fields, and what follows them.
    private struct Fields {
        var kind: Kind
        var flags: UInt8 = 0
        var window: UInt32 = 0
        var id: UInt64
        var alias: UInt32 = 0
        var service = ""
        var payload: [UInt8] = []
    }

    /// The bytes of the message. Throws what a receiver would refuse.
    package func encoded() throws(DataPayloadError) -> [UInt8] {
        let fields: Fields
        switch self {
        case .request(let request): fields = Self.fields(request)
        case .broadcast(let broadcast): fields = Self.fields(broadcast)
        case .answer(let answer): fields = Self.fields(.answer, answer)
        case .deliver(let answer): fields = Self.fields(.deliver, answer)
        case .accepted(let id): return Self.notice(.accepted, id)
        case .complete(let id, let answers, let reason): return Self.notice(.complete, id, answers, reason)
        case .refused(let id, let reason): return Self.notice(.refused, id, reason)
        }
        let service = fields.service.utf8
        let length = Self.headLength + service.count + fields.payload.count
        guard service.count <= Self.serviceLimit else { throw .service }
        guard length <= Self.lengthLimit else { throw .tooLong }
        _ = try Self(fields)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        bytes.append(fields.kind.rawValue)
        bytes.append(fields.flags)
        bytes.append(bigEndian: UInt16(service.count))
        bytes.append(bigEndian: fields.window)
        bytes.append(bigEndian: fields.id)
        bytes.append(bigEndian: fields.alias)
        bytes.append(contentsOf: service)
        bytes += fields.payload
        return bytes
    }

    /// The bytes of a notice, which has nothing that could be wrong.
    private static func notice(_ kind: Kind, _ id: UInt64, _ first: UInt16? = nil, _ second: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headLength + 4)
        bytes.append(bigEndian: UInt64(kind.rawValue) << 56)
        bytes.append(bigEndian: id)
        bytes.append(bigEndian: UInt32(0))
        if let first { bytes.append(bigEndian: first) }
        if let second { bytes.append(bigEndian: second) }
        return bytes
    }

    /// Reads a message; the whole of `bytes` is one.
    package init(decoding bytes: [UInt8]) throws(DataPayloadError) {
        guard bytes.count <= Self.lengthLimit else { throw .tooLong }
        var reader = ByteReader(bytes)
        guard let kindOctet: UInt8 = reader.read(), let flags: UInt8 = reader.read(),
            let serviceLength: UInt16 = reader.read(), let window: UInt32 = reader.read(),
            let id: UInt64 = reader.read(), let alias: UInt32 = reader.read()
        else { throw .short }
        guard let kind = Kind(rawValue: kindOctet) else { throw .kind(kindOctet) }
        guard serviceLength <= Self.serviceLimit else { throw .service }
        guard let octets = reader.readSlice(count: Int(serviceLength)) else { throw .short }
        guard let service = serviceLength == 0 ? "" : String(validating: octets, as: UTF8.self) else { throw .service }
        try self.init(
            Fields(
                kind: kind, flags: flags, window: window, id: id, alias: alias, service: service,
                payload: reader.readRest()))
    }

    private init(_ fields: Fields) throws(DataPayloadError) {
        switch fields.kind {
        case .request: self = .request(try Self.request(fields))
        case .broadcast: self = .broadcast(try Self.broadcast(fields))
        case .answer: self = .answer(try Self.answer(fields))
        case .deliver: self = .deliver(try Self.answer(fields))
        case .accepted:
            _ = try Self.notice(fields, length: 0)
            self = .accepted(id: fields.id)
        case .complete:
            let words = try Self.notice(fields, length: 2)
            self = .complete(id: fields.id, answers: words[0], reason: words[1])
        case .refused:
            self = .refused(id: fields.id, reason: try Self.notice(fields, length: 1)[0])
        }
    }

    private static func request(_ fields: Fields) throws(DataPayloadError) -> Request {
        guard !fields.service.isEmpty else { throw .service }
        guard windows.contains(fields.window), fields.flags & (lastFlag | hardenedFlag) == 0,
            let lowest = LowestSuite(rawValue: fields.alias)
        else { throw .field }
        return Request(
            id: fields.id, service: fields.service, windowMilliseconds: fields.window,
            maximumAnswers: fields.flags >> 1, lowestSuite: lowest, payload: fields.payload)
    }

    private static func broadcast(_ fields: Fields) throws(DataPayloadError) -> Broadcast {
        guard !fields.service.isEmpty else { throw .service }
        guard windows.contains(fields.window), fields.flags & ~hardenedFlag == 0,
            let id = ForwardID(rawValue: fields.id)
        else { throw .field }
        return Broadcast(
            id: id, alias: fields.alias, service: fields.service, windowMilliseconds: fields.window,
            isFromHardened: fields.flags == hardenedFlag, payload: fields.payload)
    }

    private static func answer(_ fields: Fields) throws(DataPayloadError) -> Answer {
        guard fields.service.isEmpty else { throw .service }
        guard fields.window == 0, fields.flags & ~lastFlag == 0 else { throw .field }
        return Answer(
            id: fields.id, alias: fields.alias, isLast: fields.flags == lastFlag, payload: fields.payload)
    }

    /// The words of 16 bits that are all there is to a notice.
    private static func notice(_ fields: Fields, length: Int) throws(DataPayloadError) -> [UInt16] {
        guard fields.service.isEmpty else { throw .service }
        guard fields.window == 0, fields.flags == 0, fields.alias == 0 else { throw .field }
        guard fields.payload.count == 2 * length else { throw .payload }
        guard length > 0 else { return [] }
        return (0..<length).map { UInt16(fields.payload[2 * $0]) << 8 | UInt16(fields.payload[2 * $0 + 1]) }
    }

    private static func fields(_ request: Request) -> Fields {
        Fields(
            // More answers than there are bits for become flags that no request has.
            kind: .request, flags: request.maximumAnswers > answerLimit ? .max : request.maximumAnswers << 1,
            window: request.windowMilliseconds, id: request.id, alias: request.lowestSuite.rawValue,
            service: request.service, payload: request.payload)
    }

    private static func fields(_ broadcast: Broadcast) -> Fields {
        Fields(
            kind: .broadcast, flags: broadcast.isFromHardened ? hardenedFlag : 0,
            window: broadcast.windowMilliseconds, id: broadcast.id.rawValue, alias: broadcast.alias,
            service: broadcast.service, payload: broadcast.payload)
    }

    private static func fields(_ kind: Kind, _ answer: Answer) -> Fields {
        Fields(
            kind: kind, flags: answer.isLast ? lastFlag : 0, id: answer.id, alias: answer.alias,
            payload: answer.payload)
    }
}
