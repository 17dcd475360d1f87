import Reachability

/// How the gateway makes itself reachable from outside.
package struct ReachabilitySettings: Hashable, Sendable {
    /// Whether, and how, the home's router is asked to pass the gateway's port on.
    package enum Mapping: String, Hashable, Sendable, CaseIterable {
        /// By whatever works, unless the owner has named addresses, and so has a way in already.
        case auto
        case off
        case pcp
        case natpmp
        case igd
    }

    package var mapping: Mapping

    package init(_ settings: Settings) throws {
        let words = Mapping.allCases.map(\.rawValue)
        mapping =
            try settings.value(
                .gatewayMapping, expecting: "one of \(words.joined(separator: ", "))", Mapping.init(rawValue:))
            ?? .auto
    }

    /// The ways that are tried.
    func methods(hasAddresses: Bool) -> [MappingMethod] {
        switch mapping {
        case .auto: hasAddresses ? [] : MappingMethod.allCases
        case .off: []
        case .pcp: [.pcp]
        case .natpmp: [.natpmp]
        case .igd: [.igd]
        }
    }
}
