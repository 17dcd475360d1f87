package import HTTPTypes

package import struct NIOCore.ByteBuffer

/// The heads of requests and answers, for a carrier that gives each exchange a stream of bytes of its own.
///
/// A direction of an exchange is one head, then the body as it is, to the end of the stream:
///
/// ```
/// kind (1 byte)   length (variable)   fields, `length` bytes
/// 0 answer        at most 65,536      each: length of name, name, length of value, value
/// 1 request, control   2 request, event   3 request, media
/// ```
/// Lengths are variable-length integers (RFC 9000 §16) of at most four bytes. The parts of the first line are fields whose
/// names begin with a colon, first, as in HTTP/2 (RFC 9113 §8.3). Names are in lower case.
package enum ExchangeHead: Hashable, Sendable {
    case request(HTTPRequest, TrafficClass)
    case response(HTTPResponse)

    /// The longest head, in bytes of fields.
    package static let maximumBytes = 64 << 10
    /// The most fields of a head.
    package static let maximumFields = 256

    /// Why bytes are no head.
    package enum Fault: Error, Hashable, Sendable {
        case tooLong
        case malformed
    }

    /// The head as bytes.
    package func encoded() throws(Fault) -> ByteBuffer {
        var fields = ByteBuffer()
        var kind: UInt8 = 0
        switch self {
        case .request(let request, let trafficClass):
            kind = Self.kind(trafficClass)
            Self.write(":method", request.method.rawValue, to: &fields)
            Self.write(":scheme", request.scheme ?? "https", to: &fields)
            Self.write(":authority", request.authority ?? "latchkey", to: &fields)
            Self.write(":path", request.path ?? "/", to: &fields)
            Self.write(request.headerFields, to: &fields)
        case .response(let response):
            Self.write(":status", String(response.status.code), to: &fields)
            Self.write(response.headerFields, to: &fields)
        }
        guard fields.readableBytes <= Self.maximumBytes else { throw .tooLong }
        var head = ByteBuffer()
        head.reserveCapacity(fields.readableBytes + 5)
        head.writeInteger(kind)
        Self.write(fields.readableBytes, to: &head)
        head.writeBuffer(&fields)
        return head
    }

    /// Takes a head from the front of `bytes`; nil, with nothing taken, while it is not there as a whole.
    package init?(from bytes: inout ByteBuffer) throws(Fault) {
        let start = bytes
        guard let kind: UInt8 = bytes.readInteger(), let length = try Self.readLength(&bytes) else {
            bytes = start
            return nil
        }
        guard length <= Self.maximumBytes else { throw .tooLong }
        guard var fields = bytes.readSlice(length: length) else {
            bytes = start
            return nil
        }
        self = try kind == 0 ? Self.response(&fields) : Self.request(&fields, Self.trafficClass(kind))
    }

    // MARK: Fields

    /// RFC 9113 §8.2.2: fields about one connection do not travel with an exchange.
    private static let connectionFields: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host",
    ]

    private static func write(_ fields: HTTPFields, to buffer: inout ByteBuffer) {
        for field in fields where !connectionFields.contains(field.name.canonicalName) {
            write(field.name.canonicalName, field.value, to: &buffer)
        }
    }

    private static func write(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
        write(name.utf8.count, to: &buffer)
        buffer.writeString(name)
        write(value.utf8.count, to: &buffer)
        buffer.writeString(value)
    }

    /// The pseudo-header fields and the others; the former come first and once.
    private static func fields(_ buffer: inout ByteBuffer) throws(Fault) -> ([String: String], HTTPFields) {
        var pseudo: [String: String] = [:]
        var fields = HTTPFields()
        while buffer.readableBytes > 0 {
            guard pseudo.count + fields.count < maximumFields else { throw .tooLong }
            let name = try readString(&buffer)
            let value = try readString(&buffer)
            guard HTTPField.isValidValue(value) else { throw .malformed }
            if name.utf8.first == 0x3A {
                guard fields.isEmpty, pseudo.updateValue(value, forKey: name) == nil else { throw .malformed }
            } else {
                guard let known = HTTPField.Name(name), known.canonicalName == name else { throw .malformed }
                fields.append(HTTPField(name: known, value: value))
            }
        }
        return (pseudo, fields)
    }

    private static func request(_ buffer: inout ByteBuffer, _ trafficClass: TrafficClass?) throws(Fault) -> Self {
        let (pseudo, fields) = try fields(&buffer)
        guard let trafficClass, pseudo.count == 4, let method = pseudo[":method"].flatMap({ HTTPRequest.Method($0) }),
            let scheme = pseudo[":scheme"], let authority = pseudo[":authority"], let path = pseudo[":path"],
            !path.isEmpty
        else { throw .malformed }
        var request = HTTPRequest(method: method, scheme: scheme, authority: authority, path: path)
        request.headerFields = fields
        return .request(request, trafficClass)
    }

    private static func response(_ buffer: inout ByteBuffer) throws(Fault) -> Self {
        let (pseudo, fields) = try fields(&buffer)
        guard pseudo.count == 1, let text = pseudo[":status"], text.utf8.count == 3, let code = Int(text),
            (100...999).contains(code)
        else { throw .malformed }
        return .response(HTTPResponse(status: .init(code: code), headerFields: fields))
    }

    private static func kind(_ trafficClass: TrafficClass) -> UInt8 {
        switch trafficClass {
        case .control: 1
        case .event: 2
        case .media: 3
        }
    }

    private static func trafficClass(_ kind: UInt8) -> TrafficClass? {
        TrafficClass.allCases.first { Self.kind($0) == kind }
    }

    // MARK: Lengths

    /// RFC 9000 §16; at most 2^30 - 1.
    private static func write(_ length: Int, to buffer: inout ByteBuffer) {
        switch length {
        case ..<64: buffer.writeInteger(UInt8(length))
        case ..<16_384: buffer.writeInteger(UInt16(length) | 0x4000)
        default: buffer.writeInteger(UInt32(length) | 0x8000_0000)
        }
    }

    /// Nil, with something taken, while it is not there as a whole.
    private static func readLength(_ buffer: inout ByteBuffer) throws(Fault) -> Int? {
        guard let first: UInt8 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
        switch first >> 6 {
        case 0: return buffer.readInteger(as: UInt8.self).map(Int.init)
        case 1: return buffer.readInteger(as: UInt16.self).map { Int($0 & 0x3FFF) }
        case 2: return buffer.readInteger(as: UInt32.self).map { Int($0 & 0x3FFF_FFFF) }
        default: throw .malformed
        }
    }

    private static func readString(_ buffer: inout ByteBuffer) throws(Fault) -> String {
        guard let length = try readLength(&buffer), let text = buffer.readSlice(length: length) else {
            throw .malformed
        }
        return String(buffer: text)
    }
}
