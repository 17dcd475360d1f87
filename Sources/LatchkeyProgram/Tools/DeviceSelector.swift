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
