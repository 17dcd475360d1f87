import Glibc
import NIOPosix
import TestKit

/// `openssl s_client`: a client that nobody here wrote, and one that keeps session tickets.
struct OpenSSLClient {
    let directory: String

    static var isInstalled: Bool { access("/usr/bin/openssl", X_OK) == 0 }

    init(_ made: TestCertificates.Made) throws {
        var template = Array("/tmp/latchkey-openssl-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure() }
        directory = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        try write(made.pem, "cert.pem")
        try write(made.keyPEM, "key.pem")
    }

    struct Failure: Error {}

    private func write(_ text: String, _ name: String) throws {
        guard let file = fopen("\(directory)/\(name)", "w") else { throw Failure() }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw Failure() }
    }

    /// Connects, reads until the server closes, and returns what the tool printed.
    func connect(port: UInt16, _ more: [String]) async throws -> String {
        let arguments =
            [
                "/usr/bin/timeout", "20", "/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:\(port)",
                "-alpn", "latchkey/1", "-cert", "\(directory)/cert.pem", "-key", "\(directory)/key.pem", "-ign_eof",
            ] + more
        return try await NIOThreadPool.singleton.runIfActive { [directory] in
            let output = "\(directory)/output"
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
            var pointers = arguments.map { strdup($0) } + [nil]
            defer { for pointer in pointers { free(pointer) } }
            var pid = pid_t()
            guard posix_spawn(&pid, arguments[0], &actions, nil, &pointers, environ) == 0 else { throw Failure() }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1, errno == EINTR {}
            return try Self.read(output)
        }
    }

    private static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw Failure() }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    func remove() {
        for name in ["cert.pem", "key.pem", "output", "session"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
}
