package import UPnP

/// A kind of document that lists media, and so carries URLs in a body that otherwise passes unparsed.
package enum PlaylistFormat: String, CaseIterable, Sendable {
    /// M3U and HLS (RFC 8216).
    case m3u
    /// PLS.
    case pls
    /// Windows Media's ASX.
    case asx
    /// Windows Media Player's WPL (SMIL).
    case wpl
    /// XSPF.
    case xspf
    /// A DASH manifest (ISO/IEC 23009-1).
    case dash

    private static let types: [String: PlaylistFormat] = [
        "audio/x-mpegurl": .m3u, "audio/mpegurl": .m3u, "application/x-mpegurl": .m3u, "application/mpegurl": .m3u,
        "application/vnd.apple.mpegurl": .m3u, "application/vnd.apple.mpegurl.audio": .m3u, "audio/x-scpls": .pls,
        "application/pls+xml": .pls, "audio/scpls": .pls, "video/x-ms-asx": .asx, "video/x-ms-wvx": .asx,
        "video/x-ms-wax": .asx, "audio/x-ms-wax": .asx, "application/vnd.ms-wpl": .wpl, "application/xspf+xml": .xspf,
        "application/dash+xml": .dash,
    ]
    private static let extensions: [String: PlaylistFormat] = [
        "m3u": .m3u, "m3u8": .m3u, "pls": .pls, "asx": .asx, "wvx": .asx, "wax": .asx, "wpl": .wpl, "xspf": .xspf,
        "mpd": .dash,
    ]
    /// Types that say nothing, so that the file's extension decides.
    private static let vague: Set<String> = [
        "", "application/octet-stream", "text/plain", "text/xml", "application/xml", "video/x-ms-asf", "*/*",
        "binary/octet-stream",
    ]

    /// The format of an answer, by its content type, or by the URL's extension where the type is vague;
    /// nil when it is not a playlist.
    package init?(contentType: String?, url: HTTPURL) {
        let type = (contentType ?? "").prefix { $0 != ";" }.lowercased().trimmingASCIISpace()
        if let format = Self.types[type] {
            self = format
            return
        }
        guard Self.vague.contains(type), let dot = url.path.lastIndex(of: "."),
            let format = Self.extensions[url.path[dot...].dropFirst().lowercased()]
        else { return nil }
        self = format
    }
}

/// Why a playlist was not let out.
package enum PlaylistError: Error, Hashable {
    /// Larger than the limit, in bytes.
    case tooLarge(limit: Int)
    /// Not what its type says.
    case unreadable
    /// It names its segments by a template, whose addresses cannot be sealed one by one.
    case template
    /// A home address was left after translation.
    case addressLeak
}

extension PlaylistError: CustomStringConvertible {
    /// What happened and what to do.
    package var description: String {
        switch self {
        case .tooLarge(let limit): "the playlist is larger than \(limit) bytes"
        case .unreadable: "the playlist is not what its type says, and cannot be translated"
        case .template: "the manifest names its segments by a template, which cannot be translated: use another format"
        case .addressLeak: "a home address was left in the playlist, which was therefore not sent"
        }
    }
}

