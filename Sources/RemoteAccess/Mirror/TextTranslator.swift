import UPnP

/// Translates URLs and addresses in text that has no structure, or whose structure is broken.
///
/// In broken XML a URL ends also at `&quot;`, `&lt;` and their like, and `&amp;` within it means `&`.
/// What is written in place of a URL has no character that XML would escape.
struct TextTranslator: Sendable {
    private enum Verdict {
        case keep
        case replace(String)
        case remove
    }

    private let context: TranslationContext
    private let scanner: AddressLeakScanner

    init(_ context: TranslationContext) {
        self.context = context
        self.scanner = context.leakScanner
    }

    /// The text with home URLs sealed, other LAN URLs removed, and home addresses blanked; empty when an
    /// address would be left in any spelling.
    func translated(_ text: String, isEscapedXML: Bool) -> String {
        if !isEscapedXML, Self.startsHTTP(text), let whole = wholeURL(text) { return whole }
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var position = 0
        for candidate in URIScanner(isEscapedXML: isEscapedXML).candidates(in: bytes) {
            output += bytes[position..<candidate.range.lowerBound]
            position = candidate.range.upperBound
            let spelled = String(decoding: bytes[candidate.range], as: UTF8.self)
            let plain = isEscapedXML ? spelled.replacing("&amp;", with: "&") : spelled
            switch verdict(plain, scheme: candidate.scheme) {
            case .keep: output += bytes[candidate.range]
            case .replace(let issued): output += issued.utf8
            case .remove: break
            }
        }
        output += bytes[position...]
        return String(decoding: scanner.blanked(output), as: UTF8.self)
    }

    private static func startsHTTP(_ text: String) -> Bool {
        text.utf8.lazy.drop(while: \.isASCIISpace).prefix(4).map(\.lowercasedASCII).elementsEqual("http".utf8)
    }

    /// The translation of a value that is nothing but one URL, be it with characters that a URL cannot
    /// hold (devices write file names with spaces); nil when it is something else.
    private func wholeURL(_ text: String) -> String? {
        let value = text.trimmingASCIISpace()
        let bytes = Array(value.utf8)
        guard !bytes.contains(where: { $0 < 0x20 }),
            let first = URIScanner().candidates(in: bytes).first, first.isHTTP, first.range.lowerBound == 0,
            let url = HTTPURL(value) ?? HTTPURL(PercentCoding.encodingIllegal(value))
        else { return nil }
        if first.range.upperBound != bytes.count {
            // Words after a URL are a sentence unless the last one still looks like a file's name.
            guard let last = value.split(separator: " ").last, Self.looksLikeFile(last),
                !value.dropFirst(8).contains("://")
            else { return nil }
        }
        switch verdict(url, spelled: value) {
        case .keep: return value
        case .replace(let issued): return issued
        case .remove: return ""
        }
    }

    private static func looksLikeFile(_ word: Substring) -> Bool {
        let suffix = word.utf8.reversed().prefix { $0 != UInt8(ascii: ".") }
        return (1...5).contains(suffix.count) && suffix.count < word.utf8.count
            && suffix.allSatisfy(\.isASCIILetterOrDigit) && suffix.contains(where: \.isASCIILetter)
    }

    private func verdict(_ text: String, scheme: String) -> Verdict {
        if scheme == "http" || scheme == "https" {
            guard let url = HTTPURL(text) ?? HTTPURL(PercentCoding.encodingIllegal(text)) else { return .remove }
            return verdict(url, spelled: text)
        }
        // A scheme that tokens cannot stand for: it passes only if its host is on the internet.
        let rest = text.utf8.count > scheme.utf8.count ? text.dropFirst(scheme.isEmpty ? 0 : scheme.count + 1) : ""
        guard scheme != "rtsp", scheme != "rtsps", let url = HTTPURL("http:\(rest)"),
            HostReading(of: url, home: context.home.network) == .internet, !scanner.finds(in: text)
        else { return .remove }
        return context.allowsPublicURLs ? .keep : .remove
    }

    private func verdict(_ url: HTTPURL, spelled: String) -> Verdict {
        if let issued = context.issue(url, as: .media) { return .replace(issued) }
        guard context.allowsPublicURLs, HostReading(of: url, home: context.home.network) == .internet,
            !scanner.finds(in: spelled)
        else { return .remove }
        return .keep
    }
}

extension String {
    /// Without ASCII white space at either end.
    func trimmingASCIISpace() -> String {
        let bytes = utf8
        guard let start = bytes.firstIndex(where: { !$0.isASCIISpace }),
            let end = bytes.lastIndex(where: { !$0.isASCIISpace })
        else { return "" }
        return String(self[start...end])
    }
}
