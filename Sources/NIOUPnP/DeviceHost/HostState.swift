import NetworkTypes
import Synchronization

/// What a host keeps from run to run: its last BOOTID, and its paths, so that a description stays the same.
///
/// Without a file it keeps nothing: BOOTIDs come from the clock, and paths are others each time.
final class HostState: Sendable {
    private struct Content {
        var bootID: UInt32?
        var tokens: [String: String] = [:]
        /// Those of devices that are not hosted any more are not kept.
        var usedTokens: [String: String] = [:]
    }

    private static let heading = "latchkey-device-host 1"

    private let path: String?
    private let clock: @Sendable () -> UInt32
    private let content: Mutex<Content>

    /// - Parameters:
    ///   - clock: A BOOTID for this moment.
    init(path: String?, clock: @escaping @Sendable () -> UInt32 = { HTTPDate.bootID }) throws(HostFileError) {
        self.path = path
        self.clock = clock
        var content = Content()
        if let path, let text = try HostFile.read(path) {
            guard let read = Self.parse(text) else {
                throw HostFileError(path: path, reason: "is not the state of a device host; remove it or name another")
            }
            content = read
        }
        self.content = Mutex(content)
    }

    /// The part of a path that leads to what has this name.
    func token(for name: String) -> String {
        content.withLock { content in
            if let token = content.usedTokens[name] { return token }
            var generator = SystemRandomNumberGenerator()
            let token = content.tokens[name] ?? HostRoutes.token(&generator)
            content.usedTokens[name] = token
            return token
        }
    }

    /// The next BOOTID, larger than the one before, also than that of the last run, whatever the clock says.
    func nextBootID(_ wanted: UInt32? = nil) throws(HostFileError) -> UInt32 {
        let (bootID, text) = content.withLock { content in
            var bootID = (wanted ?? clock()) & 0x7FFF_FFFF
            if let last = content.bootID, bootID <= last { bootID = (last + 1) & 0x7FFF_FFFF }
            content.bootID = bootID
            return (bootID, Self.text(content))
        }
        if let path { try HostFile.write(path, text) }
        return bootID
    }

    private static func text(_ content: Content) -> String {
        var lines = [heading, "bootid \(content.bootID ?? 0)"]
        lines += content.usedTokens.sorted { $0.key < $1.key }.map { "path \($0.value) \($0.key)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func parse(_ text: String) -> Content? {
        var lines = text.split(separator: "\n")[...]
        guard lines.popFirst() == heading[...] else { return nil }
        var content = Content()
        for line in lines {
            let parts = line.split(separator: " ", maxSplits: 2)
            switch (parts.first, parts.count) {
            case ("bootid", 2):
                guard let bootID = UInt32(parts[1]), bootID < 1 << 31 else { return nil }
                content.bootID = bootID
            case ("path", 3):
                guard parts[1].utf8.count == 33, parts[1].hasPrefix("/"), parts[1].dropFirst().allSatisfy(\.isHexDigit)
                else { return nil }
                content.tokens[String(parts[2])] = String(parts[1])
            default: return nil
            }
        }
        return content
    }
}
