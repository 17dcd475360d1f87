import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Calls and their connections", .timeLimit(.minutes(1)))
struct CallTests {
    private static let address = IPAddress.v4(.loopback)
    private static let action = ActionRequest(serviceType: "urn:x:service:y:1", action: "Z")

    /// Answers every request on as many connections as come; returns how many came.
    private func connections(
        closing: Bool, _ body: (HTTPClient, SocketEndpoint) async throws -> Void
    ) async throws -> Int {
        let count = Mutex(0)
        try await withRawServer { peer, number in
            count.withLock { $0 = number + 1 }
            while await peer.read(through: "\r\n\r\n").has("\r\n\r\n") {
                try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                if closing { return }
            }
        } _: { endpoint in
            let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
            try await body(client, endpoint)
            client.shutDown()
        }
        return count.withLock { $0 }
    }

    @Test(
        "actions share a connection with a peer that keeps it, and only where that is wanted", arguments: [true, false])
    func reuse(wanted: Bool) async throws {
        let count = try await connections(closing: false) { client, endpoint in
            var limits = HTTPClientLimits()
            limits.reusesForActions = wanted
            for request in Array(repeating: HTTPRequest.get("/", at: endpoint), count: 2)
                + Array(repeating: HTTPRequest.post("/", at: endpoint), count: 5)
            {
                try await client.withResponse(request, to: endpoint, limits: limits) {
                    _ = try await $1.collect(upTo: 1)
                }
            }
        }
        #expect(wanted ? count == 1 : count > 4)
    }

    @Test("actions to a peer that closes without saying so are all answered")
    func closing() async throws {
        let count = try await connections(closing: true) { client, endpoint in
            var limits = HTTPClientLimits()
            limits.reusesForActions = true
            for _ in 0..<20 {
                try await client.withResponse(.post("/", at: endpoint), to: endpoint, limits: limits) {
                    _ = try await $1.collect(upTo: 1)
                }
            }
        }
        #expect(count == 20)
    }

    @Test("a cancelled call closes its connection")
    func cancellation() async throws {
        let asked = Event<Void>()
        let closed = Event<Void>()
        try await withRawServer { peer, _ in
            _ = await peer.read(through: "Envelope>")
            asked.set()
            _ = await peer.readToEnd()
            closed.set()
        } _: { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try ScriptedDevice.url(endpoint)
                let call = Task { try await controlPoint.invoke(Self.action, at: url) }
                await asked.value
                call.cancel()
                await closed.value
                await #expect(throws: CancellationError.self) { try await call.value }
            }
        }
    }

    @Test(
        "a fault of any number is told with its number, under whatever status", arguments: [401, 402, 606, 714, 899],
        [500, 200])
    func faults(code: Int, status: Int) async throws {
        try await withRawServer { peer, _ in
            _ = await peer.read(through: "Envelope>")
            let fault = UPnPFault(UPnPErrorCode(rawValue: code), description: "because")
            try await peer.send(ScriptedDevice.answer(fault.serialized(), status: "\(status) X"))
        } _: { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let fault = await #expect(throws: UPnPFault.self) {
                    try await controlPoint.invoke(Self.action, at: try ScriptedDevice.url(endpoint))
                }
                #expect(fault?.code.rawValue == code)
                #expect(fault?.description == "because")
            }
        }
    }

    @Test("an answer without namespace or version, or with more than was declared, is taken")
    func lenientAnswers() async throws {
        for body in [
            "<Envelope><Body><ZResponse><A>1</A><B>2</B></ZResponse></Body></Envelope>",
            "<s:Envelope xmlns:s='x'><s:Body><u:ZResponse xmlns:u='urn:x:service:y'><A>1</A></u:ZResponse></s:Body></s:Envelope>\u{0}",
        ] {
            try await withRawServer { peer, _ in
                _ = await peer.read(through: "Envelope>")
                try await peer.send("HTTP/1.0 200 OK\r\n\r\n\(body)")
            } _: { endpoint in
                try await HostedTestDevice.withControlPoint { controlPoint in
                    let answer = try await controlPoint.invoke(Self.action, at: try ScriptedDevice.url(endpoint))
                    #expect(answer["A"] == "1")
                }
            }
        }
    }

    @Test("a variable is asked for as UDA 1.0 has it")
    func query() async throws {
        let asked = Mutex("")
        try await withRawServer { peer, number in
            let request = await peer.read(through: "Envelope>")
            asked.withLock { $0 = request }
            try await peer.send(
                number == 0
                    ? ScriptedDevice.answer(StateVariableAnswer(value: "a & b").serialized())
                    : ScriptedDevice.answer(UPnPFault(.invalidVar).serialized(), status: "500 X"))
        } _: { endpoint in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try ScriptedDevice.url(endpoint)
                #expect(try await controlPoint.query("Status", at: url) == "a & b")
                let fault = await #expect(throws: UPnPFault.self) { try await controlPoint.query("X", at: url) }
                #expect(fault?.code == .invalidVar)
            }
        }
        #expect(asked.withLock { $0 }.has("\"urn:schemas-upnp-org:control-1-0#QueryStateVariable\""))
    }

    @Test("no more calls than allowed are on their way, and those that wait can be given up")
    func gate() async throws {
        let gate = CallGate(limit: 2, eventLoop: HTTPTestSupport.group.any())
        let entered = [Event<Void>(), Event<Void>()]
        let release = Event<Void>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for entry in entered {
                group.addTask {
                    try await gate.withTurn(Self.address, within: .seconds(30)) {
                        entry.set()
                        await release.value
                    }
                }
            }
            for entry in entered { await entry.value }
            let late = await #expect(throws: HTTPTransportError.self) {
                try await gate.withTurn(Self.address, within: .milliseconds(1)) { Issue.record("no turn is free") }
            }
            #expect(late?.code == .timedOut)
            let cancelled = Task {
                try await gate.withTurn(Self.address, within: .seconds(30)) { Issue.record("it was given up") }
            }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            // Another host is not held up.
            try await gate.withTurn(.v4(IPv4Address(127, 0, 0, 2)), within: .seconds(30)) {}
            let waits = Task { try await gate.withTurn(Self.address, within: .seconds(30)) {} }
            release.set()
            try await waits.value
            try await group.waitForAll()
        }
    }
}
