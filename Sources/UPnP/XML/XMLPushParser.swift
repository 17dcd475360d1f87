/// Parses a document that arrives in pieces and stops at the first limit.
///
/// Memory stays within the limits however long the input is. After an error every further call throws
/// the same error; after the root element has ended, what follows is ignored.
///
/// ```swift
/// var parser = XMLPushParser()
/// for try await chunk in body { try parser.feed(chunk) }
/// let root = try parser.finish()
/// ```
public struct XMLPushParser: ~Copyable {
    private let reader: XMLReader
    private var decoder = XMLByteDecoder()
    private var received = 0
    private let byteLimit: Int

    /// Makes a parser for one document.
    public init(limits: XMLLimits = XMLLimits()) {
        reader = XMLReader(limits: limits)
        byteLimit = limits.bytes
    }

    /// Whether the root element has ended: nothing that follows can change the result.
    public var isComplete: Bool { reader.isComplete }

    /// Takes the next bytes, in pieces of any size.
    public mutating func feed(_ bytes: some Sequence<UInt8>) throws(XMLError) {
        if let failure = reader.failure { throw failure }
        let result = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(XMLError) in try take(buffer) }
        }
        if let result { return try result.get() }
        var piece: [UInt8] = []
        for byte in bytes {
            piece.append(byte)
            guard piece.count == XMLByteDecoder.pieceSize else { continue }
            try feed(piece)
            if isComplete { return }
            piece.removeAll(keepingCapacity: true)
        }
        try feed(piece)
    }

    /// Collects bytes into pieces of the decoder's size, because libxml2 looks through all that it holds each
    /// time it is called: a byte at a time would cost quadratic time.
    private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) throws(XMLError) {
        var rest = bytes[...]
        while !rest.isEmpty, !isComplete {
            let piece = rest.prefix(decoder.room)
            received += piece.count
            guard received <= byteLimit else { throw reader.fail(.limit(.bytes)) }
            decoder.append(piece)
            if decoder.room == 0 { try flush() }
            rest = rest.dropFirst(piece.count)
        }
    }

    /// Ends the document and returns its root element.
    public mutating func finish() throws(XMLError) -> XMLElement {
        if let failure = reader.failure { throw failure }
        if !isComplete {
            decoder.end()
            try flush()
            if reader.root == nil, !decoder.hasStarted { throw reader.fail(.empty) }
            try reader.end()
        }
        if let root = reader.root { return root }
        throw reader.fail(.truncated)
    }

    private mutating func flush() throws(XMLError) {
        switch decoder.take() {
        case .text(let utf8):
            try reader.parse(utf8)
        case .textBeforeForbidden(let utf8):
            // A NUL after the root element is one of the known ways to end a document.
            try reader.parse(utf8)
            guard isComplete else { throw reader.fail(.forbiddenCharacter) }
        case .notXML:
            throw reader.fail(.notXML)
        }
    }
}
