/// A stretch of text that some reader would take for a URI with a host or a file.
struct URICandidate: Equatable {
    /// Where it stands in the bytes that were scanned.
    var range: Range<Int>
    /// The scheme in lower case; empty for a scheme-relative reference (`//host/…`).
    var scheme: String

    /// Whether the scheme is one that a token can stand for.
    var isHTTP: Bool { scheme == "http" || scheme == "https" }
}

/// Finds URIs in text, more of them rather than fewer.
///
/// A strict parser decides later what a candidate means. Here only the limits are drawn: a candidate
/// is a scheme with `//` behind it (or `\\\\`, which browsers take for the same), a scheme of
/// ``fetchedSchemes`` with anything behind it, or `//` and a host at the start of a word.
struct URIScanner {
    /// Schemes that lax readers complete even without `//` behind them.
    static let fetchedSchemes: Set<String> = ["http", "https", "rtsp", "rtsps", "mms", "ftp"]

    /// Whether `&quot;` and its like end a candidate, as in XML that did not parse.
    var isEscapedXML = false

    func candidates(in bytes: [UInt8]) -> [URICandidate] {
        var found: [URICandidate] = []
        var index = 0
        while index < bytes.count {
            var candidate: URICandidate?
            switch bytes[index] {
            case UInt8(ascii: ":"): candidate = schemed(bytes, colon: index, after: found.last?.range.upperBound ?? 0)
            case UInt8(ascii: "/"), UInt8(ascii: "\\"): candidate = relative(bytes, at: index)
            default: break
            }
            if let candidate {
                found.append(candidate)
                index = max(candidate.range.upperBound, index + 1)
            } else {
                index += 1
            }
        }
        return found
    }

    private func schemed(_ bytes: [UInt8], colon: Int, after floor: Int) -> URICandidate? {
        guard colon + 1 < bytes.count else { return nil }
        var start = colon
        while start > floor, colon - start < 32, Self.isSchemeByte(bytes[start - 1]) { start -= 1 }
        while start < colon, !bytes[start].isASCIILetter { start += 1 }
        guard start < colon else { return nil }
        let scheme = String(decoding: bytes[start..<colon].map(\.lowercasedASCII), as: UTF8.self)
        let hasSlashes = colon + 2 < bytes.count && Self.isSlash(bytes[colon + 1]) && Self.isSlash(bytes[colon + 2])
        guard hasSlashes || Self.fetchedSchemes.contains(scheme) && !bytes[colon + 1].isASCIISpace else { return nil }
        return URICandidate(range: start..<end(bytes, from: colon + 1), scheme: scheme)
    }

    private func relative(_ bytes: [UInt8], at index: Int) -> URICandidate? {
        guard index + 2 < bytes.count, Self.isSlash(bytes[index + 1]),
            index == 0 || Self.startsWord(after: bytes[index - 1])
        else { return nil }
        let host = bytes[index + 2]
        guard host.isASCIILetterOrDigit || host == UInt8(ascii: "[") || host == UInt8(ascii: "%") || host >= 0x80
        else { return nil }
        return URICandidate(range: index..<end(bytes, from: index + 2), scheme: "")
    }

    /// Where a candidate ends: at white space, a quotation mark, a bracket or a control character; at a
    /// comma that another URI follows; without the punctuation of a sentence.
    private func end(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        scan: while index < bytes.count {
            switch bytes[index] {
            case 0...0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "'"),
                UInt8(ascii: "`"), UInt8(ascii: "|"):
                break scan
            case UInt8(ascii: "&") where isEscapedXML && Self.isDelimiterReference(bytes[index...]):
                break scan
            case UInt8(ascii: ",") where Self.isSchemeAhead(bytes[(index + 1)...]):
                break scan
            default:
                index += 1
            }
        }
        // A closing bracket belongs to a URI that has an opening one.
        let trailing = ".,;:!?".utf8
        let hasRound = bytes[start..<index].contains(UInt8(ascii: "("))
        let hasSquare = bytes[start..<index].contains(UInt8(ascii: "["))
        while index > start {
            let last = bytes[index - 1]
            guard
                trailing.contains(last) || last == UInt8(ascii: ")") && !hasRound
                    || last == UInt8(ascii: "]") && !hasSquare
            else { break }
            index -= 1
        }
        return index
    }

    private static func isSchemeAhead(_ bytes: ArraySlice<UInt8>) -> Bool {
        let rest = bytes.drop(while: \.isASCIISpace)
        let scheme = rest.prefix(32).prefix(while: isSchemeByte)
        return scheme.first?.isASCIILetter == true && rest.dropFirst(scheme.count).starts(with: "://".utf8)
    }

    /// `&quot;`, `&lt;`, `&gt;`, `&apos;` and their numbers, as the end of an attribute or a tag.
    private static func isDelimiterReference(_ bytes: ArraySlice<UInt8>) -> Bool {
        [
            "&quot;", "&lt;", "&gt;", "&apos;", "&#34;", "&#39;", "&#60;", "&#62;", "&#x22;", "&#x27;", "&#x3c;",
            "&#x3e;",
        ]
        .contains { bytes.prefix($0.utf8.count).map(\.lowercasedASCII).elementsEqual($0.utf8) }
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetterOrDigit || "+-.".utf8.contains(byte)
    }

    private static func isSlash(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

    private static func startsWord(after byte: UInt8) -> Bool {
        byte.isASCIISpace || byte < 0x20 || "\"'`<>()[]{},;|=".utf8.contains(byte)
    }
}
