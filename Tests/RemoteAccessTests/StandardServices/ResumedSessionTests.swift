import AccessPolicy
import Foundation
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import UPnP

@testable import RemoteAccess

/// A control point that keeps TLS tickets: `openssl s_client`.
private struct TicketClient {
    static let program = "/usr/bin/openssl"
    let folder: URL
    let id: DeviceProtectionID

    init() throws {
        var random = SystemRandomNumberGenerator()
        let made = try DeviceProtectionCertificate.make(commonName: "tickets", now: Date(), using: &random)
        id = DeviceProtectionID(certificateDER: made.chainDER[0])
        folder = FileManager.default.temporaryDirectory.appending(path: "latchkey-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try pem("CERTIFICATE", made.chainDER[0]).write(to: folder.appending(path: "cert.pem"), options: .atomic)
        try pem("PRIVATE KEY", made.privateKeyDER).write(to: folder.appending(path: "key.pem"), options: .atomic)
    }

    private func pem(_ label: String, _ der: [UInt8]) -> Data {
        let text = Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return Data("-----BEGIN \(label)-----\n\(text)\n-----END \(label)-----\n".utf8)
    }

    func remove() {
        // In the system's folder of temporary files, where a rest of it harms nobody.
        try? FileManager.default.removeItem(at: folder)
    }

    /// Sends a request, and answers everything that the tool prints; at most 20 seconds.
    func send(_ request: String, to endpoint: SocketEndpoint, _ more: String...) async throws -> String {
        let (input, output) = (folder.appending(path: "in"), folder.appending(path: "out"))
        try Data(request.utf8).write(to: input)
        try Data().write(to: output)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments =
            [
                "20", Self.program, "s_client", "-connect", "\(endpoint)", "-tls1_3", "-ign_eof",
                "-cert", folder.appending(path: "cert.pem").path, "-key", folder.appending(path: "key.pem").path,
            ] + more
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = process.standardOutput
        try process.run()
        try await NIOThreadPool.singleton.runIfActive { process.waitUntilExit() }
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }
}

@Suite(
    "A TLS session of a protected device that is resumed", .timeLimit(.minutes(1)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: TicketClient.program), "needs openssl"))
struct ResumedSessionTests {
    @Test func `a ticket that was taken before an identity was removed gives nothing`() async throws {
        let client = try TicketClient()
        defer { client.remove() }
        var acl = AccessControlList()
        try acl.put(.init(id: client.id, name: "tickets", roles: [.basic]))
        try await ProtectedLock.with(acl: acl) { lock in
            let document = try await lock.fetch(lock.secure, try lock.security(nil))
            let root = try RootDescription(parsing: document.readableBytesView)
            let service = try #require(root.device.services.first { $0.serviceType == ProtectedLock.lockService })
            let url = try #require(lock.secure.resolving(service.controlURL))
            let endpoint = try #require(url.endpoint)
            func setLocked(_ value: String) -> String {
                let action = ActionRequest(
                    serviceType: ProtectedLock.lockService, action: "SetLocked",
                    arguments: [ActionArgument("NewLocked", value)])
                let body = action.serialized()
                return "POST \(url.pathAndQuery) HTTP/1.1\r\nHost: \(endpoint)\r\nConnection: close\r\n"
                    + "Content-Type: text/xml\r\nSOAPACTION: \(action.soapActionHeader)\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            let ticket = client.folder.appending(path: "ticket").path
            let first = try await client.send(setLocked("0"), to: endpoint, "-sess_out", ticket)
            #expect(first.contains("New, TLSv1.3") && first.contains("200 OK"))
            #expect(!lock.isLocked.value)
            let second = try await client.send(setLocked("1"), to: endpoint, "-sess_in", ticket)
            #expect(
                second.contains("Reused, TLSv1.3") && second.contains("200 OK"), "the ticket is good for nothing at all"
            )
            #expect(lock.isLocked.value)
            try await lock.protection.change { acl throws(DeviceProtectionError) in
                try acl.remove(.controlPoint(client.id))
            }
            let third = try await client.send(setLocked("0"), to: endpoint, "-sess_in", ticket)
            #expect(third.contains("Reused, TLSv1.3"))
            #expect(third.contains("<errorCode>606</errorCode>"))
            #expect(lock.isLocked.value)
        }
    }
}
