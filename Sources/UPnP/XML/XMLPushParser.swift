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
    public var isComplete: Bool { reader.root != nil }

    /// Takes the next bytes, in pieces of any size.
    public mutating func feed(_ bytes: some Sequence<UInt8>) throws(XMLError) {
        if let failure = reader.failure { throw failure }
        // The decoder collects into pieces of its own size, because libxml2 looks through all that it
        // holds each time it is called: a byte at a time would cost quadratic time.
        for byte in bytes {
            if isComplete { return }
            received += 1
            guard received <= byteLimit else { throw reader.fail(.limit(.bytes)) }
            if decoder.append(byte) { try flush() }
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
