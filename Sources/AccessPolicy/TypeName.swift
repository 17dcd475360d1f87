/// A device or service type taken apart: `urn:schemas-upnp-org:device:MediaServer:4` (UDA 2.0 §2.3).
struct TypeName: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable { case device, service }

    /// `schemas-upnp-org`, or a vendor's domain with hyphens for dots; lower case, for names are compared so.
    let domain: String
    let kind: Kind
    /// `MediaServer`; compared without regard to case, as devices do not agree on it.
    let name: String
    /// Nil where the type has none, which a grant may leave out to cover all.
    let version: Int?
    /// Of the domain and the name: types that differ in it are not the same.
    private let fingerprint: Int

    init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 256 else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (4...5).contains(parts.count), parts[0].lowercased() == "urn", !parts[1].isEmpty, !parts[3].isEmpty,
            let kind = Kind(rawValue: parts[2].lowercased())
        else { return nil }
        self.domain = parts[1].lowercased()
        self.kind = kind
        self.name = parts[3].lowercased()
        var hasher = Hasher()
        hasher.combine(domain)
        hasher.combine(name)
        self.fingerprint = hasher.finalize()
        if parts.count == 5 {
            guard let version = Int(parts[4]), version > 0 else { return nil }
            self.version = version
        } else {
            self.version = nil
        }
    }

    /// Whether the type is the UPnP Forum's own, whatever its name.
    var isStandard: Bool { domain == "schemas-upnp-org" }

    /// The same type in whatever version.
    func isSame(_ other: TypeName) -> Bool {
        fingerprint == other.fingerprint && kind == other.kind && name == other.name && domain == other.domain
    }

    /// Whether a grant of this type covers `other`: same type, and a version not above the granted one.
    func covers(_ other: TypeName) -> Bool {
        guard isSame(other) else { return false }
        guard let version else { return true }
        return (other.version ?? 1) <= version
    }

    /// A type whatever its version, to look it up by.
    struct Key: Hashable, Sendable {
        private let type: TypeName

        init(_ type: TypeName) { self.type = type }

        static func == (left: Key, right: Key) -> Bool { left.type.isSame(right.type) }

        func hash(into hasher: inout Hasher) { hasher.combine(type.fingerprint) }
    }
}
