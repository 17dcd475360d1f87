import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Typed services", .timeLimit(.minutes(1)))
struct TypedServiceTests {
    private enum Mode: String, CaseIterable, UPnPConvertible { case off, heat, cool }
    private enum Stage: UInt8, UPnPConvertible { case first = 1, second }

    private static let type = "urn:schemas-upnp-org:service:Test:2"

    /// Runs an action as if a request had come, without a network.
    private func invoke(
        _ service: HostedService, _ action: String, _ arguments: [(String, String)] = [], type: String = Self.type
    ) async throws(UPnPFault) -> [String] {
        let request = ActionRequest(
            serviceType: type, action: action, arguments: arguments.map { ActionArgument($0.0, $0.1) }
        )
        let peer = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 1)), port: 1)
        return try await service.invoke(request, peer: peer) { _ in nil }.arguments.map { "\($0.name)=\($0.value)" }
    }

    private func fault(
        _ service: HostedService, _ action: String, _ arguments: [(String, String)] = []
    ) async -> Int? {
        do {
            _ = try await invoke(service, action, arguments)
            return nil
        } catch { return error.code.rawValue }
    }

    @Test("the description follows from variables and actions")
    func description() throws {
        let status = HostedVariable("Status", false, evented: true)
        let level = HostedVariable<UInt8>("Level", 50, in: 0...100, step: 5)
        let mode = HostedVariable("Mode", Mode.off, evented: true)
        let object = HostedArgumentType<String>("ObjectID")
        let service = HostedService("urn:schemas-upnp-org:service:Test:2") {
            mode
            HostedAction(
                "Move", in: object.argument("From"), object.argument("To"), HostedArgument("Count", as: UInt32.self),
                out: level.argument("Result").asReturnValue, status.argument("Moved")
            ) { _, _, count in (UInt8(count), true) }
            HostedAction("Nothing") {}
        }
        #expect(service.serviceID == "urn:upnp-org:serviceId:Test")
        #expect(
            service.scpd.stateVariables == [
                StateVariable(
                    name: "Mode", dataType: .string, sendEvents: true, defaultValue: "off",
                    allowedValues: ["off", "heat", "cool"]
                ),
                StateVariable(name: "A_ARG_TYPE_ObjectID", dataType: .string),
                StateVariable(name: "A_ARG_TYPE_Count", dataType: .ui4),
                StateVariable(
                    name: "Level", dataType: .ui1, defaultValue: "50",
                    allowedRange: AllowedValueRange(minimum: "0", maximum: "100", step: "5")
                ),
                StateVariable(name: "Status", dataType: .boolean, sendEvents: true, defaultValue: "0"),
            ])
        let move = try #require(service.scpd.action(named: "Move"))
        #expect(
            move.arguments == [
                ArgumentDescription(name: "From", direction: .in, relatedStateVariable: "A_ARG_TYPE_ObjectID"),
                ArgumentDescription(name: "To", direction: .in, relatedStateVariable: "A_ARG_TYPE_ObjectID"),
                ArgumentDescription(name: "Count", direction: .in, relatedStateVariable: "A_ARG_TYPE_Count"),
                ArgumentDescription(
                    name: "Result", direction: .out, relatedStateVariable: "Level", isReturnValue: true),
                ArgumentDescription(name: "Moved", direction: .out, relatedStateVariable: "Status"),
            ])
        let read = try SCPD(parsing: service.scpd.serialized().utf8)
        #expect(read == service.scpd)
    }

    @Test(
        "a service's identifier is made of its type",
        arguments: [
            ("urn:schemas-upnp-org:service:SwitchPower:1", "urn:upnp-org:serviceId:SwitchPower"),
            ("urn:acme-com:service:Toaster:3", "urn:acme-com:serviceId:Toaster"),
        ]
    )
    func identifiers(type: String, id: String) {
        #expect(HostedService(type) { HostedAction("A") {} }.serviceID == id)
        #expect(HostedService(type, id: "urn:x:serviceId:y") { HostedAction("A") {} }.serviceID == "urn:x:serviceId:y")
    }

    /// Takes one argument of a type and says it again.
    private func echo<Value: UPnPConvertible>(_: Value.Type, _ dataType: UPnPDataType? = nil) -> HostedService {
        let dataType = dataType ?? Value.upnpDataType
        return HostedService(Self.type) {
            HostedAction(
                "Echo", in: HostedArgument<Value>("A", dataType: dataType),
                out: HostedArgument<Value>("B", dataType: dataType)
            ) { $0 }
        }
    }

    @Test("every Swift type travels as its data type, there and back")
    func dataTypes() async throws {
        let cases: [(HostedService, UPnPDataType, String, String)] = [
            (echo(Bool.self), .boolean, "yes", "1"), (echo(UInt8.self), .ui1, "255", "255"),
            (echo(UInt16.self), .ui2, "65535", "65535"), (echo(UInt32.self), .ui4, "4294967295", "4294967295"),
            (echo(UInt64.self), .ui8, "18446744073709551615", "18446744073709551615"),
            (echo(Int8.self), .i1, "-128", "-128"), (echo(Int16.self), .i2, "-32768", "-32768"),
            (echo(Int32.self), .i4, "+7", "7"), (echo(Int64.self), .i8, "-9223372036854775808", "-9223372036854775808"),
            (echo(Int.self), .int, "007", "7"), (echo(Float.self), .r4, "0.5", "0.5"),
            (echo(Double.self), .r8, "1e3", "1000.0"), (echo(Double.self, .number), .number, "2", "2.0"),
            (echo(Double.self, .fixed14Point4), .fixed14Point4, "1.5", "1.5000"),
            (echo(String.self), .string, " a<b ", " a<b "), (echo(String.self, .uuid), .uuid, "1-2", "1-2"),
            (echo(String.self, .uri), .uri, "rtsp://x/", "rtsp://x/"), (echo(String.self, .char), .char, "é", "é"),
            (echo(HTTPURL.self), .uri, "http://192.0.2.1/a", "http://192.0.2.1/a"),
            (echo([UInt8].self), .binBase64, "AAH/", "AAH/"), (echo([UInt8].self, .binHex), .binHex, "0aFF", "0aff"),
            (echo(UPnPDate.self), .date, "2024-02-29", "2024-02-29"),
            (echo(UPnPDateTime.self), .dateTimeTZ, "2024-02-29T01:02:03+01:00", "2024-02-29T01:02:03+01:00"),
            (echo(UPnPTime.self), .timeTZ, "23:59:60Z", "23:59:60Z"), (echo(Mode.self), .string, "heat", "heat"),
            (echo(Stage.self), .ui1, "2", "2"),
        ]
        for (service, type, given, expected) in cases {
            #expect(service.scpd.stateVariables.allSatisfy { $0.dataType == type })
            let answer = try await invoke(service, "Echo", [("A", given)])
            #expect(answer.first?.lowercased() == "b=\(expected.lowercased())")
        }
    }

    @Test("arguments are held against the description before the closure runs")
    func faults() async {
        let ran = Mutex(0)
        let service = HostedService(Self.type) {
            HostedAction(
                "Set", in: HostedVariable<UInt8>("Level", 0, in: 0...100).argument("L"),
                HostedVariable("Mode", Mode.off).argument("M"), HostedArgument("S", as: String.self, maximumLength: 3),
                HostedArgument("E", as: Stage.self)
            ) { _, _, _, _ in ran.withLock { $0 += 1 } }
        }
        let good = [("L", "100"), ("M", "cool"), ("S", "äöü"), ("E", "1")]
        let cases: [(String, [(String, String)], Int)] = [
            ("Unset", good, 401), ("Set", [], 402), ("Set", good.reversed(), 402), ("Set", good + [("X", "")], 402),
            ("Set", [("L", "x")] + good.dropFirst(), 402), ("Set", [("L", "256")] + good.dropFirst(), 600),
            ("Set", [("L", "101")] + good.dropFirst(), 601),
            ("Set", [good[0], ("M", "warm"), good[2], good[3]], 601),
            ("Set", [good[0], good[1], ("S", "abcd"), good[3]], 605), ("Set", good.dropLast() + [("E", "3")], 600),
        ]
        for (action, arguments, code) in cases {
            #expect(await fault(service, action, arguments) == code, "\(action) \(arguments)")
        }
        #expect(ran.withLock { $0 } == 0)
        #expect(await fault(service, "Set", good) == nil)
        #expect(ran.withLock { $0 } == 1)
    }

    @Test("a result that the description rules out is a failed action, and so is any other error")
    func results() async {
        struct Broken: Error {}
        let level = HostedVariable<UInt8>("Level", 0, in: 0...100)
        let service = HostedService(Self.type) {
            HostedAction("High", out: level.argument("L")) { 101 }
            HostedAction("Right", out: level.argument("L")) { 100 }
            HostedAction("Char", out: HostedArgument<String>("C", dataType: .char)) { "two" }
            HostedAction("Own") { throw UPnPFault(UPnPErrorCode(rawValue: 714)) }
            HostedAction("Broken") { throw Broken() }
        }
        #expect(await fault(service, "High") == 501)
        #expect(await fault(service, "Right") == nil)
        #expect(await fault(service, "Char") == 501)
        #expect(await fault(service, "Own") == 714)
        #expect(await fault(service, "Broken") == 501)
    }

    @Test("a variable keeps its value within its range, with and without a service")
    func variables() async {
        let level = HostedVariable<Int16>("Level", 5, in: -10...10)
        #expect(await level.set(7) && level.value == 7)
        #expect(await !level.set(11) && level.value == 7)
        let service = HostedService(Self.type) { level }
        #expect(service["Level"] == "7")
        await service.publish([EventProperty("Level", "-3"), EventProperty("Unknown", "1")])
        #expect(level.value == -3)
        let mode = HostedVariable("Mode", Mode.heat)
        #expect(await mode.set(.cool) && mode.value == .cool)
    }

    @Test("subscribers hear of an evented variable, not of others")
    func events() async throws {
        let level = HostedVariable<UInt8>("Level", 1, evented: true)
        let silent = HostedVariable("Silent", "a")
        let service = HostedService(HostedTestDevice.switchType) {
            level
            silent
        }
        try await HostedTestDevice.withHost(service) { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
                let subscription = try await controlPoint.subscribe(to: url)
                var events = subscription.events.makeAsyncIterator()
                #expect(await events.next()?.properties == PropertySet([EventProperty("Level", "1")]))
                await silent.set("b")
                await level.set(1)
                await level.set(2)
                #expect(
                    await events.next()
                        == DeviceEvent(sequence: 1, properties: PropertySet([EventProperty("Level", "2")])))
                await subscription.cancel()
            }
        }
    }

    @Test("whatever order tasks publish in, the last event is the last value")
    func order() async throws {
        let level = HostedVariable<UInt32>("Level", 0, evented: true)
        let service = HostedService(HostedTestDevice.switchType) { level }
        try await HostedTestDevice.withHost(service) { location in
            try await HostedTestDevice.withControlPoint { controlPoint in
                let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
                let subscription = try await controlPoint.subscribe(to: url)
                await withTaskGroup { group in
                    for number in 1...200 { group.addTask { await level.set(UInt32(number)) } }
                }
                await level.set(1000)
                var last = ""
                for await event in subscription.events {
                    last = event.properties["Level"] ?? last
                    if last == "1000" { break }
                }
                #expect(level.value == 1000)
                await subscription.cancel()
            }
        }
    }

    @Test("a UDN is random, derived from a text, or kept in a file")
    func udns() throws {
        #expect(HostedUDN.random() != HostedUDN.random())
        #expect(HostedUDN.derived(from: "") == "uuid:6c62272e-07bb-8142-a2b8-21756295c58d")
        #expect(HostedUDN.derived(from: "lamp 1") == HostedUDN.derived(from: "lamp 1"))
        #expect(HostedUDN.derived(from: "lamp 1") != HostedUDN.derived(from: "lamp 2"))
        try withTemporaryPath { path in
            let udn = try HostedUDN.kept(in: path)
            #expect(try HostedUDN.kept(in: path) == udn)
            try HostFile.write(path, "something else")
            #expect(throws: HostFileError.self) { try HostedUDN.kept(in: path) }
        }
        #expect(throws: HostFileError.self) { try HostedUDN.kept(in: "/nonexistent/folder/udn") }
    }
}
