import NetworkTypes
package import UPnP

/// How much of a document is looked at.
package struct TranslationLimits: Hashable, Sendable {
    /// Bytes of a document or value that is parsed; longer values are blanked or refused.
    package var documentBytes: Int
    /// Bytes of a playlist or manifest.
    package var playlistBytes: Int
    /// How often XML may be escaped within XML.
    package var nesting: Int
    /// Elements of a document.
    package var elements: Int

    /// The defaults hold for every document that a UPnP device sends.
    package init(
        documentBytes: Int = 4 << 20, playlistBytes: Int = 1 << 20, nesting: Int = 6, elements: Int = 200_000
    ) {
        self.documentBytes = documentBytes
        self.playlistBytes = playlistBytes
        self.nesting = nesting
        self.elements = elements
    }

    var xml: XMLLimits {
        XMLLimits(bytes: documentBytes, elements: elements, text: documentBytes)
    }
}

/// All that translation depends on: for whom, as whom, and which addresses are whose.
package struct TranslationContext: Sendable {
    /// The subject that the URLs are for, as text.
    package var subject: String
    /// `host:port` of the away client as the asking app reached it.
    package var authority: String
    /// The unique name of the device that speaks or is spoken to.
    package var udn: String
    /// Which device each home address belongs to.
    package var home: HomeMap
    /// Whether a public internet URL passes, unfetched.
    package var allowsPublicURLs: Bool
    /// How much is looked at.
    package var limits: TranslationLimits
    private let sealer: URLSealer

    /// Puts a context together.
    package init(
        subject: String, authority: String, udn: String, home: HomeMap, sealer: URLSealer,
        allowsPublicURLs: Bool = false, limits: TranslationLimits = .init()
    ) {
        self.subject = subject
        self.authority = authority
        self.udn = udn
        self.home = home
        self.sealer = sealer
        self.allowsPublicURLs = allowsPublicURLs
        self.limits = limits
    }

    /// The path that stands for a home URL, or nil when it belongs to no device that the subject may see.
    package func issuePath(_ url: HTTPURL, as kind: ResourceKind) -> SealedPath? {
        guard let endpoint = url.endpoint, let owner = home.owner(of: endpoint, speaking: udn) else { return nil }
        return try? sealer.seal(SealedResource(udn: owner, url: url, kind: kind), for: subject)
    }

    /// The absolute URL, on the away client, that stands for a home URL; nil as for ``issuePath(_:as:)``.
    package func issue(_ url: HTTPURL, as kind: ResourceKind) -> String? {
        issuePath(url, as: kind).map { "http://\(authority)\($0)" }
    }

    /// What a local path stands for, if it was issued to this subject and its address is still one of a
    /// device that the subject may see.
    package func open(_ path: some StringProtocol) throws(TokenError) -> SealedResource {
        let resource = try sealer.open(String(path), for: subject)
        guard home.endpoint(for: resource) != nil else { throw .notIssued }
        return resource
    }

    /// A scanner for what must not leave: the home's addresses, except where the away client has the
    /// same one itself.
    package var leakScanner: AddressLeakScanner {
        let own = SocketEndpoint(authority)?.address ?? IPAddress(authority)
        return AddressLeakScanner(network: home.network, exempt: own.map { [$0] } ?? [])
    }
}
