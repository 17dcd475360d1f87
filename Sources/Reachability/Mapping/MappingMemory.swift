import Foundation
package import NetworkTypes
package import Traversal

/// What is known of mappings from before, so that a program that was killed finds them again: kept by the caller.
package struct MappingMemory: Hashable, Sendable, Codable {
    /// A mapping that was made and not removed.
    package struct Entry: Hashable, Sendable, Codable {
        package var method: MappingMethod
        /// The router that has it, an address.
        package var router: String
        /// The own address that it was made for.
        package var own: String
        /// `6` or `17`.
        package var transport: UInt8
        package var port: UInt16
        package var externalPort: UInt16
        /// PCP's nonce, which alone lets the mapping be changed.
        package var nonce: [UInt8]?
        /// The number of a pinhole that a UPnP gateway device has opened (`UniqueID`).
        package var pinhole: String?

        package init(
            method: MappingMethod, router: IPAddress, own: IPAddress, target: MappingTarget, externalPort: UInt16,
            nonce: [UInt8]? = nil, pinhole: String? = nil
        ) {
            self.method = method
            self.router = "\(router)"
            self.own = "\(own)"
            self.transport = target.transport.rawValue
            self.port = target.port
            self.externalPort = externalPort
            self.nonce = nonce
            self.pinhole = pinhole
        }

        package var target: MappingTarget? {
            MappingTarget.Transport(rawValue: transport).map { MappingTarget($0, port: port) }
        }
    }

    /// What worked the last time, and is tried first.
    package var works: MappingMethod?
    package var entries: [Entry] = []

    package init() {}

    /// Notes a mapping in the place of an older one of the same target.
    package mutating func note(_ entry: Entry) {
        entries.removeAll { $0.target == entry.target && $0.method == entry.method && $0.router == entry.router }
        entries.append(entry)
        // Routers that were left long ago have dropped what they had.
        if entries.count > 16 { entries.removeFirst(entries.count - 16) }
    }

    /// Of one method at one router.
    package func entries(_ method: MappingMethod, at router: IPAddress) -> [Entry] {
        entries.filter { $0.method == method && $0.router == "\(router)" }
    }

    /// Of one method at one router, made for this address and not wanted any more.
    func leftovers(
        _ method: MappingMethod, at router: IPAddress, _ own: IPAddress, _ wanted: [MappingTarget]
    ) -> [MappingTarget] {
        entries(method, at: router).filter { $0.own == "\(own)" }.compactMap(\.target).filter { !wanted.contains($0) }
    }

    /// The nonces of a router's PCP mappings.
    func nonces(at router: IPAddress) -> [MappingTarget: [UInt8]] {
        var nonces: [MappingTarget: [UInt8]] = [:]
        for entry in entries(.pcp, at: router) {
            if let target = entry.target, let nonce = entry.nonce { nonces[target] = nonce }
        }
        return nonces
    }

    /// Reads what was kept; nothing where it cannot be read.
    package init(file: String) {
        guard let data = FileManager.default.contents(atPath: file), data.count <= 65_536,
            let memory = try? JSONDecoder().decode(MappingMemory.self, from: data)
        else {
            self.init()
            return
        }
        self = memory
    }

    /// Keeps it, readable for the owner alone.
    package func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: file), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    }
}
