import Foundation
package import NetworkTypes
import Reachability
package import Traversal
package import UPnP

/// Where the gateway publishes its addresses.
package struct PublishingSettings: Sendable {
    /// The name that is kept at the current addresses.
    package var name: String?
    package var dyndns2: (url: HTTPURL, user: String, password: String)?
    package var rfc2136: (server: SocketEndpoint, zone: DNSName, key: TSIGKey)?
    package var push: (url: HTTPURL, token: String?)?
    /// Authorities that are believed in the place of the system's, PEM.
    package var roots: String?

    package init(_ settings: Settings) throws {
        name = try settings.value(.ddnsName, expecting: "a name such as home.example.org") { text in
            DNSName(text).flatMap { $0.labels.count > 1 ? $0.description : nil }
        }
        roots = try settings.text(.webRoots)
        func url(_ key: SettingKey) throws -> HTTPURL? {
            try settings.value(key, expecting: "a URL such as https://example.org/path", HTTPURL.init)
        }
        func requires(_ key: SettingKey, for other: SettingKey) throws -> String {
            guard let text = try settings.text(key) else {
                throw ProgramError.usage("\(other.dotted) needs \(key.dotted) as well")
            }
            return text
        }
        if let address = try url(.ddnsURL) {
            let user = try requires(.ddnsUser, for: .ddnsURL)
            let file = try requires(.ddnsPasswordFile, for: .ddnsURL)
            dyndns2 = (address, user, try Self.secret(file, .ddnsPasswordFile))
        }
        if let server = try settings.endpoint(.ddnsServer) {
            let zone = try settings.value(.ddnsZone, expecting: "a zone such as example.org") { DNSName($0) }
            guard let zone else { throw ProgramError.usage("ddns.server needs ddns.zone as well") }
            let file = try requires(.ddnsKeyFile, for: .ddnsServer)
            guard let key = TSIGKey(file: try Self.secret(file, .ddnsKeyFile)) else {
                throw ProgramError.usage(
                    "the file \(file) of ddns.keyFile holds no key of hmac-sha256; make one with: tsig-keygen NAME")
            }
            rfc2136 = (server, zone, key)
        }
        if name == nil, dyndns2 != nil || rfc2136 != nil {
            throw ProgramError.usage("dynamic DNS needs ddns.name, the name that is kept at the current address")
        }
        if let address = try url(.pushURL) {
            push = (address, try settings.text(.pushTokenFile).map { try Self.secret($0, .pushTokenFile) })
        }
    }

    /// Whether anything is published anywhere.
    package var isOn: Bool { dyndns2 != nil || rfc2136 != nil || push != nil }

    /// A secret has a file of its own, so that it stands neither in a command line nor in a file that is shown around.
    private static func secret(_ path: String, _ key: SettingKey) throws -> String {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 8_192 else {
            throw ProgramError.usage("the file \(path) of \(key.dotted) cannot be read")
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { throw ProgramError.usage("the file \(path) of \(key.dotted) is empty") }
        return text
    }

    /// As the publisher takes it.
    var publisher: AddressPublisher.Configuration {
        var configuration = AddressPublisher.Configuration()
        configuration.dyndns2 = dyndns2
        configuration.rfc2136 = rfc2136
        configuration.name = name.flatMap { DNSName($0) }
        configuration.push = push
        return configuration
    }
}

extension PublishingSettings: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.name == right.name && left.dyndns2?.url == right.dyndns2?.url && left.push?.url == right.push?.url
            && left.rfc2136?.server == right.rfc2136?.server && left.roots == right.roots
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(dyndns2?.url)
        hasher.combine(push?.url)
    }
}
