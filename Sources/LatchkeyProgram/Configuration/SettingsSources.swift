import Configuration
import Foundation

/// The values that the command line gave, by key; what was not typed is absent.
package struct CommandLineValues: Sendable {
    fileprivate var values: [AbsoluteConfigKey: ConfigValue] = [:]

    package init() {}

    /// Notes a text, if one was typed.
    package mutating func set(_ key: SettingKey, _ text: String?) {
        guard let text else { return }
        values[AbsoluteConfigKey(key.path)] = ConfigValue(.string(text), isSecret: false)
    }

    /// Notes a number, if one was typed.
    package mutating func set(_ key: SettingKey, _ number: Int?) {
        guard let number else { return }
        values[AbsoluteConfigKey(key.path)] = ConfigValue(.int(number), isSecret: false)
    }

    /// Notes that a flag was typed; its absence leaves the choice to the environment and the file.
    package mutating func set(_ key: SettingKey, _ isTyped: Bool) {
        guard isTyped else { return }
        values[AbsoluteConfigKey(key.path)] = ConfigValue(.bool(true), isSecret: false)
    }

    /// Notes a flag that can be typed either way, if it was typed.
    package mutating func setChoice(_ key: SettingKey, _ flag: Bool?) {
        guard let flag else { return }
        values[AbsoluteConfigKey(key.path)] = ConfigValue(.bool(flag), isSecret: false)
    }

    /// Notes a list, unless nothing was typed.
    package mutating func set(_ key: SettingKey, _ texts: [String]) {
        guard !texts.isEmpty else { return }
        values[AbsoluteConfigKey(key.path)] = ConfigValue(.stringArray(texts), isSecret: false)
    }
}

extension Settings {
    /// The largest configuration file that is read, in bytes.
    package static let longestFile = 1 << 20

    /// Gathers the layers.
    ///
    /// `configurationFile` (`--config`, else `LATCHKEY_CONFIG`) must exist when it is named; otherwise
    /// `latchkey.json` in the state folder is read when it is there.
    package static func load(
        commandLine: CommandLineValues, configurationFile: String?, environment: [String: String]
    ) throws -> Settings {
        let set = environment.filter { !$0.value.isEmpty }
        var settings = Settings(layers: [
            Layer(.commandLine, InMemoryProvider(name: "command line", values: commandLine.values)),
            Layer(
                .environment,
                EnvironmentVariablesProvider(environmentVariables: set).prefixKeys(with: ConfigKey(["latchkey"]))
            ),
        ])
        if let file = configurationFile ?? set["LATCHKEY_CONFIG"] {
            settings.layers.append(try fileLayer(file))
        } else {
            let file = try settings.stateFolder(environment: set).path + "/latchkey.json"
            if FileManager.default.fileExists(atPath: file) { settings.layers.append(try fileLayer(file)) }
        }
        return settings
    }

    private static func fileLayer(_ path: String) throws -> Layer {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw ProgramError.usage("the configuration file \(path) cannot be read")
        }
        defer { try? handle.close() }
        let data = (try? handle.read(upToCount: longestFile + 1)) ?? Data()
        guard data.count <= longestFile else {
            throw ProgramError.usage("the configuration file \(path) is larger than \(longestFile) bytes")
        }
        guard case .object(let object)? = try? JSONDecoder().decode(FileValue.self, from: data) else {
            throw ProgramError.usage(
                "the configuration file \(path) is not a JSON object of texts, numbers, true, false and lists of texts"
            )
        }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            if case .object(let room) = value {
                for (inner, value) in room.sorted(by: { $0.key < $1.key }) {
                    try add([name, inner], value, to: &values, path)
                }
            } else {
                try add([name], value, to: &values, path)
            }
        }
        return Layer(.file(path), InMemoryProvider(name: path, values: values))
    }

    /// A misspelt key would otherwise be a setting that silently does nothing.
    private static func add(
        _ components: [String], _ value: FileValue, to values: inout [AbsoluteConfigKey: ConfigValue], _ path: String
    ) throws {
        guard SettingKey.all.contains(where: { $0.path == components }), let content = value.content else {
            throw ProgramError.usage("\(components.joined(separator: ".")) in \(path) is not a setting of latchkey")
        }
        values[AbsoluteConfigKey(components)] = ConfigValue(content, isSecret: false)
    }
}

/// What may stand in a configuration file.
private enum FileValue: Decodable {
    case flag(Bool)
    case number(Int)
    case text(String)
    case list([String])
    case object([String: FileValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([String].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: FileValue].self))
        }
    }

    var content: ConfigContent? {
        switch self {
        case .flag(let flag): .bool(flag)
        case .number(let number): .int(number)
        case .text(let text): .string(text)
        case .list(let list): .stringArray(list)
        case .object: nil
        }
    }
}
