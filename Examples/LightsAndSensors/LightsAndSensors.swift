import ArgumentParser
import Groups
import Support
import Synchronization

/// Lights that answer and change, and sensors that announce: who may do what is decided at the gateway.
@main
struct LightsAndSensors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lights-and-sensors", abstract: "Lights and sensors in a secure group.",
        subcommands: [Light.self, Sensor.self, Switch.self])

    /// Lights answer here: `on`, `off` or `state` in, the state out.
    static let light = "urn:example:service:Light:1"
    /// Sensors announce here.
    static let motion = "urn:example:service:Motion:1"
}

/// What every device is started with.
struct DeviceOptions: ParsableArguments {
    @Option(help: "The device's name, as it was enrolled.")
    var id: String

    @Option(help: "A file with its setup code.")
    var codeFile: String

    func join(_ body: @escaping @Sendable (GroupMember) async throws -> Void) async throws {
        let configuration = GroupMemberConfiguration(id: id, setupCode: try setupCode(in: codeFile))
        try await runUntilSignal { try await withGroup(configuration, body) }
    }
}

/// A light: answers switches, and goes on when something moves.
struct Light: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Be a light.")

    @OptionGroup var device: DeviceOptions

    func run() async throws {
        let lamp = Lamp(name: device.id)
        try await device.join { group in
            try await withThrowingTaskGroup(of: Void.self) { services in
                services.addTask {
                    try await group.serve(LightsAndSensors.light) { request in
                        if request.text == "on" || request.text == "off" { lamp.set(request.text == "on") }
                        return Array(lamp.state.utf8)
                    }
                }
                services.addTask {
                    try await group.serve(LightsAndSensors.motion) { _ in
                        lamp.set(true)
                        return nil
                    }
                }
                say("\(lamp.state)")
                try await services.waitForAll()
            }
        }
    }
}

/// What a light is made of.
final class Lamp: Sendable {
    let name: String
    private let isOn = Mutex(false)

    init(name: String) { self.name = name }

    var state: String { "\(name) is \(isOn.withLock { $0 } ? "on" : "off")" }

    func set(_ on: Bool) {
        let hasChanged = isOn.withLock { isOn in
            defer { isOn = on }
            return isOn != on
        }
        if hasChanged { say(state) }
    }
}

/// A motion sensor: a line of standard input is a movement.
struct Sensor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Announce movements, one for each line of input.")

    @OptionGroup var device: DeviceOptions

    func run() async throws {
        let id = device.id
        try await device.join { group in
            while let line = readLine() {
                try await group.announce(LightsAndSensors.motion, "\(id): \(line)")
                say("told: \(line)")
            }
        }
    }
}

/// Switches all lights, or asks how they are.
struct Switch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say on, off or state to every light.")

    @OptionGroup var device: DeviceOptions

    @Argument(help: "on, off or state.")
    var order: String

    func run() async throws {
        let order = order
        try await device.join { group in
            do {
                for try await answer in group.request(LightsAndSensors.light, order, window: .seconds(1)) {
                    say(answer.text)
                }
            } catch let error as GroupError where error.refusal == .notAllowed {
                say("this device may not switch lights")
            }
        }
    }
}
