/// Which properties an answer to Browse or Search holds: its `Filter` argument (ContentDirectory:4 §2.3.14).
public struct PropertyFilter: Hashable, Sendable {
    /// Everything: `*`.
    public static let all = PropertyFilter("*")
    /// What is read of a filter.
    private static let maximumNames = 256

    private let names: Set<String>
    private let isAll: Bool

    /// Reads a filter: `*`, or names between commas. Unknown names and those beyond 256 are ignored, as the
    /// standard demands for unknown ones.
    public init(_ text: String) {
        let names = text.split(separator: ",").prefix(Self.maximumNames).map { XMLText.trimmed(String($0)) }
        self.isAll = names.contains("*")
        self.names = Set(names)
    }

    /// Whether a property is written: `dc:creator`, `@childCount`, `res`, `res@size`.
    ///
    /// An attribute that is asked for brings its element: `res@size` brings `res`.
    public func includes(_ name: String) -> Bool {
        if isAll || names.contains(name) { return true }
        guard let at = name.firstIndex(of: "@") else { return names.contains { $0.hasPrefix(name + "@") } }
        // Containers' own attributes are asked for with and without the element's name.
        return at == name.startIndex && names.contains("container\(name)") || names.contains("item\(name)")
    }
}
