package import NetworkTypes

/// A home address that stands in bytes that are about to leave, or that did.
package struct AddressLeak: Hashable, Sendable {
    /// How the address was written.
    package enum Form: String, Hashable, Sendable {
        /// As it is.
        case plain
        /// With `%XX` for at least one character.
        case percentEncoded
        /// With `&#N;` or `&#xN;` for at least one character.
        case xmlEscaped
        /// With `\u00XX` for at least one character, as in JSON.
        case jsonEscaped
        /// In UTF-16 of either byte order.
        case utf16
    }

    /// The address.
    package var address: IPAddress
    /// How it was written.
    package var form: Form
    /// Where it starts, in bytes.
    package var offset: Int
}

extension AddressLeak: CustomStringConvertible {
    /// Address, form and place.
    package var description: String { "\(address) (\(form.rawValue)) at byte \(offset)" }
}

/// Searches bytes for the home's addresses: the net under every translation, and the lab's judge of a
/// capture.
///
/// Plain text is searched, and what percent-encoding, XML character references and JSON escapes hide,
/// in any mixture and up to four layers deep, and UTF-16 in both byte orders with the same. Addresses as
/// binary or in another number base are not looked for.
package struct AddressLeakScanner: Sendable {
    private static let windowSize = 256 << 10
    private static let overlap = 1 << 10
    private static let layers = 4

    private let isHome: @Sendable (IPAddress) -> Bool

    /// Searches for the addresses of these networks, apart from the exempt ones. A single address is a
    /// prefix of full length.
    package init(prefixes: [IPPrefix], exempt: [IPAddress] = []) {
        isHome = { address in
            let plain = address.unmapped
            return prefixes.contains { $0.contains(plain) } && !exempt.contains(plain)
        }
    }

    /// Searches for everything that a home network counts as its own, apart from the exempt addresses.
    package init(network: HomeNetwork, exempt: [IPAddress] = []) {
        isHome = { address in network.contains(address) && !exempt.contains(address.unmapped) }
    }

    /// The first leak, or nil.
    package func firstLeak(in bytes: some Sequence<UInt8>) -> AddressLeak? {
        leaks(in: bytes, limit: 1).first
    }

    /// The leaks, at most `limit` of them.
    package func leaks(in bytes: some Sequence<UInt8>, limit: Int = 100) -> [AddressLeak] {
        let all = Array(bytes)
        var found: [AddressLeak] = []
        var start = 0
        repeat {
            let end = min(all.count, start + Self.windowSize + Self.overlap)
            let window = start == 0 && end == all.count ? all : Array(all[start..<end])
            for var leak in leaks(inWindow: window, limit: limit - found.count) {
                leak.offset += start
                if !found.contains(leak) { found.append(leak) }
            }
            start += Self.windowSize
        } while start < all.count && found.count < limit
        return found
    }

    /// Whether any home address stands in the text, in whatever form.
    func finds(in text: String) -> Bool { firstLeak(in: text.utf8) != nil }

    /// The bytes without the home addresses that stand in them; nothing at all when one is left in
    /// another spelling.
    func blanked(_ bytes: [UInt8]) -> [UInt8] {
        let matches = plainMatches(in: bytes)
        guard !matches.isEmpty else { return firstLeak(in: bytes) == nil ? bytes : [] }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var position = 0
        for range in matches {
            output += bytes[position..<range.lowerBound]
            position = range.upperBound
        }
        output += bytes[position...]
        return firstLeak(in: output) == nil ? output : []
    }

    /// The ranges of the home addresses that stand in the bytes as they are.
    func plainMatches(in bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        AddressMatcher.forEach(in: bytes) { match in
            if isHome(match.address) { ranges.append(match.range) }
            return true
        }
        return ranges
    }

    private func leaks(inWindow bytes: [UInt8], limit: Int) -> [AddressLeak] {
        var found: [AddressLeak] = []
        func search(_ view: EscapeView, form: (Range<Int>) -> AddressLeak.Form) {
            AddressMatcher.forEach(in: view.bytes) { match in
                guard isHome(match.address) else { return true }
                let leak = AddressLeak(
                    address: match.address, form: form(match.range), offset: view.offset(match.range.lowerBound))
                // A later layer finds again what an earlier one has found.
                if !found.contains(where: { $0.address == leak.address && $0.offset == leak.offset }) {
                    found.append(leak)
                }
                return found.count < limit
            }
        }
        func searchLayers(_ first: EscapeView, form: AddressLeak.Form?) {
            var view = first
            for _ in 0..<Self.layers {
                guard found.count < limit, let decoded = view.decoded() else { return }
                search(decoded) { form ?? decoded.form(of: $0, in: bytes) }
                view = decoded
            }
        }
        let plain = EscapeView(bytes: bytes)
        search(plain) { _ in .plain }
        searchLayers(plain, form: nil)
        if let narrowed = plain.withoutUTF16Padding() {
            search(narrowed) { _ in .utf16 }
            searchLayers(narrowed, form: .utf16)
        }
        return found
    }
}
