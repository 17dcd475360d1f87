import Foundation
import NetworkTypes

/// The IP sockets of this process, as `/proc` lists them.
enum OwnSockets {
    struct Socket: Hashable, Sendable {
        var isUDP: Bool
        var local: SocketEndpoint
        var isListening: Bool
        var inode: Int
    }

    /// The kernel writes a table piece by piece and counts lines, so that a socket which another test closes
    /// meanwhile hides one: several readings together miss none.
    static func all() throws -> [Socket] {
        var found: Set<Socket> = []
        for _ in 0..<5 { found.formUnion(try read()) }
        return Array(found)
    }

    private static func read() throws -> [Socket] {
        let own = try inodes()
        return try ["udp", "udp6", "tcp", "tcp6"].flatMap { table in
            let text = String(decoding: try contents("/proc/self/net/\(table)"), as: UTF8.self)
            return text.split(separator: "\n").dropFirst().compactMap { line -> Socket? in
                // sl local remote st tx:rx tr:when retransmits uid timeout inode …
                let fields = line.split(separator: " ")
                guard fields.count > 9, let inode = Int(fields[9]), own.contains(inode),
                    let local = endpoint(fields[1])
                else { return nil }
                return Socket(
                    isUDP: table.hasPrefix("udp"), local: local, isListening: fields[3] == "0A", inode: inode)
            }
        }
    }

    /// Those that are bound to one of the addresses.
    static func at(_ addresses: [IPAddress]) throws -> [Socket] {
        try all().filter { addresses.contains($0.local.address) }
    }

    /// A table has no length beforehand and comes a page at a time.
    private static func contents(_ path: String) throws -> Data {
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? file.close() }
        var text = Data()
        while let piece = try file.read(upToCount: 4096), !piece.isEmpty { text += piece }
        return text
    }

    private static func inodes() throws -> Set<Int> {
        let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        return Set(
            files.compactMap { file in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(file)")
                guard let target, target.hasPrefix("socket:[") else { return nil }
                return Int(target.dropFirst(8).dropLast())
            })
    }

    /// `0100007F:0050`, words in the host's order.
    private static func endpoint(_ text: Substring) -> SocketEndpoint? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        let words = stride(from: 0, to: parts[0].count, by: 8).compactMap { offset in
            UInt32(parts[0].dropFirst(offset).prefix(8), radix: 16)?.byteSwapped
        }
        switch words.count {
        case 1: return SocketEndpoint(.v4(IPv4Address(rawValue: words[0])), port: port)
        case 4:
            return SocketEndpoint(
                .v6(
                    IPv6Address(
                        high: UInt64(words[0]) << 32 | UInt64(words[1]), low: UInt64(words[2]) << 32 | UInt64(words[3])
                    )), port: port)
        default: return nil
        }
    }
}
