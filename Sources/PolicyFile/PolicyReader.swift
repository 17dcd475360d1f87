import AccessPolicy
import Yams

/// Reads a policy's YAML and collects every complaint on the way. What is refused is left out of the document, so that
/// the reader can go on; a document with complaints is never given away.
struct PolicyReader {
    static let errorLimit = 64

    let limits: PolicyLimits
    private(set) var errors: [PolicyTextError] = []

    init(limits: PolicyLimits) { self.limits = limits }

    var sortedErrors: [PolicyTextError] {
        errors.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) }
    }

    mutating func complain(_ mark: Mark?, _ message: String) {
        complain(line: mark?.line ?? 1, column: mark?.column ?? 1, message)
    }

    private mutating func complain(line: Int, column: Int, _ message: String) {
        guard errors.count < Self.errorLimit else { return }
        errors.append(PolicyTextError(line: max(line, 1), column: max(column, 1), message: message))
    }

    mutating func read(_ text: String) -> PolicyDocument {
        guard text.utf8.count <= limits.textBytes else {
            complain(nil, "a policy may have at most \(limits.textBytes) bytes, and this has \(text.utf8.count)")
            return PolicyDocument()
        }
        if let place = Self.anchor(in: text) {
            // An alias repeats what an anchor names, and a few lines of them make a document of any size.
            complain(
                line: place.line, column: place.column,
                "anchors of YAML are not used in policies: write it out, or put a blank between & and the word"
            )
            return PolicyDocument()
        }
        do {
            guard let root = try Yams.compose(yaml: text) else {
                complain(nil, "there is nothing in it: a policy begins with the line policy: 1")
                return PolicyDocument()
            }
            return document(root)
        } catch let error as YamlError {
            complain(error)
        } catch {
            complain(nil, "this is not YAML")
        }
        return PolicyDocument()
    }

    /// Where an anchor could begin: an `&` that follows no letter or digit and precedes no blank. A lexer would find
    /// fewer; none is missed.
    private static func anchor(in text: String) -> (line: Int, column: Int)? {
        var (line, column, isWord) = (1, 0, false)
        var pending: (line: Int, column: Int)?
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\r" || scalar == "\u{85}" || scalar == "\u{2028}" || scalar == "\u{2029}" {
                if scalar != "\r" { line += 1 }
                (column, isWord, pending) = (0, false, nil)
                continue
            }
            column += 1
            if let pending, scalar != " ", scalar != "\t" { return pending }
            pending = scalar == "&" && !isWord ? (line, column) : nil
            isWord = scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        }
        return nil
    }

    private mutating func complain(_ error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let about = context.map { " (\($0.text))" } ?? ""
            complain(mark, "this is not YAML: \(problem)\(about)")
        case .duplicatedKeysInMapping(let names, let context):
            let names = names.prefix(8).map(Self.quoted).joined(separator: ", ")
            complain(context.mark, "a key may stand only once in its place: \(names)")
        case .reader(let problem, _, _, _):
            complain(nil, "this is not YAML: \(problem)")
        default:
            complain(nil, "this is not YAML")
        }
    }

    private mutating func document(_ root: Node) -> PolicyDocument {
        var document = PolicyDocument()
        guard let fields = fields(root, of: "a policy", ["policy", "groups", "rooms", "rules"]) else { return document }
        if let version = fields["policy"] {
            if version.scalar?.string != "1" {
                complain(version.mark, "this program reads policies of version 1: write policy: 1")
            }
        } else {
            complain(root.mark, "the line policy: 1 is missing")
        }
        for (name, members) in fields["groups"].map({ named($0, "group") }) ?? [] {
            document.groups.append(group(name, members))
        }
        for (name, devices) in fields["rooms"].map({ named($0, "room") }) ?? [] {
            document.rooms.append(room(name, devices))
        }
        if let rules = fields["rules"] {
            var reader = RuleReader(
                reader: self, groups: document.groups.map(\.name), rooms: document.rooms.map(\.name))
            document.rules = reader.rules(rules)
            self = reader.reader
        }
        return document
    }

    private mutating func group(_ name: String, _ node: Node) -> PolicyDocument.Group {
        PolicyDocument.Group(name: name, members: texts(node, of: "the members of the group \(name)").map(\.string))
    }

    private mutating func room(_ name: String, _ node: Node) -> PolicyDocument.Room {
        let devices = texts(node, of: "the devices of the room \(name)").map { NamePattern($0.string) }
        return PolicyDocument.Room(name: name, devices: devices)
    }

    /// The entries of `groups` or `rooms`.
    private mutating func named(_ node: Node, _ kind: String) -> [(String, Node)] {
        guard let mapping = node.mapping else {
            if node.scalar?.string.isEmpty != true {
                complain(node.mark, "\(kind)s are written as {name: [entry, entry]}")
            }
            return []
        }
        if mapping.count > limits.groups {
            complain(node.mark, "a policy may have at most \(limits.groups) \(kind)s")
            return []
        }
        var entries: [(String, Node)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string, PolicyRule.isName(name) else {
                complain(key.mark, "the name of a \(kind) has 1 to 64 letters, digits, dots, hyphens and underlines")
                continue
            }
            entries.append((name, value))
        }
        return entries
    }
}

