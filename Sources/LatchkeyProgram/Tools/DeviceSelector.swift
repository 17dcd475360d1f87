package import UPnP

/// How a person names a device: by the URL of its description, its UDN, or its friendly name.
package enum DeviceSelector: Hashable, Sendable, CustomStringConvertible {
    case location(HTTPURL)
    case udn(String)
    case name(String)

    /// Reads the word of a command line.
    package init(_ text: String) {
        if let url = HTTPURL(text) {
            self = .location(url)
        } else if text.lowercased().hasPrefix("uuid:") {
            self = .udn(text)
        } else {
            self = .name(text)
        }
    }

    /// What was typed.
    package var description: String {
        switch self {
        case .location(let url): url.description
        case .udn(let udn): udn
        case .name(let name): name
        }
    }

    /// The device of this description that is meant; the root or one that is embedded.
    ///
    /// A name is compared without regard to capitals.
    package func device(in root: DeviceDescription) -> DeviceDescription? {
        switch self {
        case .location: root
        case .udn(let udn): root.allDevices.first { $0.udn.lowercased() == udn.lowercased() }
        case .name(let name): root.allDevices.first { $0.friendlyName.lowercased() == name.lowercased() }
        }
    }
}

/// How a person names a service of a device: by its type, its identifier, or the word inside either.
package struct ServiceSelector: Hashable, Sendable {
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// The service that is meant, on the device itself before those that are embedded in it.
    ///
    /// Throws a sentence that lists the services when there is none, or when two are meant.
    package func service(of device: DeviceDescription) throws -> ServiceDescription {
        let all = device.allDevices.flatMap(\.services)
        let exact = all.filter { $0.serviceType == text || $0.serviceID == text }
        if let first = exact.first { return first }
        let named = all.filter { Self.words(of: $0).contains(text.lowercased()) }
        if named.count == 1 { return named[0] }
        let own = named.filter { device.services.contains($0) }
        if own.count == 1 { return own[0] }
        guard named.isEmpty else {
            throw ProgramError.failure(
                "“\(text)” means several services; name one by its identifier: "
                    + named.map(\.serviceID).joined(separator: ", ")
            )
        }
        let names = all.map { Self.shortName($0) }.joined(separator: ", ")
        throw ProgramError.failure(
            "“\(device.friendlyName)” has no service “\(text)”; it has: \(names.isEmpty ? "none" : names)"
        )
    }

    /// `AVTransport` of `urn:schemas-upnp-org:service:AVTransport:1`.
    static func shortName(_ service: ServiceDescription) -> String {
        let parts = service.serviceType.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count >= 5 ? String(parts[3]) : service.serviceType
    }

    private static func words(of service: ServiceDescription) -> [String] {
        let parts = service.serviceType.split(separator: ":", omittingEmptySubsequences: false)
        var words = [shortName(service)]
        if parts.count >= 5 { words.append(parts[3...].joined(separator: ":")) }
        if let last = service.serviceID.split(separator: ":").last { words.append(String(last)) }
        return words.map { $0.lowercased() }
    }
}
