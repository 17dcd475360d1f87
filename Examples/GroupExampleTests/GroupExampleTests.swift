import Foundation
import Testing

/// The examples on secure groups as their readers run them: processes, and a gateway that they find by themselves.
@Suite("Examples on secure groups", .needsGateway, .serialized, .timeLimit(.minutes(3)))
struct GroupExampleTests {
    static func example(_ name: String, _ arguments: [String], input: String? = nil) throws -> Child {
        try Child(Bundle.main.bundleURL.appendingPathComponent(name).path, arguments, input: input)
    }

    @Test("The ten-line ticker prints what is announced")
    func ticker() async throws {
        let gateway = try Gateway.shared.get()
        let ticker = try Self.example(
            "ticker", ["ticker"], input: try gateway.enrol("ticker", "--role", "server"))
        try await Self.announce("Lunch is ready.", by: "editor", at: gateway, until: "Lunch is ready.", on: ticker)
    }

    @Test("The ticker in C prints what is announced, answers a client, and leaves on SIGTERM")
    func tickerInC() async throws {
        let gateway = try Gateway.shared.get()
        let program = gateway.folder + "/c-ticker"
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let compiler = try Child(source.appendingPathComponent("CTicker/build").path, [Gateway.programs, program])
        let (messages, code) = await compiler.rest()
        #expect(code == 0 && messages.isEmpty, "\(messages)")
        let ticker = try Child(
            program, ["c-ticker", Gateway.interface], input: try gateway.enrol("c-ticker", "--role", "server"))
        try await Self.announce(
            "Written in C.", by: "c-editor", at: gateway, until: "*** Written in C.", on: ticker)
        #expect(ticker.transcript.contains("epoch "))
        let asker = try gateway.enrol("c-asker", "--allow", "urn:example:service:Ticker:1")
        let client = try Child(
            Gateway.programs + "/latchkey",
            [
                "member", "run", "--json", "--id", "c-asker", "--password-file", asker, "--interface",
                Gateway.interface, "--ask", "urn:example:service:Ticker:1", "--payload", "how many",
            ])
        let (lines, exit) = await client.rest()
        #expect(exit == 0, "\(lines)")
        #expect(lines.contains { $0.contains(#""event":"answer""#) && $0.contains(#""payload":"1""#) }, "\(lines)")
        ticker.terminate()
        #expect(await ticker.rest().code == 0)
    }

    @Test("Kiosks get the notices of every content server, and an announcement reaches every display")
    func bulletinBoard() async throws {
        let gateway = try Gateway.shared.get()
        func device(_ verb: String, _ id: String, _ rest: [String], _ enrolment: String...) throws -> Child {
            let code = try gateway.enrol(id, enrolment[0], enrolment[1])
            return try Self.example("bulletin-board", [verb, "--id", id, "--code-file", code] + rest)
        }
        let library = try device(
            "content", "library", ["books: Open until ten.", "books: New novels.", "food: None here."], "--role",
            "server")
        let canteen = try device("content", "canteen", ["food: Soup today.", "books: A cookbook."], "--role", "server")
        let displays = try (1...3).map { try device("display", "display-\($0)", [], "--role", "server") }
        for content in [library, canteen] { try await content.wait(for: "content is ready") }
        for display in displays { try await display.wait(for: "display is ready") }
        var notices: Set<String> = []
        var round = 0
        // Content that has only just begun is known to the forwarder a moment later.
        while notices.count < 3, round < 10 {
            round += 1
            let kiosk = try device("kiosk", "kiosk-\(round)", ["books"], "--allow", "urn:example:service:Board:1")
            notices = Set(await kiosk.rest().lines)
        }
        #expect(notices == ["books: Open until ten.", "books: New novels.", "books: A cookbook."])
        let desk = try device(
            "announce", "desk", ["The library closes at noon."], "--allow", "urn:example:service:BoardNews:1")
        #expect(await desk.rest().code == 0)
        for display in displays { try await display.wait(for: "*** The library closes at noon.") }
        for server in displays + [library, canteen] {
            server.terminate()
            #expect(await server.rest().code == 0)
        }
    }

    @Test("A sensor switches the light on by what it tells, and may not switch it off; a phone may")
    func lightsAndSensors() async throws {
        let gateway = try Gateway.shared.get()
        let lamp = try Self.example(
            "lights-and-sensors",
            ["light", "--id", "lamp", "--code-file", try gateway.enrol("lamp", "--role", "server")])
        try await lamp.wait(for: "lamp is off")
        let sensorCode = try gateway.enrol("porch", "--allow", "urn:example:service:Motion:1")
        let sensor = try Self.example(
            "lights-and-sensors", ["sensor", "--id", "porch", "--code-file", sensorCode])
        try sensor.write("a cat\n")
        try await lamp.wait(for: "lamp is on")
        try sensor.endInput()
        let told = await sensor.rest()
        #expect(told.code == 0 && told.lines == ["told: a cat"], "\(told)")
        let thief = try Self.example(
            "lights-and-sensors", ["switch", "--id", "porch", "--code-file", sensorCode, "off"])
        #expect(await thief.rest().lines == ["this device may not switch lights"])
        let phone = try Self.example(
            "lights-and-sensors",
            [
                "switch", "--id", "phone", "--code-file",
                try gateway.enrol("phone", "--allow", "urn:example:service:Light:*"), "off",
            ])
        #expect(await phone.rest().lines == ["lamp is off"])
        try await lamp.wait(for: "lamp is off")
        lamp.terminate()
        #expect(await lamp.rest().code == 0)
    }

    /// Announces a text, again as long as the display is not known to the forwarder yet, and waits until it is shown.
    private static func announce(
        _ text: String, by editor: String, at gateway: Gateway, until shown: String, on display: Child
    ) async throws {
        let code = try gateway.enrol(editor, "--allow", "urn:example:service:Ticker:1")
        for _ in 0..<10 {
            let sender = try Child(
                Gateway.programs + "/latchkey",
                [
                    "member", "run", "--id", editor, "--password-file", code, "--interface", Gateway.interface,
                    "--ask", "urn:example:service:Ticker:1", "--payload", text, "--window", "300ms",
                ])
            if await sender.rest().code == 0 { break }
        }
        try await display.wait(for: shown)
    }
}
