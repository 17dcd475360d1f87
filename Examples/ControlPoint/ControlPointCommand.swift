import ArgumentParser
import NIOUPnP
import UPnP

/// Finds devices, shows what they can do, calls them and listens to them.
@main
struct ControlPointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control-point", abstract: "A control point in a page of code.",
        subcommands: [List.self, Call.self, Listen.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the devices and their services.")

        func run() async throws {
            try await withControlPoint { controlPoint in
                for try await device in controlPoint.search(.rootDevices) {
                    print("\(device.friendlyName)  \(device.udn)")
                    for service in device.services { print("    \(service.serviceType)") }
                }
            }
        }
    }

    struct Call: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Calls an action.",
            discussion: "Example: control-point call \"Desk lamp\" SwitchPower SetTarget newTargetValue=1")

        @Argument(help: "The device's name or UDN.") var device: String
        @Argument(help: "The service's type, or the name in it, such as SwitchPower.") var service: String
        @Argument(help: "The action.") var action: String
        @Argument(help: "Arguments as NAME=VALUE.") var arguments: [String] = []

        func run() async throws {
            let pairs = try arguments.map { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2 else { throw ValidationError("\(text) is not NAME=VALUE") }
                return (parts[0], UPnPValue.string(parts[1]))
            }
            let values = Dictionary(pairs) { _, last in last }
            try await withControlPoint { controlPoint in
                let found = try await find(device, with: controlPoint)
                let result = try await found.service(service).invoke(action, values)
                for result in result.values { print("\(result.name) = \(result.value.text)") }
            }
        }
    }

    struct Listen: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints a service's events until Ctrl-C.")

        @Argument(help: "The device's name or UDN.") var device: String
        @Argument(help: "The service's type, or the name in it, such as SwitchPower.") var service: String

        func run() async throws {
            try await withControlPoint { controlPoint in
                let found = try await find(device, with: controlPoint)
                for await event in try await found.service(service).subscribe() {
                    for property in event.properties.properties { print("\(property.name) = \(property.value)") }
                }
            }
        }
    }
}

/// The device of that name or UDN, as soon as it answers.
private func find(_ name: String, with controlPoint: ControlPoint) async throws -> DeviceProxy {
    for try await device in controlPoint.search(.all) where device.friendlyName == name || device.udn == name {
        return device
    }
    throw ValidationError("no device answers to “\(name)”")
}
