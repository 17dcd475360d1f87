import CZlib
import HTTPTypes
import NIOCore

/// A document that is sent again and again: in each language that there is, plain and compressed, made once.
struct HostedDocument: Sendable {
    /// One language's bytes.
    struct Edition: Sendable {
        /// A language tag (RFC 5646); nil where none is known.
        let language: String?
        let plain: ByteBuffer
        /// nil where compression makes nothing smaller.
        let compressed: ByteBuffer?

        init(language: String?, _ text: String) {
            self.language = language
            plain = ByteBuffer(string: text)
            compressed = GZip.compressed(plain).flatMap { [plain] in $0.readableBytes < plain.readableBytes ? $0 : nil }
        }
    }

    /// The first is for whoever wants no particular language.
    let editions: [Edition]

    init(editions: [Edition]) { self.editions = editions }

    init(_ text: String) { self.init(editions: [Edition(language: nil, text)]) }

    /// What to answer a request with.
    func answer(to request: HTTPFields) -> (headers: HTTPFields, body: ByteBuffer) {
        var headers: HTTPFields = [.contentType: "text/xml; charset=\"utf-8\""]
        var edition = editions[editions.startIndex]
        if editions.count > 1 {
            headers[values: .vary].append("Accept-Language")
            if let wanted = request[.acceptLanguage] {
                edition = AcceptedValues(wanted).firstLanguage(among: editions, tag: \.language) ?? edition
            }
        }
        if let language = edition.language { headers[.contentLanguage] = language }
        guard let compressed = edition.compressed else { return (headers, edition.plain) }
        headers[values: .vary].append("Accept-Encoding")
        guard let coding = request[.acceptEncoding], AcceptedValues(coding).accepts("gzip") else {
            return (headers, edition.plain)
        }
        headers[.contentEncoding] = "gzip"
        return (headers, compressed)
    }
}

/// A list of values with qualities, such as `gzip;q=0.5, *` (RFC 9110 §12.4.2).
struct AcceptedValues {
    private static let maximumValues = 32

    /// In the order of preference, without those of quality 0.
    private var wanted: [(value: String, quality: Double)] = []
    private var refused: Set<String> = []

    init(_ field: String) {
        for item in field.split(separator: ",", maxSplits: Self.maximumValues).prefix(Self.maximumValues) {
            let parts = item.split(separator: ";")
            guard let first = parts.first else { continue }
            let value = Self.trimmed(first)
            var quality = 1.0
            for parameter in parts.dropFirst() {
                let text = Self.trimmed(parameter)
                if text.hasPrefix("q=") { quality = Double(text.dropFirst(2)) ?? 0 }
            }
            if quality > 0, quality <= 1 { wanted.append((value, quality)) } else { refused.insert(value) }
        }
        // Among equals the order stays: the sort is by rank where qualities are the same.
        wanted = wanted.enumerated().sorted {
            ($0.element.quality, -$0.offset) > ($1.element.quality, -$1.offset)
        }.map(\.element)
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()).lowercased()
    }

    /// Whether a value is asked for, by its name or by `*`.
    func accepts(_ value: String) -> Bool {
        !refused.contains(value) && wanted.contains { $0.value == value || $0.value == "*" }
    }

    /// The element whose language is wanted most (RFC 4647 §3.4): for `de-AT` also `de`, for `de` also `de-AT`.
    func firstLanguage<Element>(among elements: [Element], tag: (Element) -> String?) -> Element? {
        for (value, _) in wanted {
            if value == "*" { return nil }
            var range = value
            while !range.isEmpty {
                if let found = elements.first(where: { tag($0)?.lowercased() == range }) { return found }
                range = range.lastIndex(of: "-").map { String(range[..<$0]) } ?? ""
            }
            if let found = elements.first(where: { tag($0)?.lowercased().hasPrefix(value + "-") ?? false }) {
                return found
            }
        }
        return nil
    }
}

/// Compression of whole documents (RFC 1952).
enum GZip {
    static func compressed(_ input: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        // 15 bits of window, and 16 for gzip's own header.
        guard
            deflateInit2_(
                &stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)
            ) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let room = Int(deflateBound(&stream, UInt(input.readableBytes)))
        var output = ByteBuffer()
        var result = Z_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { output in
            input.withUnsafeReadableBytes { input in
                // zlib does not write through `next_in`; its type only lacks the const.
                stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(output.count)
                result = deflate(&stream, Z_FINISH)
                return output.count - Int(stream.avail_out)
            }
        }
        return result == Z_STREAM_END ? output : nil
    }
}
