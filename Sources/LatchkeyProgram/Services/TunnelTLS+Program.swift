import Foundation
import NIOCore
import NIOTunnel
import Synchronization

extension TunnelTLS {
    /// The TLS policy of a configuration. `LATCHKEY_INSECURE_TLS_KEYLOG=FILE` writes the keys of every
    /// connection to a file, with which a capture can be read: for the laboratory only.
    init(minimum: GatewayConfiguration.MinimumTLS, environment: [String: String]) {
        self.init()
        minimumVersion = minimum == .v12 ? .tls12 : .tls13
        if let path = environment["LATCHKEY_INSECURE_TLS_KEYLOG"], let log = KeyLog(path: path) {
            keyLog = { log.write($0) }
        }
    }
}

/// An append-only file of TLS keys.
private final class KeyLog: Sendable {
    private let handle: Mutex<FileHandle>

    init?(path: String) {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { return nil }
        self.handle = Mutex(handle)
    }

    func write(_ line: ByteBuffer) {
        var bytes = Data(line.readableBytesView)
        if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        handle.withLock { handle in
            // A key that cannot be logged costs the capture and nothing else.
            try? handle.write(contentsOf: bytes)
        }
    }
}
