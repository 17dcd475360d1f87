/// What another policy changes, as sentences.
package enum PolicyDifference {
    /// From an older policy to a newer: groups, rooms, then rules. Empty for policies that mean the same.
    package static func sentences(from old: PolicyDocument, to new: PolicyDocument) -> [String] {
        var sentences: [String] = []
        sentences += named(
            "group", Dictionary(old.groups.map { ($0.name, $0.members) }) { $1 },
            Dictionary(new.groups.map { ($0.name, $0.members) }) { $1 })
        sentences += named(
            "room", Dictionary(old.rooms.map { ($0.name, $0.devices.map(\.text)) }) { $1 },
            Dictionary(new.rooms.map { ($0.name, $0.devices.map(\.text)) }) { $1 })
        let before = Dictionary(old.withoutLines.rules.map { ($0.name, $0) }) { $1 }
        let after = Dictionary(new.withoutLines.rules.map { ($0.name, $0) }) { $1 }
        for rule in old.rules where after[rule.name] == nil {
            sentences.append("the rule \(rule.name) is gone, which \(rule.sentence)")
        }
        for rule in new.rules {
            guard let earlier = before[rule.name] else {
                sentences.append("the rule \(rule.name) is new and \(rule.sentence)")
                continue
            }
            if let current = after[rule.name], earlier != current {
                sentences.append("the rule \(rule.name), which \(earlier.sentence), now \(current.sentence)")
            }
        }
        let common = Set(before.keys).intersection(after.keys)
        if sentences.isEmpty,
            old.rules.map(\.name).filter(common.contains) != new.rules.map(\.name).filter(common.contains)
        {
            sentences.append("the rules stand in another order, which changes no decision")
        }
        return sentences
    }

    private static func named(_ kind: String, _ old: [String: [String]], _ new: [String: [String]]) -> [String] {
        var sentences: [String] = []
        for name in Set(old.keys).union(new.keys).sorted() {
            switch (old[name], new[name]) {
            case (nil, let new?): sentences.append("the \(kind) \(name) is new: \(new.joined(separator: ", "))")
            case (_?, nil): sentences.append("the \(kind) \(name) is gone")
            case (let old?, let new?):
                let (gone, come) = (Set(old).subtracting(new).sorted(), Set(new).subtracting(old).sorted())
                if !come.isEmpty { sentences.append("to the \(kind) \(name) come \(come.joined(separator: ", "))") }
                if !gone.isEmpty { sentences.append("from the \(kind) \(name) go \(gone.joined(separator: ", "))") }
            case (nil, nil): break
            }
        }
        return sentences
    }
}

extension PolicyRule {
    /// What the rule does, after its name: `permits SetVolume to group:family on devices of type MediaRenderer, …`.
    package var sentence: String {
        func list(_ texts: [String]) -> String { texts.joined(separator: ", ") }
        var parts: [String] = []
        if let preset {
            parts.append("gives the preset \(preset.rawValue)")
        } else {
            parts.append("\(effect == .permit ? "permits" : "denies") \(list(operations.map(\.text)))")
        }
        parts.append("to \(who.isEmpty ? "everyone" : list(who.map(\.text)))")
        if !via.isEmpty { parts.append("through \(list(via.map(\.text)))") }
        if !device.udn.isEmpty { parts.append("on the devices \(list(device.udn))") }
        if !device.name.isEmpty { parts.append("on devices called \(list(device.name.map(\.text)))") }
        if !device.room.isEmpty { parts.append("in \(list(device.room))") }
        if !device.type.isEmpty { parts.append("on devices of type \(list(device.type.map(\.text)))") }
        if !service.isEmpty { parts.append("of the service \(list(service.map(\.text)))") }
        if !arguments.isEmpty { parts.append("with \(list(arguments.map(\.text)))") }
        if !below.isEmpty { parts.append("below \(list(below))") }
        if let when { parts.append("at \(when.text)") }
        if let until { parts.append("until \(until.text)") }
        if consent { parts.append("after consent to the first use") }
        return parts.joined(separator: " ")
    }
}