// MARK: - What all parts need

extension PolicyReader {
    /// A mapping's values by their keys; keys that are not known are complained of. Nil for what is no mapping.
    mutating func fields(_ node: Node, of what: String, _ known: [String]) -> [String: Node]? {
        guard let mapping = node.mapping else {
            complain(
                node.mark, "\(what) is written as keys and values, of which it knows \(known.joined(separator: ", "))")
            return nil
        }
        var fields: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string, known.contains(name) else {
                let name = key.scalar?.string ?? "a list"
                let near = Self.nearest(name, in: known).map { ": did you mean \($0)?" } ?? ""
                let hint = near.isEmpty ? "; it knows \(known.joined(separator: ", "))" : near
                complain(key.mark, "\(what) knows no \(Self.quoted(name))\(hint)")
                continue
            }
            fields[name] = value
        }
        return fields
    }

    /// A text with its place, bounded and without control characters; nil and a complaint for anything else.
    mutating func text(_ node: Node, of what: String) -> (string: String, mark: Mark?)? {
        guard let scalar = node.scalar else {
            complain(node.mark, "\(what) is one text and no list")
            return nil
        }
        let string = scalar.string
        guard !string.isEmpty else {
            complain(node.mark, "\(what) is empty")
            return nil
        }
        guard string.utf8.count <= limits.nameBytes else {
            complain(node.mark, "\(what) may have at most \(limits.nameBytes) bytes")
            return nil
        }
        guard !string.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            complain(node.mark, "\(what) must not have control characters")
            return nil
        }
        return (string, scalar.mark)
    }

    /// A list of texts, or one text alone; at least one.
    mutating func texts(_ node: Node, of what: String) -> [(string: String, mark: Mark?)] {
        guard let sequence = node.sequence else { return text(node, of: what).map { [$0] } ?? [] }
        if sequence.isEmpty { complain(node.mark, "\(what): an empty list is of no use, leave it out") }
        if sequence.count > limits.entries {
            complain(node.mark, "\(what): a list may have at most \(limits.entries) entries")
            return []
        }
        var found: [(string: String, mark: Mark?)] = []
        for entry in sequence {
            if let text = text(entry, of: "an entry of \(what)") { found.append(text) }
        }
        return found
    }

    static func quoted(_ text: String) -> String {
        let printable = text.unicodeScalars.prefix(40).map {
            $0.properties.generalCategory == .control ? "?" : String($0)
        }
        return "“\(printable.joined())”"
    }

    /// The known word that a misspelt one was meant to be.
    static func nearest(_ word: String, in known: [String]) -> String? {
        let word = Array(word.lowercased().unicodeScalars.prefix(40))
        let ranked = known.prefix(512).map { (distance(word, Array($0.lowercased().unicodeScalars.prefix(40))), $0) }
        guard let best = ranked.min(by: { $0.0 < $1.0 }), best.0 <= max(1, word.count / 3) else { return nil }
        return best.1
    }

    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let replaced = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
