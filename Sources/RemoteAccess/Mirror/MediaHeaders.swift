package import HTTPTypes
package import UPnP

/// The headers of proxied media, both ways.
package enum MediaHeaders {
    /// Headers that belong to one connection (RFC 9110 §7.6.1), and so end here.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    // MARK: - Toward the device

    /// What a device is told besides the DLNA headers. `Accept-Encoding` is not among it, so that
    /// playlists arrive as they are; cookies, credentials, `Origin`, `Referer` and `Host` of the away
    /// side are none of a device's business.
    private static let requestNames: Set<String> = [
        "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "accept",
        "accept-charset", "accept-language", "user-agent", "cache-control", "pragma", "icy-metadata",
    ]

    /// The request headers that go on to the device.
    package static func request(_ fields: HTTPFields) -> HTTPFields {
        let named = connectionNames(fields)
        return fields.filtered { field in
            let name = field.name.canonicalName
            return !named.contains(name) && (requestNames.contains(name) || isVendor(name))
        }
    }

    /// DLNA's headers, Samsung's, and Sony's and others' descriptions of the player.
    private static func isVendor(_ name: String) -> Bool {
        name.hasSuffix(".dlna.org") || name.hasSuffix(".sec") || name.hasPrefix("x-av-")
    }

    // MARK: - From the device

    /// Headers that carry one URL, absolute or relative.
    private static let urlNames: Set<String> = [
        "location", "content-location", "captioninfo.sec", "getcaptioninfo.sec", "application-url",
    ]
    /// Headers that speak for the origin or about it: the away client is another one.
    private static let dropped: Set<String> = [
        "set-cookie", "set-cookie2", "www-authenticate", "authentication-info", "alt-svc", "alternate-protocol",
        "strict-transport-security", "public-key-pins", "clear-site-data", "service-worker-allowed", "nel",
        "report-to", "reporting-endpoints", "content-security-policy", "content-security-policy-report-only",
        "timing-allow-origin", "sourcemap", "x-sourcemap", "via", "x-cache", "x-forwarded-for", "forwarded", "host",
    ]

    /// The response headers that go on to the asker.
    ///
    /// URLs in the headers that are known to carry them are translated, relative ones against the URL
    /// that was fetched; where that fails the header goes. Any other header goes too if a home address
    /// stands in it. DLNA's headers pass.
    package static func response(
        _ fields: HTTPFields, from url: HTTPURL, context: TranslationContext
    ) -> HTTPFields {
        let named = connectionNames(fields)
        let scanner = context.leakScanner
        let texts = TextTranslator(context)
        var result = HTTPFields()
        for field in fields {
            let name = field.name.canonicalName
            if hopByHop.contains(name) || named.contains(name) || dropped.contains(name)
                || name.hasPrefix("access-control-")
            {
                continue
            }
            let value: String? =
                switch name {
                case _ where urlNames.contains(name): translated(field.value, base: url, context: context)
                case "refresh": refresh(field.value, base: url, context: context)
                case "link": links(field.value, base: url, context: context)
                default:
                    TextHints.needsLook(field.value)
                        ? texts.translated(field.value, isEscapedXML: false) : field.value
                }
            guard let value, !value.isEmpty || field.value.isEmpty, value == field.value || isFieldValue(value),
                urlNames.contains(name) || !scanner.finds(in: value)
            else { continue }
            result.append(HTTPField(name: field.name, value: value))
        }
        return result
    }

    /// The sealed URL for a reference, an internet URL where policy allows it, or nil.
    static func translated(_ reference: String, base: HTTPURL, context: TranslationContext) -> String? {
        let text = reference.trimmingASCIISpace()
        guard !text.isEmpty, let url = base.resolving(text) ?? base.resolving(PercentCoding.encodingIllegal(text))
        else { return nil }
        if let issued = context.issue(url, as: .media) { return issued }
        guard context.allowsPublicURLs, HostReading(of: url, home: context.home.network) == .internet,
            !context.leakScanner.finds(in: text)
        else { return nil }
        return url.description
    }

    /// `5; url=/next` (HTML, "refresh").
    private static func refresh(_ value: String, base: HTTPURL, context: TranslationContext) -> String? {
        let parts = value.split(separator: ";", maxSplits: 1)
        guard let delay = parts.first?.utf8.prefix(while: \.isASCIIDigit), !delay.isEmpty else { return nil }
        let seconds = String(decoding: delay, as: UTF8.self)
        guard parts.count == 2 else { return seconds }
        let target = String(parts[1]).trimmingASCIISpace()
        guard target.lowercased().hasPrefix("url"), let equals = target.firstIndex(of: "=") else { return nil }
        let reference = target[equals...].dropFirst().filter { $0 != "\"" && $0 != "'" }
        return translated(reference, base: base, context: context).map { "\(seconds); url=\($0)" }
    }

    /// `<reference>; rel=…, …` (RFC 8288); a link that cannot be translated goes.
    private static func links(_ value: String, base: HTTPURL, context: TranslationContext) -> String? {
        var result: [String] = []
        var rest = value[...]
        while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
            let reference = String(rest[rest.index(after: open)..<close])
            let after = rest[close...].dropFirst()
            let end = after.firstIndex(of: "<").flatMap { after[..<$0].lastIndex(of: ",") } ?? after.endIndex
            let parameters = after[..<end]
            if let issued = translated(reference, base: base, context: context),
                !TextHints.needsLook(String(parameters))
            {
                result.append("<\(issued)>\(parameters)")
            }
            rest = after[end...]
        }
        return result.isEmpty ? nil : result.joined(separator: ",")
    }

    // MARK: - Shared

    /// The headers that `Connection` names.
    private static func connectionNames(_ fields: HTTPFields) -> Set<String> {
        Set(
            fields[values: .connection].flatMap { $0.split(separator: ",") }
                .map { String($0).trimmingASCIISpace().lowercased() })
    }

    private static func isFieldValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 }
    }
}

extension HTTPFields {
    fileprivate func filtered(_ isKept: (HTTPField) -> Bool) -> HTTPFields {
        var result = HTTPFields()
        for field in self where isKept(field) { result.append(field) }
        return result
    }
}
