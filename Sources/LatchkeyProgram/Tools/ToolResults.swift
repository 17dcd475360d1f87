import NIOUPnP
import Synchronization
import UPnP

/// A device that answered a search, as it is printed.
struct FoundDevice: Encodable, Hashable, Sendable {
    var udn: String
    var type: String
    var name: String
    var location: String
    /// The UDN of the root device, when this one is embedded in it.
    var root: String?

    /// The devices of `root` that `target` means: with `ssdp:all` the embedded ones too.
    static func matching(_ target: SearchTarget, in root: RootDevice) -> [FoundDevice] {
        return root.devices(matching: target).map {
            FoundDevice(
                udn: $0.udn, type: $0.deviceType, name: $0.friendlyName, location: root.location.description,
                root: $0.udn == root.udn ? nil : root.udn
            )
        }
    }
}

/// What a search has found so far, each once.
final class FoundDevices: Sendable {
    private let devices = Mutex<[FoundDevice]>([])

    var all: [FoundDevice] { devices.withLock { $0 } }

    /// Adds devices and returns those that were not there.
    func add(_ found: [FoundDevice]) -> [FoundDevice] {
        devices.withLock { devices in
            let new = found.filter { !devices.contains($0) }
            devices += new
            return new
        }
    }
}

/// What an action answered; in JSON numbers are numbers and booleans are booleans, as the service declares.
struct ActionAnswer: Encodable, Sendable {
    struct Result: Sendable {
        var name: String
        var text: String
        var value: UPnPValue
    }

    var action: String
    var results: [Result]

    init(action: String, response: ActionResponse, scpd: SCPD) {
        self.action = action
        let declared = scpd.action(named: action)?.outArguments ?? []
        self.results = response.arguments.map { argument in
            let variable = declared.first { $0.name == argument.name }
                .flatMap { scpd.stateVariable(named: $0.relatedStateVariable) }
            let value = variable.flatMap { UPnPValue(argument.value, as: $0.dataType) }
            return Result(name: argument.name, text: argument.value, value: value ?? .string(argument.value))
        }
    }

    private enum Key: String, CodingKey { case action, results }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(action, forKey: .action)
        var values = container.nestedContainer(keyedBy: Name.self, forKey: .results)
        for result in results {
            let name = Name(stringValue: result.name)
            switch result.value {
            case .ui1(let number): try values.encode(number, forKey: name)
            case .ui2(let number): try values.encode(number, forKey: name)
            case .ui4(let number): try values.encode(number, forKey: name)
            case .ui8(let number): try values.encode(number, forKey: name)
            case .i1(let number): try values.encode(number, forKey: name)
            case .i2(let number): try values.encode(number, forKey: name)
            case .i4(let number): try values.encode(number, forKey: name)
            case .i8(let number), .int(let number): try values.encode(number, forKey: name)
            case .r4(let number): try values.encode(number, forKey: name)
            case .r8(let number), .number(let number), .float(let number): try values.encode(number, forKey: name)
            case .boolean(let flag): try values.encode(flag, forKey: name)
            default: try values.encode(result.text, forKey: name)
            }
        }
    }
}

/// One event, as it is printed.
struct EventLine: Encodable, Sendable {
    var seq: UInt32
    var properties: [String: String]

    init(_ event: DeviceEvent) {
        self.seq = event.sequence
        self.properties = Dictionary(
            event.properties.properties.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last }
        )
    }

    func show(_ invocation: Invocation) {
        if invocation.json {
            do {
                try invocation.console.json(self)
            } catch {
                invocation.console.error("event \(seq) could not be printed: \(error)")
            }
            return
        }
        invocation.console.line("event \(seq)")
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            invocation.console.text("  \(name): \(value)")
        }
    }
}
