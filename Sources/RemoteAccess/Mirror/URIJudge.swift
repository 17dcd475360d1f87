import NetworkTypes
import UPnP

/// Decides about the URIs in a text that came from the away side.
struct URIJudge {
    private let context: TranslationContext
    private let scanner: AddressLeakScanner

    init(_ context: TranslationContext) {
        self.context = context
        // No exemption here: an address that is both the away client's and the home's would be reached at home.
        self.scanner = AddressLeakScanner(network: context.home.network)
    }

    /// A value that is meant to be a URI: nothing, a word, a sealed URL, an allowed internet URL, or a
    /// name in the `urn` or `uuid` scheme. Everything else is refused, relative references too.
    func field(_ text: String) throws(URIRefusal) -> String {
        let value = text.trimmingASCIISpace()
        if value.utf8.allSatisfy({ $0.isASCIILetterOrDigit || $0 == UInt8(ascii: "_") }) { return value }
        let lowered = value.prefix(5).lowercased()
        if lowered.hasPrefix("urn:") || lowered.hasPrefix("uuid:") {
            return try self.text(value, isEscapedXML: false)
        }
        guard lowered.hasPrefix("http:") || value.prefix(6).lowercased() == "https:" else {
            throw URIRefusal(Self.isOtherScheme(value) ? .scheme : .unreadable)
        }
        return try http(value)
    }

    /// Free text: every URI in it must be allowed, in whatever spelling, and no home address may stand in it.
    func text(_ text: String, isEscapedXML: Bool) throws(URIRefusal) -> String {
        let bytes = Array(text.utf8)
        let scanner = URIScanner(isEscapedXML: isEscapedXML)
        let candidates = scanner.candidates(in: bytes)
        try refuseSplit(bytes, candidates: candidates.count)
        var output: [UInt8] = []
        var rest: [UInt8] = []
        var position = 0
        for candidate in candidates {
            let before = bytes[position..<candidate.range.lowerBound]
            position = candidate.range.upperBound
            let spelled = String(decoding: bytes[candidate.range], as: UTF8.self)
            guard candidate.isHTTP else { throw URIRefusal(candidate.scheme.isEmpty ? .unreadable : .scheme) }
            let opened = try http(isEscapedXML ? spelled.replacing("&amp;", with: "&") : spelled)
            output += before
            output += isEscapedXML ? Array(XMLElement.escaped(opened).utf8) : Array(opened.utf8)
            rest += before
            // A gap, so that what stood on either side of a URI is not read together.
            rest.append(0x20)
        }
        rest += bytes[position...]
        output += bytes[position...]
        try refuseHidden(EscapeView(bytes: rest), isFirst: true)
        return String(decoding: output, as: UTF8.self)
    }

    /// A name that is written like a URI, such as a namespace: nobody fetches it, but it must not be local.
    func name(_ uri: String) throws(URIRefusal) {
        if scanner.finds(in: uri) { throw URIRefusal(.localAddress) }
        for candidate in URIScanner().candidates(in: Array(uri.utf8)) {
            let spelled = String(decoding: Array(uri.utf8)[candidate.range], as: UTF8.self)
            if candidate.isHTTP, let url = HTTPURL(spelled), isInternet(url) { continue }
            throw URIRefusal(.localAddress)
        }
    }

    // MARK: - One URL

    /// The home URL that a sealed one stands for, or an allowed internet URL as it is.
    private func http(_ text: String) throws(URIRefusal) -> String {
        // A sealed URL can be longer than any that devices may use, and its host does not matter.
        if let path = Self.path(text), SealedPath(parsing: path) != nil {
            if let resource = try? context.open(path), resource.kind == .media { return resource.url.description }
            guard let url = HTTPURL(text), isInternet(url) else { throw URIRefusal(.notIssued) }
        }
        guard let url = HTTPURL(text) else { throw URIRefusal(.unreadable) }
        guard isInternet(url) else { throw URIRefusal(.localAddress) }
        guard context.allowsPublicURLs else { throw URIRefusal(.publicNotAllowed) }
        // A redirector may be told its target in the path or the query, fragment included.
        let tail = Array(text.utf8).dropFirst(url.scheme.utf8.count + 3)
        try refuseHidden(EscapeView(bytes: Array(tail)), isFirst: false)
        return text
    }

    /// What follows the authority of an absolute URL.
    private static func path(_ text: String) -> Substring? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let rest = text[colon...].dropFirst()
        guard rest.hasPrefix("//") else { return nil }
        return rest.dropFirst(2).utf8.firstIndex(of: UInt8(ascii: "/")).map { rest[$0...] }
    }

    private func isInternet(_ url: HTTPURL) -> Bool {
        HostReading(of: url, home: context.home.network) == .internet
    }

    // MARK: - What is hidden

    /// Refuses home addresses and URIs that appear when escapes are taken off, layer by layer.
    ///
    /// In the first view URIs were judged already.
    private func refuseHidden(_ first: EscapeView, isFirst: Bool) throws(URIRefusal) {
        if scanner.firstLeak(in: first.bytes) != nil { throw URIRefusal(.localAddress) }
        try refuseLocalAddress(first.bytes)
        if !isFirst { try refuseLocal(first.bytes) }
        var view = first
        for _ in 0..<4 {
            guard let decoded = view.decoded() else { return }
            try refuseSplit(decoded.bytes, candidates: URIScanner().candidates(in: decoded.bytes).count)
            try refuseLocal(decoded.bytes)
            view = decoded
        }
        // Nobody escapes an honest URL five times.
        if view.decoded() != nil { throw URIRefusal(.unreadable) }
    }

    private func refuseLocal(_ bytes: [UInt8]) throws(URIRefusal) {
        try refuseLocalAddress(bytes)
        for candidate in URIScanner().candidates(in: bytes) {
            guard candidate.isHTTP,
                let url = HTTPURL(String(decoding: bytes[candidate.range], as: UTF8.self)), isInternet(url)
            else { throw URIRefusal(.localAddress) }
            guard context.allowsPublicURLs else { throw URIRefusal(.publicNotAllowed) }
        }
    }

    private func refuseLocalAddress(_ bytes: [UInt8]) throws(URIRefusal) {
        let home = context.home.network
        if AddressMatcher.first(in: bytes, where: { home.contains($0) || $0.isLoopback }) != nil {
            throw URIRefusal(.localAddress)
        }
    }

    /// Refuses a URI that control characters cut apart: browsers and some players drop those and read on.
    private func refuseSplit(_ bytes: [UInt8], candidates: Int) throws(URIRefusal) {
        guard bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return }
        let joined = bytes.filter { $0 >= 0x20 && $0 != 0x7F }
        if URIScanner().candidates(in: joined).count > candidates { throw URIRefusal(.unreadable) }
    }

    private static func isOtherScheme(_ text: String) -> Bool {
        let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") }
        return scheme.count < text.utf8.count && scheme.first?.isASCIILetter == true
            && scheme.allSatisfy { $0.isASCIILetterOrDigit || "+-.".utf8.contains($0) }
    }
}