/// Translates playlists and manifests: each reference, relative ones against the document's own URL,
/// becomes a sealed URL or goes.
package struct PlaylistTranslator: Sendable {
    let context: TranslationContext
    /// Where the playlist came from.
    let documentURL: HTTPURL

    /// Translates the playlists of one URL.
    package init(_ context: TranslationContext, from documentURL: HTTPURL) {
        self.context = context
        self.documentURL = documentURL
    }

    /// The playlist as the away side may see it, in UTF-8.
    package func translated(_ bytes: [UInt8], as format: PlaylistFormat) throws(PlaylistError) -> [UInt8] {
        guard bytes.count <= context.limits.playlistBytes else { throw .tooLarge(limit: context.limits.playlistBytes) }
        let result =
            switch format {
            case .m3u: m3u(lines(bytes))
            case .pls: pls(lines(bytes))
            case .asx: asx(bytes)
            case .wpl: try xml(bytes, root: "smil", references: ["src"])
            case .xspf:
                try xml(bytes, root: "playlist", references: ["location", "image", "info", "identifier", "href"])
            case .dash: try DASHTranslator(self).translated(bytes)
            }
        guard context.leakScanner.firstLeak(in: result.utf8) == nil else { throw .addressLeak }
        return Array(result.utf8)
    }

    /// The URL to write for a reference, or nil when it must go.
    func reference(_ text: some StringProtocol, base: HTTPURL? = nil) -> String? {
        MediaHeaders.translated(String(text), base: base ?? documentURL, context: context)
    }

    // MARK: - Lines

    private func lines(_ bytes: [UInt8]) -> [String] {
        var bytes = bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        return bytes.split(omittingEmptySubsequences: false) { $0 == 10 || $0 == 13 }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// An empty line stands for each CR LF pair too, which readers skip.
    private func m3u(_ lines: [String]) -> String {
        let texts = TextTranslator(context)
        var output: [String] = []
        for line in lines {
            let text = line.trimmingASCIISpace()
            if text.isEmpty { continue }
            if text.hasPrefix("#") {
                output.append(attributes(text, otherwise: texts))
            } else if let issued = reference(text) {
                output.append(issued)
            } else {
                output.append("# an address that cannot be reached from here was removed")
            }
        }
        return output.joined(separator: "\n") + "\n"
    }

    /// A tag with `URI="…"` attributes (RFC 8216 §4.2), or a comment.
    private func attributes(_ line: String, otherwise texts: TextTranslator) -> String {
        var output = ""
        var rest = line[...]
        while let start = rest.firstRange(of: "URI=\""), let end = rest[start.upperBound...].firstIndex(of: "\"") {
            output += texts.translated(String(rest[..<start.lowerBound]), isEscapedXML: false)
            // An empty reference stands for the playlist itself, which is not what the attribute meant.
            output += "URI=\"" + (reference(rest[start.upperBound..<end]) ?? "data:,") + "\""
            rest = rest[end...].dropFirst()
        }
        return output + texts.translated(String(rest), isEscapedXML: false)
    }

    /// `File1=…` and its like; an entry that cannot be translated keeps its number and names nothing.
    private func pls(_ lines: [String]) -> String {
        let texts = TextTranslator(context)
        var output: [String] = []
        for line in lines {
            let text = line.trimmingASCIISpace()
            if text.isEmpty { continue }
            guard text.lowercased().hasPrefix("file"), let equals = text.firstIndex(of: "="),
                text[..<equals].utf8.dropFirst(4).allSatisfy({ $0.isASCIIDigit || $0.isASCIISpace })
            else {
                output.append(texts.translated(text, isEscapedXML: false))
                continue
            }
            if let issued = reference(text[equals...].dropFirst()) {
                output.append("\(text[...equals])\(issued)")
            } else {
                output.append("; an address that cannot be reached from here was removed")
            }
        }
        return output.joined(separator: "\n") + "\n"
    }

    // MARK: - XML

    /// ASX is written by hand as often as not, in mixed case and with bare ampersands; where it does not
    /// parse it is scanned as text, and relative references in it stay.
    private func asx(_ bytes: [UInt8]) -> String {
        if let document = try? xml(bytes, root: "asx", references: ["href", "src"]) { return document }
        let text = String(decoding: bytes, as: UTF8.self)
        return TextTranslator(context).translated(text, isEscapedXML: true)
    }

    private func xml(_ bytes: [UInt8], root: String, references: Set<String>) throws(PlaylistError) -> String {
        var document: XMLElement
        do { document = try XMLElement(parsing: bytes, limits: context.limits.xml) } catch { throw .unreadable }
        guard document.name.lowercased() == root else { throw .unreadable }
        rewrite(&document, references: references, values: OutboundTranslator(context))
        return document.serialized()
    }

    private func rewrite(_ element: inout XMLElement, references: Set<String>, values: OutboundTranslator) {
        for index in element.attributes.indices {
            let attribute = element.attributes[index]
            element.attributes[index].value =
                references.contains(attribute.name.lowercased())
                ? reference(attribute.value) ?? "" : values.value(attribute.value)
        }
        let isReference = references.contains(element.name.lowercased())
        for index in element.children.indices {
            switch element.children[index] {
            case .text(let text):
                let isBlank = text.utf8.allSatisfy(\.isASCIISpace)
                element.children[index] = .text(
                    isReference && !isBlank ? reference(text) ?? "" : values.value(text))
            case .element(var child):
                rewrite(&child, references: references, values: values)
                element.children[index] = .element(child)
            }
        }
    }
}
