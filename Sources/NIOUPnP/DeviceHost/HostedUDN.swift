import Glibc
import NetworkTypes
import UPnP

/// Unique device names, `uuid:…`: who a device is, for as long as it exists (UDA 2.0 §1.1.4).
public enum HostedUDN {
    /// Another one at each call. A device that is to be recognised after a restart has to keep it.
    public static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return "uuid:\(generator.uuid())"
    }

    /// The one in a file, which is made with a random one when it does not exist.
    ///
    /// - Throws: ``HostFileError`` when the file can neither be read nor made, or holds something else.
    public static func kept(in path: String) throws -> String {
        if let text = try HostFile.read(path) {
            let line = String(text.prefix { !$0.isNewline })
            guard line.hasPrefix("uuid:"), line.utf8.count <= 68 else {
                throw HostFileError(path: path, reason: "holds no UDN; remove it to have one made")
            }
            return line
        }
        let udn = random()
        try HostFile.write(path, udn + "\n")
        return udn
    }

    /// The same one for the same text at every start and on every host, such as for a product's serial number.
    ///
    /// Who knows the text knows the UDN: use no secret, and nothing that may be the same elsewhere.
    public static func derived(from text: String) -> String {
        // FNV-1a of 128 bits in a UUID of version 8, which is for such (RFC 9562 §5.8).
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in text.utf8 { hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
        hash = hash & ~(0xF << 76) | 8 << 76
        hash = hash & ~(0b11 << 62) | 0b10 << 62
        let digits = String(hash, radix: 16)
        var rest = (String(repeating: "0", count: 32 - digits.utf8.count) + digits)[...]
        let parts = [8, 4, 4, 4, 12].map { length in
            defer { rest = rest.dropFirst(length) }
            return rest.prefix(length)
        }
        return "uuid:" + parts.joined(separator: "-")
    }
}

/// A file that a host keeps something in could not be used.
public struct HostFileError: Error, CustomStringConvertible {
    /// The file.
    public let path: String
    /// What is the matter with it.
    public let reason: String

    /// What happened, and where.
    public var description: String { "\(path) \(reason)" }
}

/// Small text files, replaced as a whole.
enum HostFile {
    private static let maximumBytes = 1 << 20

    /// The text; nil when there is no such file.
    static func read(_ path: String) throws(HostFileError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw HostFileError(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0 {
                throw HostFileError(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += chunk[..<count]
            if bytes.count > maximumBytes { throw HostFileError(path: path, reason: "is too large") }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes another file beside it and moves that into its place, so that a crash leaves the old or the new.
    static func write(_ path: String, _ text: String) throws(HostFileError) {
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw HostFileError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
        }
        var rest = Array(text.utf8)[...]
        var isWritten = true
        while isWritten, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            isWritten = count > 0
            rest = rest.dropFirst(max(0, count))
        }
        isWritten = isWritten && fsync(file) == 0
        close(file)
        guard isWritten, rename(temporary, path) == 0 else {
            throw HostFileError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
