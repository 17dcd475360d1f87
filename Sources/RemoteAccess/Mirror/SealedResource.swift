package import UPnP

/// What a sealed URL may be used for; the first component of its local path.
package enum ResourceKind: String, CaseIterable, Sendable {
    /// A device description.
    case description = "d"
    /// A service description (SCPD).
    case serviceDescription = "s"
    /// A control URL: SOAP only.
    case control = "c"
    /// An event subscription URL: GENA only.
    case event = "e"
    /// Media, icons, captions and everything else that is fetched.
    case media = "m"
}

/// What a token says once it is open: which device, which of its URLs, and for what.
package struct SealedResource: Hashable, Sendable {
    /// The unique device name of the root device, `uuid:…` as a rule.
    package var udn: String
    /// The absolute URL at home.
    package var url: HTTPURL
    /// What the URL may be used for.
    package var kind: ResourceKind

    /// Names a resource of a device.
    package init(udn: String, url: HTTPURL, kind: ResourceKind) {
        self.udn = udn
        self.url = url
        self.kind = kind
    }
}

/// Why a URL could not be sealed or a token not be opened.
package enum TokenError: Error, Hashable {
    /// The key is not 32 bytes long.
    case keyLength(Int)
    /// The URL is longer than 2 KiB, or the device's name longer than 255 bytes.
    case tooLong
    /// The path does not have the form `/<kind>/<token>[/<name>]`.
    case malformed
    /// The token was not issued by this gateway for this subject and kind, or was altered.
    case notIssued
}

extension TokenError: CustomStringConvertible {
    /// What happened and what to do.
    package var description: String {
        switch self {
        case .keyLength(let count):
            "the URL key has \(count) bytes, not 32: restore the state folder or let the gateway make a new key"
        case .tooLong: "the home URL is longer than 2,048 bytes and cannot be issued"
        case .malformed: "this is not a path that a gateway issues: use the URLs in the device's documents"
        case .notIssued: "this URL was not issued to this client by this gateway: fetch the device's documents again"
        }
    }
}
