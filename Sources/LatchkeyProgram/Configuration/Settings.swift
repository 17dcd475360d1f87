package import Configuration

/// What was configured, from the command line, the environment and a file, in this order of precedence.
///
/// Each value is checked where it is read, and an error names where the value stands: the option, the
/// variable, or the file and the key.
package struct Settings: Sendable {
    /// One place that values come from.
    package struct Layer: Sendable {
        package enum Source: Hashable, Sendable {
            case commandLine
            case environment
            case file(String)
        }

        package var source: Source
        package var provider: any ConfigProvider

        package init(_ source: Source, _ provider: any ConfigProvider) {
            self.source = source
            self.provider = provider
        }

        func name(of key: SettingKey) -> String {
            switch source {
            case .commandLine: key.option ?? key.dotted
            case .environment: key.variable
            case .file(let path): "\(key.dotted) in \(path)"
            }
        }
    }

    /// The places, the strongest first.
    package var layers: [Layer]

    package init(layers: [Layer]) {
        self.layers = layers
    }

    /// A text, converted by `parse`; nil when it is configured nowhere.
    ///
    /// Throws a usage error that says what was expected when the strongest value does not convert.
    package func value<Value>(
        _ key: SettingKey, expecting expected: String, _ parse: (String) -> Value?
    ) throws -> Value? {
        guard let (layer, content) = try lookUp(key, .string, expecting: expected),
            case .string(let text) = content
        else { return nil }
        guard let value = parse(text) else {
            throw ProgramError.usage("\(layer.name(of: key)) is “\(text)”, but \(expected) is expected")
        }
        return value
    }

    /// A text that is not empty and at most 256 bytes long.
    package func text(_ key: SettingKey) throws -> String? {
        try value(key, expecting: "a text of 1 to 256 bytes") { text in
            (1...256).contains(text.utf8.count) ? text : nil
        }
    }

    /// A whole number within `range`.
    package func integer(_ key: SettingKey, in range: ClosedRange<Int>) throws -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let (layer, content) = try lookUp(key, .int, expecting: expected), case .int(let number) = content
        else { return nil }
        guard range.contains(number) else {
            throw ProgramError.usage("\(layer.name(of: key)) is \(number), but \(expected) is expected")
        }
        return number
    }

    /// Yes or no.
    package func flag(_ key: SettingKey) throws -> Bool? {
        guard let (_, content) = try lookUp(key, .bool, expecting: "true or false"), case .bool(let flag) = content
        else { return nil }
        return flag
    }

    /// A list; the environment separates its items with commas. At most `limit` items.
    package func list<Value>(
        _ key: SettingKey, limit: Int = 64, expecting expected: String, _ parse: (String) -> Value?
    ) throws -> [Value]? {
        guard let (layer, content) = try lookUp(key, .stringArray, expecting: "a list, each of it \(expected)"),
            case .stringArray(let texts) = content
        else { return nil }
        guard texts.count <= limit else {
            throw ProgramError.usage(
                "\(layer.name(of: key)) has \(texts.count) items, but at most \(limit) are possible")
        }
        return try texts.map { text in
            guard let value = parse(text) else {
                throw ProgramError.usage("\(layer.name(of: key)) holds “\(text)”, but \(expected) is expected")
            }
            return value
        }
    }

    private func lookUp(
        _ key: SettingKey, _ type: ConfigType, expecting expected: String
    ) throws -> (Layer, ConfigContent)? {
        for layer in layers {
            do {
                let result = try layer.provider.value(forKey: AbsoluteConfigKey(key.path), type: type)
                if let value = result.value { return (layer, value.content) }
            } catch {
                throw ProgramError.usage("\(layer.name(of: key)) does not hold what is expected: \(expected)")
            }
        }
        return nil
    }
}
