import Foundation
import LatchkeyProgram
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite struct ControlSocketTests {
    /// Answers every kind of request with something that can be told from the others.
    private struct Answering: ControlRequestHandler {
        static func answer(_ request: GroupControlRequest) -> GroupControlReply {
            let device = GroupDeviceReport(id: "d", role: "both", owner: nil, allows: ["urn:x:*"], member: 65_536)
            return switch request {
            case .open: .opened(GroupOpening(groupID: "00"))
            case .enrol(let devices): .enrolled(count: devices.count)
            case .devices: .devices([device])
            case .members: .members([GroupMemberReport(member: 65_536, id: "d", role: "server", offers: ["urn:x:1"])])
            case .allow: .allowed(device)
            case .status:
                .status(
                    GroupStatusReport(
                        groupID: "00", state: "serving", epoch: 1, members: 2, servers: 1, devices: 3, offers: 4,
                        addresses: ["10.0.0.1:1"]))
            case .evict(let id, let mayReturn):
                .evicted(GroupEvictionReport(id: id, mayReturn: mayReturn, members: 1, epoch: 2, pending: 0))
            }
        }

        func handle(_ request: ControlRequest) async throws -> ControlReply {
            switch request {
            case .ping: .pong(ProgramIdentity(role: "gateway", pid: 7))
            case .doctor: .doctor(DoctorReport(role: "gateway"))
            case .status: .status(StatusReport(role: "gateway", name: "Home", state: "serving", details: ["a": "b"]))
            case .sessions:
                .sessions([
                    SessionReport(
                        id: "s", client: "c", peer: "10.0.0.1:5", since: Date(timeIntervalSince1970: 5), devices: 2,
                        bytesOut: .max, bytesIn: 0)
                ])
            case .devices:
                .devices([DeviceReport(udn: "uuid:1", name: "Lamp ✓", type: "t", location: nil, state: "present")])
            case .clients: .clients([])
            case .revoke(let name): throw ProgramError.failure("no client is called “\(name)”")
            case .pair(let order):
                .pairing(
                    PairingReport(code: "latchkey:\(order.name)", id: "1", expires: Date(timeIntervalSince1970: 9)))
            case .rotateKey: .rotated(KeyReport(current: "c", next: nil))
            case .group(let request): .group(Self.answer(request))
            case .consent:
                .consents([
                    ConsentReport(
                        client: "c", rule: "r", device: "d", action: "a", asked: Date(timeIntervalSince1970: 0))
                ])
            case .role: .role(RoleReport(role: "Admin", until: Date(timeIntervalSince1970: 5)))
            case .protection: .protection(ProtectionReport(device: "d", entries: []))
            case .policy: .policy(.history([PolicyReport(version: 2, author: "a", storedAt: nil, sha256: "00")]))
            }
        }
    }

    /// Never answers; says when it was asked.
    private struct Silent: ControlRequestHandler {
        let asked: AsyncStream<Void>.Continuation

        func handle(_ request: ControlRequest) async throws -> ControlReply {
            asked.yield()
            try await Task.sleep(for: .seconds(3600))
            throw CancellationError()
        }
    }

    private func withServer(
        _ handler: any ControlRequestHandler, limits: ControlSocketLimits = .init(), in folder: String,
        _ body: (SocketPath) async throws -> Void
    ) async throws {
        let path = try SocketPath(folder + "/gateway.sock")
        let lock = try InstanceLock(besideSocket: path, role: "gateway")
        let (bound, isBound) = AsyncStream<Void>.makeStream()
        let server = ControlSocketServer(
            path: path, handler: handler, limits: limits, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { isBound.yield() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isBound.finish() }
                try await server.run()
            }
            for await _ in bound { break }
            try await body(path)
            group.cancelAll()
            try await group.waitForAll()
        }
        withExtendedLifetime(lock) {}
    }

    private func client(_ path: SocketPath) -> ControlSocketClient {
        ControlSocketClient(path: path, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// Sends raw bytes and returns everything that comes back until the server closes or `lines` came.
    private func exchange(_ bytes: [UInt8], _ path: SocketPath, lines: Int) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path.description) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: bytes))
            var text = ""
            for try await chunk in inbound {
                text += String(buffer: chunk)
                if text.split(separator: "\n").count >= lines, text.hasSuffix("\n") { break }
            }
            return text
        }
    }

    @Test func `every request gets its own kind of answer`() async throws {
        let order = PairingOrder(name: "tv", preset: nil, deviceTypes: ["urn:x"], expiresIn: 60)
        let enrolment = DeviceEnrolment(
            id: "d", role: "both", patterns: ["urn:x:*"], owner: "o", derivation: 1, salt: Data([1]), w0: Data([2]),
            l: Data([3]))
        let ofGroups: [GroupControlRequest] = [
            .open, .enrol([enrolment]), .devices, .members, .allow(id: "d", patterns: []), .status,
            .evict(id: "d", mayReturn: true),
        ]
        let requests: [ControlRequest] =
            [.ping, .status, .sessions, .devices, .clients, .pair(order), .rotateKey] + ofGroups.map { .group($0) }
        try await withFolder { folder in
            try await withServer(Answering(), in: folder) { path in
                for request in requests {
                    let expected = try await Answering().handle(request)
                    #expect(try await client(path).send(request) == expected)
                }
            }
        }
    }

    @Test func `a refusal comes back as the program's own sentence`() async throws {
        try await withFolder { folder in
            try await withServer(Answering(), in: folder) { path in
                let refusal = await sentence { _ = try await client(path).send(.revoke(name: "x")) }
                #expect(refusal == "no client is called “x”")
            }
        }
    }

    @Test func `the socket is for its owner only, and goes away with the program`() async throws {
        try await withFolder { folder in
            try await withServer(Answering(), in: folder) { path in
                let attributes = try FileManager.default.attributesOfItem(atPath: path.description)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/gateway.sock"))
            let gone = try await client(SocketPath(folder + "/gateway.sock")).send(.ping)
            #expect(gone == nil)
        }
    }

    @Test func `a socket that a killed program left is replaced, anything else there is not`() async throws {
        try await withFolder { folder in
            let path = try SocketPath(folder + "/gateway.sock")
            let dead = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: path.description).get()
            try await dead.close()
            let nobody = try await client(path).send(.ping)
            #expect(nobody == nil)
            try await withServer(Answering(), in: folder) { path in
                let somebody = try await client(path).send(.ping)
                #expect(somebody != nil)
            }
            try "mine".write(toFile: path.description, atomically: true, encoding: .utf8)
            let refusal = await sentence { try await withServer(Answering(), in: folder) { _ in } }
            #expect(refusal == "\(path) is in the way of the control socket; remove it")
            #expect(try String(contentsOfFile: path.description, encoding: .utf8) == "mine")
        }
    }

    @Test func `a second program on the same folder is refused while the first lives`() async throws {
        try await withFolder { folder in
            let path = try SocketPath(folder + "/gateway.sock")
            try await withServer(Answering(), in: folder) { _ in
                let refusal = await sentence { _ = try InstanceLock(besideSocket: path, role: "gateway") }
                #expect(refusal.hasPrefix("another latchkey gateway runs with this state folder"))
            }
            _ = try InstanceLock(besideSocket: path, role: "gateway")
        }
    }

    @Test func `a lock that was let go is free, although a child being started still has a copy of its descriptor`()
        async throws
    {
        try await withFolder { folder in
            let path = try SocketPath(folder + "/gateway.sock")
            var copy: CInt = -1
            do {
                let lock = try InstanceLock(besideSocket: path, role: "gateway")
                try withExtendedLifetime(lock) {
                    // What fork does to every open file.
                    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
                        CInt($0)
                    }
                    let held = open.first { descriptor in
                        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"))?
                            .hasSuffix(folder.split(separator: "/").last.map { "\($0)/gateway.lock" } ?? "-") == true
                    }
                    copy = dup(try #require(held))
                }
            }
            defer { close(copy) }
            #expect(copy >= 0)
            _ = try InstanceLock(besideSocket: path, role: "gateway")
        }
    }

    @Test func `a request that is too long, no JSON or unknown is answered with an error`() async throws {
        try await withFolder { folder in
            try await withServer(Answering(), in: folder) { path in
                let long = [UInt8](repeating: 0x20, count: ControlCodec.longestRequest)
                #expect(try await exchange(long, path, lines: 1).contains("the request is longer than 65536 bytes"))
                let unknown = Array("{\"request\":\"reboot\"}\nnonsense\n{\"request\":\"ping\"}\n".utf8)
                let answers = try await exchange(unknown, path, lines: 3).split(separator: "\n")
                #expect(answers.count == 3)
                #expect(answers.first?.contains("not one that this program knows") == true)
                #expect(answers.last?.contains("pong") == true)
            }
        }
    }

    @Test func `a client over the limit is told so`() async throws {
        try await withFolder { folder in
            var limits = ControlSocketLimits()
            limits.clients = 2
            let (asked, asking) = AsyncStream<Void>.makeStream()
            try await withServer(Silent(asked: asking), limits: limits, in: folder) { path in
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 { group.addTask { _ = try? await client(path).send(.ping) } }
                    var seen = 0
                    for await _ in asked {
                        seen += 1
                        if seen == 2 { break }
                    }
                    let refusal = await sentence { _ = try await client(path).send(.ping) }
                    #expect(refusal == "the program is answering too many commands; try again")
                    group.cancelAll()
                }
            }
        }
    }

    @Test func `a command that takes too long is cut off`() async throws {
        try await withFolder { folder in
            var limits = ControlSocketLimits()
            limits.connectionTime = .milliseconds(50)
            let (_, asking) = AsyncStream<Void>.makeStream()
            try await withServer(Silent(asked: asking), limits: limits, in: folder) { path in
                let refusal = await sentence { _ = try await client(path).send(.ping) }
                #expect(refusal == "the running program ended the connection without an answer")
            }
        }
    }

    @Test func `a path that does not fit the kernel's field is refused with its length`() async {
        let fits = String(repeating: "x", count: SocketPath.longest)
        #expect(throws: Never.self) { try SocketPath(fits) }
        #expect(await sentence { _ = try SocketPath(fits + "y") }.contains("108 bytes long"))
    }

    @Test("lines are cut wherever the chunks end", arguments: [1, 2, 3, 7, 100])
    func lines(chunk: Int) {
        let bytes = Array("one\n\ntwo\nrest".utf8)
        var buffer = LineBuffer(limit: 8)
        var lines: [String] = []
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            let part = ByteBuffer(bytes: bytes[start..<min(start + chunk, bytes.count)])
            guard case .lines(let found) = buffer.append(part) else { return #expect(Bool(false)) }
            lines += found.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(lines == ["one", "", "two"])
        #expect(buffer.append(ByteBuffer(string: "1234")) == .tooLong)
    }
}
